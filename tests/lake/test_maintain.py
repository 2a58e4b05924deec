"""Upkeep changes what a lake weighs, never what it says: not today's answers, not those of a kept snapshot."""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from lake.connect import Lake
from lake.maintain import Policy, expirable, maintain
from lake.stats import lake_stats
from tests.lake.rows import NOON, after, frame, margin, span

NOW = timedelta(0)
NO_PATIENCE = Policy(keep_each=NOW, keep_hourly=NOW, grace=NOW, orphans_after=NOW)
SUM = "count(*), count(DISTINCT signal_id), sum(revenue_usd)::VARCHAR, max(occurred_at)"


def live_a_while(lake: Lake, commits: int = 14) -> None:
    """Small commits, each of which also changes a few rows of earlier ones."""
    for number in range(commits):
        with lake.transaction() as tx:
            new = [margin(f"{number}-{n}", at=after(minutes=number), revenue="1") for n in range(5)]
            tx.append("event_margins", frame("event_margins", new))
            tx.append("spans", frame("spans", [span(number, trace_number=number, at=after(minutes=number))]))
            if number > 3:
                changed = frame("event_margins", [margin(f"{number - 3}-1", at=after(minutes=number - 3), revenue="2")])
                tx.replace("event_margins", changed.select("signal_id"), changed)
            tx.set_progress("journal", number)


def files(data_dir: Path, table: str) -> int:
    return len(list(data_dir.glob(f"data/main/{table}/*")))


def test_many_small_files_become_few_and_answers_stay(lake: Lake, data_dir: Path) -> None:
    live_a_while(lake)
    before = lake.read(f"SELECT {SUM} FROM event_margins").row(0)
    report = maintain(lake, NO_PATIENCE)
    assert lake.read(f"SELECT {SUM} FROM event_margins").row(0) == before
    assert lake.progress("journal") == 13
    for table in ("event_margins", "spans", "ingest_log", "key_directory"):
        assert files(data_dir, table) == 1, table
    assert report.files_merged > 20
    assert report.files_rewritten > 0
    assert report.files_deleted > 50
    again = maintain(lake, NO_PATIENCE)
    assert (again.files_merged, again.files_rewritten) == (0, 0)


def test_every_kept_snapshot_still_says_what_it_said(lake: Lake) -> None:
    said = {}
    for _ in range(3):
        live_a_while(lake, 6)
        newest = lake.read("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").item()
        said[newest] = lake.read(f"SELECT {SUM} FROM event_margins").row(0)
        maintain(lake, Policy(merge_from=2))
    for snapshot, answer in said.items():
        assert lake.read(f"SELECT {SUM} FROM event_margins AT (VERSION => {snapshot})").row(0) == answer


def test_files_just_merged_stay_for_the_queries_that_are_reading_them(lake: Lake, data_dir: Path) -> None:
    live_a_while(lake, 12)
    before = {table: files(data_dir, table) for table in ("spans", "event_margins", "key_directory")}
    report = maintain(lake)
    assert report.files_merged > 0
    assert report.files_deleted == 0
    assert all(files(data_dir, table) > count for table, count in before.items())


def test_snapshots_thin_out_with_age() -> None:
    moments = [
        after(days=-30),
        after(days=-6, minutes=10),
        after(days=-6, minutes=20),
        after(hours=-2, minutes=5),
        after(hours=-2, minutes=50),
        after(minutes=-59),
        after(minutes=-58),
        after(minutes=-1),
    ]
    snapshots = pl.DataFrame({"snapshot_id": range(8), "snapshot_time": moments})
    assert expirable(snapshots, NOON, Policy()) == [0, 1, 3]
    assert expirable(snapshots, after(days=365), Policy()) == [0, 1, 2, 3, 4, 5, 6]
    assert expirable(snapshots.clear(), NOON, Policy()) == []
    assert expirable(snapshots, NOON, Policy(), named=[1]) == [0, 3]


def reprice_row(name: str, snapshot: int, at: datetime, *, changed: int = 1, finished: bool = True) -> pl.DataFrame:
    said = {"reprice_id": name, "started_at": at, "finished_at": at if finished else None, "catalog_id": "c"}
    return frame("reprices", [said | {"snapshot_before": snapshot, "changed": changed}])


