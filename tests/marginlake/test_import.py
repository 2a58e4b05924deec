"""`marginlake import`: which files it means, what of them it takes, and that it can be broken off anywhere."""

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics.period import Period
from lake.connect import Lake
from marginlake import reading
from marginlake.config import Config
from marginlake.failures import CommandError
from marginlake.importer import import_files, preview
from marginlake.sources import files_of
from tests.marginlake.archives import archive
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import (
    DATA,
    as_toml,
    captured,
    differences,
    fill,
    land_batches,
    rules,
    tables,
    tables_of,
    traces,
)
from tests.receiver.otlp_payloads import START_NS, payload, span

Cli = Callable[..., Answer]
CAPTURES = sorted((DATA / "dialects").glob("*.pb"))
DAY = datetime.fromtimestamp(START_NS / 1e9, UTC)


def one_span(number: int, **at: float) -> bytes:
    start = START_NS + int(timedelta(**at).total_seconds()) * 10**9
    return payload(
        span({"n": number}, trace_id=bytes([number] * 16), span_id=bytes([number] * 8), start_ns=start, end_ns=start)
    )


class TestWhichFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        place = tmp_path / "in"
        (place / "deep").mkdir(parents=True)
        (place / ".hidden").mkdir()
        for name in ("b.pb", "a.jsonl.gz", "deep/c.mlj.zst", "notes.txt", ".d.pb", ".hidden/e.pb", "f.mlj.zst.part"):
            (place / name).touch()
        return place

    def test_a_folder_means_the_files_with_known_endings_in_it_by_name(self, folder: Path) -> None:
        assert files_of([folder]) == [folder / "a.jsonl.gz", folder / "b.pb", folder / "deep" / "c.mlj.zst"]

    def test_a_named_file_is_taken_whatever_its_name(self, folder: Path) -> None:
        assert files_of([folder / "notes.txt"]) == [folder / "notes.txt"]

    def test_patterns_are_expanded_and_folders_among_what_they_match(self, folder: Path) -> None:
        assert files_of([folder / "*.pb"]) == [folder / "b.pb"]
        assert files_of([folder / "**" / "*.zst"]) == [folder / "deep" / "c.mlj.zst"]
        assert files_of([folder / "d*"]) == [folder / "deep" / "c.mlj.zst"]

    def test_a_file_whose_very_name_is_a_pattern_is_that_file(self, folder: Path) -> None:
        (folder / "b[1].pb").touch()
        assert files_of([folder / "b[1].pb"]) == [folder / "b[1].pb"]

    def test_every_file_once_where_it_was_named_first(self, folder: Path) -> None:
        (folder / "z.pb").symlink_to(folder / "b.pb")
        found = files_of([folder / "b.pb", folder, folder / "*.pb"])
        assert found == [folder / "b.pb", folder / "a.jsonl.gz", folder / "deep" / "c.mlj.zst"]

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("gone.pb", "gone.pb: no such file"),
            ("*.csv", "*.csv: no file has such a name"),
            ("deep/empty", "deep/empty: no file in it ends in .pb"),
        ],
    )
    def test_what_names_nothing_is_an_error(self, name: str, told: str, folder: Path) -> None:
        (folder / "deep" / "empty").mkdir()
        with pytest.raises(CommandError) as error:
            files_of([folder, folder / name])
        assert str(error.value).startswith(f"{folder}/{told}")

    def test_the_archive_of_the_data_directory(self, tmp_path: Path) -> None:
        segments = archive(tmp_path / "data", captured()[:6], segment_bytes=2_000)
        assert len(segments) > 2
        assert files_of([], tmp_path / "data") == segments
        assert files_of([tmp_path / "data" / "archive"]) == segments
        with pytest.raises(CommandError, match=r"archive: no archived segments"):
            files_of([], tmp_path / "elsewhere")


def test_an_archive_gives_the_tables_that_arrived_live(cli: Cli, tmp_path: Path) -> None:
    live = captured_lake(tmp_path / "live")
    data = tmp_path / "again"
    archive(data, captured())
    config = tmp_path / "settings.toml"
    config.write_text(as_toml())
    first = cli("import", "--archive", "--data", data, "--config", config)
    assert (first.code, first.err) == (0, "")
    assert differences(live, tables_of(data)) == []
    second = cli("import", "--archive", "--data", data, "--config", config)
    assert ": 0 new spans, 0 new signals, " in second.out
    assert differences(live, tables_of(data)) == []


def test_files_and_folders_together_in_any_packing(cli: Cli, tmp_path: Path) -> None:
    together = tmp_path / "in"
    together.mkdir()
    for number, capture in enumerate(CAPTURES[:6]):
        content = capture.read_bytes()
        if number % 2:
            (together / f"{capture.name}.gz").write_bytes(gzip.compress(content))
        else:
            (together / capture.name).write_bytes(content)
    answer = cli("import", together, CAPTURES[7], "--data", tmp_path / "lake")
    assert answer.code == 0
    assert answer.out.startswith("7 files: ")
    expected = land_batches(tmp_path / "live", [[traces(path.read_bytes()) for path in (*CAPTURES[:6], CAPTURES[7])]])
    assert tables_of(tmp_path / "lake")["spans"].height == expected["spans"].height


