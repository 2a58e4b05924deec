"""What DuckDB spills lies below the data directory, and what a killed process left there does not stay for ever."""

import os
import time
from pathlib import Path

from lake.connect import Lake
from lake.spill import spill_directory


def test_old_leftovers_go_and_those_that_may_be_in_use_stay(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    old, new, other = (folder / name for name in ("duckdb_temp_1.tmp", "duckdb_temp_2.tmp", "notes.txt"))
    for file in (old, new, other):
        file.write_bytes(b"spilt")
    two_days_ago = time.time() - 2 * 86_400
    for file in (old, other):
        os.utime(file, (two_days_ago, two_days_ago))
    assert spill_directory(tmp_path) == str(folder)
    assert sorted(file.name for file in folder.iterdir()) == ["duckdb_temp_2.tmp", "notes.txt"]


def test_what_does_not_fit_the_memory_goes_there_and_nowhere_else(tmp_path: Path) -> None:
    with Lake.open(tmp_path / "lake", threads=1, memory_limit="64MB") as lake:
        assert Path(lake.read("SELECT current_setting('temp_directory')").item()) == tmp_path / "lake" / "tmp"
        rows = "SELECT md5(i::VARCHAR) AS id, md5((i + 1)::VARCHAR) AS other FROM range(1_500_000) AS numbers(i)"
        assert lake.read(f"SELECT count(*) FROM (SELECT * FROM ({rows}) ORDER BY id)").item() == 1_500_000