def test_what_was_before_a_reprice_can_be_read_long_after(lake: Lake) -> None:
    """A finished one that changed nothing needs no past, and an old one is forgotten."""
    now = datetime.now(UTC)
    live_a_while(lake, 6)
    said = {n: lake.read(f"SELECT {SUM} FROM event_margins AT (VERSION => {n})").row(0) for n in (3, 4)}
    with lake.transaction() as tx:
        tx.append("reprices", reprice_row("changed", 3, now - timedelta(days=89)))
        tx.append("reprices", reprice_row("interrupted", 4, now, changed=0, finished=False))
        tx.append("reprices", reprice_row("idle", 5, now, changed=0))
        tx.append("reprices", reprice_row("old", 6, now - timedelta(days=91)))
    maintain(lake, NO_PATIENCE)
    kept = lake.read("SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY ALL")["snapshot_id"].to_list()
    assert kept[:2] == [3, 4]
    assert not {5, 6} & set(kept)
    for snapshot, answer in said.items():
        assert lake.read(f"SELECT {SUM} FROM event_margins AT (VERSION => {snapshot})").row(0) == answer
    maintain(lake, replace(NO_PATIENCE, keep_reprices=NOW))
    assert not {3, 4} & set(lake.read("SELECT snapshot_id FROM ducklake_snapshots('lake')")["snapshot_id"])


def test_snapshots_nobody_keeps_are_forgotten(lake: Lake) -> None:
    live_a_while(lake, 6)
    count = "SELECT count(*) FROM ducklake_snapshots('lake')"
    before = lake.read(count).item()
    assert maintain(lake, Policy(keep_each=NOW, keep_hourly=NOW, merge_from=1000)).snapshots_expired == before - 1
    assert lake.read(count).item() == 1
    assert lake.progress("journal") == 5


def test_files_left_by_a_crash_go_after_a_day(lake: Lake, data_dir: Path) -> None:
    live_a_while(lake, 1)
    for name, age in (("ducklake-young.parquet", 3600), ("ducklake-old.parquet", 25 * 3600)):
        orphan = data_dir / "data" / "main" / "spans" / name
        orphan.write_bytes(b"PAR1")
        os.utime(orphan, (time.time() - age,) * 2)
    assert maintain(lake).orphans_deleted == 1
    assert not (data_dir / "data/main/spans/ducklake-old.parquet").exists()
    assert (data_dir / "data/main/spans/ducklake-young.parquet").exists()


def test_a_long_progress_log_is_trimmed_to_the_last_step_of_each_source(lake: Lake) -> None:
    for position in range(5):
        lake.run(lambda tx, to=position: (tx.set_progress("journal", to), tx.set_progress("import:a", 2 * to)))  # type: ignore[misc]
    maintain(lake, Policy(keep_log_rows=4))
    assert lake.read("SELECT source, position FROM ingest_log ORDER BY source").rows() == [
        ("import:a", 8),
        ("journal", 4),
    ]


def test_upkeep_can_be_stopped_between_steps(lake: Lake) -> None:
    live_a_while(lake, 12)
    report = maintain(lake, NO_PATIENCE, stop=lambda: True)
    assert report.steps == 1
    assert maintain(lake, NO_PATIENCE).files_merged > 0


def test_stats_count_what_is_there(lake: Lake, data_dir: Path) -> None:
    live_a_while(lake, 8)
    cursor = lake.cursor()
    stats = lake_stats(cursor, data_dir)
    cursor.close()
    rows = dict(stats.tables.select("table_name", "rows").rows())
    assert rows["event_margins"] == 40
    assert rows["spans"] == 8
    assert stats.snapshots == 9 + 1
    assert stats.disk_bytes > stats.catalog_bytes > 0


@pytest.mark.parametrize("table", ["spans", "event_margins"])
def test_an_empty_lake_needs_no_upkeep(lake: Lake, data_dir: Path, table: str) -> None:
    report = maintain(lake)
    assert (report.files_merged, report.files_rewritten, report.files_deleted) == (0, 0, 0)
    assert files(data_dir, table) == 0