def test_a_file_that_cannot_be_read_does_not_stop_the_others(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("hello")
    answer = cli("import", tmp_path / "broken.json", CAPTURES[0], "--data", tmp_path / "lake")
    assert answer.code == 1
    first, last = answer.err.splitlines()
    assert first.startswith(f"marginlake: {tmp_path / 'broken.json'}: byte 0: this is not OTLP traces")
    assert last == "marginlake: 1 of 2 files could not be imported"
    assert tables_of(tmp_path / "lake")["spans"].height > 0


class TestDryRun:
    def test_says_what_would_come_and_writes_nothing(self, cli: Cli, tmp_path: Path) -> None:
        dry = cli("import", *CAPTURES[:3], "--data", tmp_path / "lake", "--dry-run")
        assert (dry.code, dry.err) == (0, "")
        assert not (tmp_path / "lake").exists()
        real = cli("import", *CAPTURES[:3], "--data", tmp_path / "lake")
        assert dry.out.splitlines()[0] == real.out.splitlines()[0]

    def test_beside_a_lake_only_what_it_lacks_counts_and_each_once(self, tmp_path: Path) -> None:
        fill(tmp_path, [captured()[:3]])
        files = []
        for number, record in enumerate((*captured()[1:5], *captured()[1:5])):
            files.append(tmp_path / f"{number}.pb")
            files[-1].write_bytes(record.payload)
        before = sorted(path.name for path in tmp_path.rglob("*.parquet"))
        with Lake.open(tmp_path, read_only=True, threads=1) as lake:
            found = preview(lake, files, rules(), Config())
        assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == before
        with Lake.open(tmp_path, threads=1) as lake:
            done = import_files(lake, files, rules(), Config())
        assert (found.spans, found.signals) == (done.spans, done.signals)
        assert found.spans > 0


class TestPeriod:
    def test_only_what_began_in_it_comes(self, tmp_path: Path) -> None:
        files = []
        for number, hours in enumerate((0, 30, 60), start=1):
            files.append(tmp_path / f"{number}.pb")
            files[-1].write_bytes(one_span(number, hours=hours))
        period = Period(DAY + timedelta(hours=29), DAY + timedelta(hours=59))
        with Lake.open(tmp_path / "lake", threads=1) as lake:
            import_files(lake, files, rules(), Config(), period=period)
            assert tables(lake)["spans"]["trace_id"].to_list() == ["02" * 16]
            # what another period left out is read when it is asked for
            import_files(lake, files, rules(), Config())
            assert tables(lake)["spans"].height == 3

    def test_parts_add_up_to_the_whole(self, tmp_path: Path) -> None:
        whole = captured_lake(tmp_path / "whole")
        segments = archive(tmp_path / "data", captured())
        starts = whole["spans"]["start_time"].sort()
        middle = starts[len(starts) // 2]
        with Lake.open(tmp_path / "lake", threads=1) as lake:
            for period in (Period(middle, None), Period(None, middle)):
                import_files(lake, segments, rules(), Config(), period=period)
            assert differences(whole, tables(lake)) == []

    def test_segments_that_ended_long_before_it_are_not_even_opened(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (segment,) = archive(tmp_path / "data", [traces(one_span(1))])
        ended = (DAY - timedelta(days=2)).timestamp()
        os.utime(segment, (ended, ended))
        monkeypatch.setattr(reading, "content_sha256", lambda path: pytest.fail(f"{path} was opened"))
        with Lake.open(tmp_path / "lake", threads=1) as lake:
            assert import_files(lake, [segment], rules(), Config(), period=Period(DAY, None)).spans == 0

    def test_from_must_be_before_to(self, cli: Cli, tmp_path: Path) -> None:
        answer = cli("import", tmp_path, "--from", "2026-02-01", "--to", "2026-01-01")
        assert (answer.code, answer.complaint.split(" (")[0]) == (2, "--from must be before --to")


def test_an_import_that_is_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_BYTES", 1)
    whole = captured_lake(tmp_path / "whole")
    segments = archive(tmp_path / "data", captured())
    stops = iter([False, False, True])
    with Lake.open(tmp_path / "lake", threads=1) as lake:
        first = import_files(lake, segments, rules(), Config(), stop=lambda: next(stops))
        assert 0 < first.spans < whole["spans"].height
        monkeypatch.setattr(reading, "BATCH_BYTES", 1 << 20)
        second = import_files(lake, segments, rules(), Config())
        assert first.spans + second.spans == whole["spans"].height
        assert differences(whole, tables(lake)) == []


def test_one_transaction_takes_many_small_files(tmp_path: Path) -> None:
    files = []
    for number in range(1, 30):
        files.append(tmp_path / f"{number:02}.pb")
        files[-1].write_bytes(one_span(number))
    with Lake.open(tmp_path / "lake", threads=1) as lake:
        snapshots = "SELECT count(*) FROM ducklake_snapshots('lake')"
        before = lake.read(snapshots).item()
        assert import_files(lake, files, rules(), Config()).spans == 29
        assert lake.read(snapshots).item() == before + 1
        assert lake.read("SELECT count(*) FROM ingest_progress").item() == 29


def test_json_lines_count_as_they_did(cli: Cli, tmp_path: Path) -> None:
    lines = [json.dumps(json.loads(path.read_text())) for path in sorted((DATA / "paid" / "node").glob("*.json"))]
    (tmp_path / "node.jsonl").write_text("\n".join(lines))
    assert cli("import", tmp_path / "node.jsonl", "--data", tmp_path / "lake").code == 0
    assert tables_of(tmp_path / "lake")["spans"].height > 0
