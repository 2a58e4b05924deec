"""Questions from outside: read only, without a way to the file system, on whatever copy there is."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from lake import read
from lake.connect import Lake
from lake.errors import LakeError
from lake.read import QueryError, query
from tests.lake.rows import cost, frame


@pytest.fixture
def asked(lake: Lake, data_dir: Path) -> Path:
    """A lake with three costs, still open in this process."""
    rows = [cost(1, "0.000000000001"), cost(2, "1"), cost(3, None)]
    lake.run(lambda tx: tx.append("costs", frame("costs", rows)))
    return data_dir


def test_money_is_exact(asked: Path) -> None:
    answer = query(asked, "SELECT sum(cost_usd) AS total FROM costs")
    assert answer.schema == {"total": pl.Decimal(38, 12)}
    assert str(answer.item()) == "1.000000000001"


@pytest.mark.parametrize(
    "sql",
    [
        "FROM costs",
        "WITH c AS (SELECT * FROM costs) SELECT count(*) FROM c",
        "DESCRIBE costs",
        "SHOW TABLES",
        "SUMMARIZE costs",
        "EXPLAIN SELECT * FROM costs",
        "EXPLAIN ANALYZE SELECT * FROM costs",
        "VALUES (1)",
        "SELECT 1 AS a, 2 AS a",
        "SELECT INTERVAL 1 DAY, MAP {'a': 1}, '101'::BIT, [INTERVAL 1 DAY]",
        "SELECT count(*) FROM ducklake_snapshots('lake')",
        "SELECT * FROM costs AT (VERSION => 2);",
    ],
)
def test_what_reads_is_answered(asked: Path, sql: str) -> None:
    assert query(asked, sql).width > 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DELETE FROM costs", "not DELETE"),
        ("EXPLAIN ANALYZE DELETE FROM costs", "not DELETE"),
        ("COPY costs TO '{dir}/data/out.csv'", "not COPY"),
        ("ATTACH ':memory:' AS other", "not ATTACH"),
        ("SET memory_limit = '1GB'", "not SET"),
        ("CALL ducklake_flush_inlined_data('lake')", "not CALL"),
        ("SELECT 1; DROP TABLE costs", "give one query, not 2"),
        ("", "give one query, not 0"),
        ("FROM ducklake_cleanup_old_files('lake', cleanup_all => true)", "ducklake_cleanup_old_files is not allowed"),
        ("WITH x AS (FROM DuckLake_Expire_Snapshots('lake')) FROM x", "ducklake_expire_snapshots is not allowed"),
        ("SELECT (SELECT count(*) FROM ducklake_merge_adjacent_files('lake'))", "ducklake_merge_adjacent_files is not"),
        ("FROM query('SELECT 1')", "query is not allowed"),
        ("SELECT * FROM read_text('/etc/hostname')", "file system operations are disabled"),
        ("SELECT * FROM glob('/etc/*')", "file system operations are disabled"),
        ("SELEC 1", "syntax error"),
        ("FROM nowhere", "nowhere does not exist"),
        ("SELECT 1::DECIMAL(3,2) / 'x'::INT", "Could not convert"),
    ],
)
def test_what_does_more_or_is_wrong_is_refused_in_one_line(asked: Path, sql: str, reason: str) -> None:
    before = {file: file.stat().st_size for file in asked.glob("data/**/*")}
    with pytest.raises(QueryError, match=reason) as refusal:
        query(asked, sql.replace("{dir}", str(asked)))
    assert "\n" not in str(refusal.value)
    assert {file: file.stat().st_size for file in asked.glob("data/**/*")} == before


def test_no_lake_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no lake at"):
        query(tmp_path, "SELECT 1")


def test_a_copy_that_cannot_be_written_can_be_read(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake.open(asked) as closing:
        closing.read("SELECT 1")
    copy = tmp_path / "copy"
    shutil.copytree(asked, copy, ignore=shutil.ignore_patterns("*-shm", "*-wal"))
    before = set(copy.rglob("*"))
    monkeypatch.setattr(read.os, "access", lambda path, mode: False)
    for _ in range(2):
        assert query(copy, "SELECT count(*) FROM spans").item() == 0
    assert set(copy.rglob("*")) == before
