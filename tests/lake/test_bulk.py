"""Rows that come in bulk go into a Parquet file of ours: afterwards nobody can tell them from inserted ones."""

from __future__ import annotations

import errno
import shutil
import threading
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lake import bulk
from lake.commit import Transaction
from lake.connect import Lake
from lake.definitions import Table
from lake.maintain import Policy, maintain
from lake.schema import TABLES
from tests.lake.rows import after, frame, margin, span, trace

SAMPLES: dict[str, tuple[Any, ...]] = {
    "VARCHAR": ("plain", "", "ü€😀 '\"\\ \n", "x" * 5000),
    "JSON": ("{}", '{"a": [1, "ü"], "b": null}', "[]", '{"deep": {"er": "' + "y" * 5000 + '"}}'),
    "BOOLEAN": (True, False, False, True),
    "INTEGER": (0, -1, 2**31 - 1, -(2**31)),
    "BIGINT": (0, -1, 2**63 - 1, -(2**63)),
    "UBIGINT": (0, 1, 2**64 - 1, 2**63),
    "DATE": (datetime(1969, 12, 31, tzinfo=UTC).date(), datetime(2026, 1, 1, tzinfo=UTC).date()) * 2,
    "TIME": (time(0), time(23, 59, 59, 999999), time(12), time(0, 0, 1)),
    "TIMESTAMPTZ": (datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), datetime(2026, 11, 1, tzinfo=UTC)) * 2,
    "DECIMAL(18,12)": tuple(map(Decimal, ("0", "-0.000000000001", "999999.999999999999", "-999999.999999999999"))),
    "DECIMAL(38,12)": tuple(map(Decimal, ("0", "-0.000000000001", "9" * 26 + "." + "9" * 12, "-" + "9" * 26))),
    "DECIMAL(38,18)": tuple(map(Decimal, ("0", "-0.000000000000000001", "9" * 20 + "." + "9" * 18, "-" + "9" * 20))),
    "DECIMAL(18,6)": tuple(map(Decimal, ("0", "-0.000001", "999999999999.999999", "1"))),
}


def extremes(table: Table) -> pl.DataFrame:
    """Rows with the extreme values of every type, and one with NULL wherever a NULL may be."""
    columns = {
        column.name: pl.Series(
            [*SAMPLES[column.type], SAMPLES[column.type][1] if column.required else None], dtype=column.polars_type
        )
        for column in table.columns
    }
    return pl.DataFrame(columns)


@pytest.fixture
def everything_in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MIN_ROWS", 1)


def append(lake: Lake, table: str, rows: pl.DataFrame) -> None:
    with lake.transaction() as tx:
        tx.append(table, rows)


def parquet_files(data_dir: Path, table: str) -> set[Path]:
    return set((data_dir / "data" / "main" / table).glob("*.parquet"))


@pytest.mark.parametrize("table", TABLES)
def test_every_value_of_every_type_comes_back_as_if_inserted(
    table: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = extremes(TABLES[table])
    read = []
    for least in (bulk.MIN_ROWS, 1):
        monkeypatch.setattr(bulk, "MIN_ROWS", least)
        with lake.durable_transaction() as connection:
            connection.execute(f"DELETE FROM {table}")
        append(lake, table, rows)
        read.append(lake.read(f"SELECT * FROM {table}").sort(pl.all()))
    inserted, in_bulk = read
    assert in_bulk.equals(inserted, null_equal=True)
    assert in_bulk.cast(dict(rows.schema.items())).equals(rows.sort(pl.all()), null_equal=True)


def test_statistics_leave_out_the_files_that_cannot_hold_a_row(lake: Lake, everything_in_bulk: None) -> None:
    for hours in (0, 100):
        append(
            lake, "event_margins", frame("event_margins", [margin(f"s{hours}", at=after(hours=hours), revenue="-1")])
        )
    for condition in ("occurred_at > '2026-11-03'", "revenue_usd < 0", "revenue_usd = -1", "cost_repeated IS NULL"):
        answer = lake.read(f"SELECT count(*) FROM event_margins WHERE {condition}").item()
        assert answer == lake.read(f"SELECT count(*) FILTER ({condition}) FROM event_margins").item()
    plan = lake.read("EXPLAIN ANALYZE SELECT signal_id FROM event_margins WHERE occurred_at > '2026-11-03'")
    assert "Total Files Read: 1" in plan["explain_value"].item()


def test_a_transaction_sees_deletes_and_replaces_what_it_has_just_added(lake: Lake, everything_in_bulk: None) -> None:
    margins = frame("event_margins", [margin(f"s{number}", revenue="1") for number in range(10)])
    with lake.transaction() as tx:
        tx.append("event_margins", margins)
        tx.delete("event_margins", margins.select("signal_id").head(3))
        dearer = margins.tail(2).with_columns(revenue_usd=pl.lit(Decimal(2)).cast(pl.Decimal(18, 12)))
        assert tx.replace("event_margins", dearer.select("signal_id"), dearer) == (2, 2)
        assert tx.semi("event_margins", ["signal_id"], margins, "signal_id").height == 7
    assert lake.read("SELECT count(*), sum(revenue_usd) FROM event_margins").row(0) == (7, Decimal(9))
    with lake.transaction() as tx:
        tx.delete("event_margins", margins.select("signal_id").tail(1))
    assert lake.read("SELECT count(*), sum(revenue_usd) FROM event_margins").row(0) == (6, Decimal(7))


def test_a_transaction_that_fails_leaves_no_file(lake: Lake, data_dir: Path, everything_in_bulk: None) -> None:
    append(lake, "spans", frame("spans", [span(1)]))
    before = parquet_files(data_dir, "spans")

    def fail() -> None:
        with lake.transaction() as tx:
            tx.append("spans", frame("spans", [span(2)]))
            assert tx.read("SELECT count(*) FROM spans").item() == 2
            assert len(parquet_files(data_dir, "spans")) == len(before) + 1
            tx.append("spans", frame("spans", [span(3)]))  # which is being written, or still to be
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert parquet_files(data_dir, "spans") == before
    assert lake.read("SELECT count(*) FROM spans").item() == 1


def test_a_file_that_cannot_be_written_undoes_the_transaction(
    lake: Lake, data_dir: Path, everything_in_bulk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        if "/spans/" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")

    append(lake, "event_margins", frame("event_margins", [margin("s1")]))
    before = {table: parquet_files(data_dir, table) for table in TABLES}
    monkeypatch.setattr("lake.bulk.os.fsync", full)

    def work(tx: Transaction) -> None:
        tx.append("event_margins", frame("event_margins", [margin("s2")]))
        tx.append("spans", frame("spans", [span(1)]))

    with pytest.raises(OSError, match="No space left"):
        lake.run(work)
    monkeypatch.undo()
    assert {table: parquet_files(data_dir, table) for table in TABLES} == before
    assert lake.read("SELECT count(*) FROM event_margins").item() == 1
    append(lake, "spans", frame("spans", [span(1)]))
    assert lake.read("SELECT count(*) FROM spans").item() == 1


def test_a_transaction_goes_on_while_a_file_is_written_and_waits_for_it_where_it_must(
    lake: Lake, everything_in_bulk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write, write_rows = threading.Event(), bulk.write_rows

    def slowly(path: Path, table: Table, rows: pl.DataFrame) -> None:
        assert may_write.wait(20)
        write_rows(path, table, rows)

    append(lake, "event_margins", frame("event_margins", [margin("s1")]))
    monkeypatch.setattr(bulk, "write_rows", slowly)
    with lake.transaction() as tx:
        tx.append("spans", frame("spans", [span(1), span(2)]))
        wanted = pl.DataFrame({"signal_id": ["s1"]})
        assert tx.semi("event_margins", ["signal_id"], wanted, "signal_id").height == 1
        may_write.set()
        wanted = frame("spans", [span(2)]).select("trace_id", "span_id")
        assert tx.semi("spans", ["span_id"], wanted, ["trace_id", "span_id"]).height == 1
    assert lake.read("SELECT count(*) FROM spans").item() == 2


def test_a_file_of_a_process_that_was_killed_goes_with_upkeep(lake: Lake, data_dir: Path) -> None:
    append(lake, "spans", frame("spans", [span(1)]))
    orphan = bulk.new_path(data_dir / "data", TABLES["spans"])
    bulk.write_rows(orphan, TABLES["spans"], lake.read("SELECT * FROM spans"))
    maintain(lake)
    assert orphan.exists()
    now = datetime.now(UTC)
    maintain(lake, Policy(orphans_after=now - now))
    assert not orphan.exists()
    assert lake.read("SELECT count(*) FROM spans").item() == 1


def test_files_are_synced_before_the_catalog_names_them(
    lake: Lake, data_dir: Path, everything_in_bulk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr("lake.durable._sync", lambda path: synced.append(path) or True)
    append(lake, "spans", frame("spans", [span(1)]))
    (file,) = parquet_files(data_dir, "spans")
    assert str(file) in synced
    assert str(file.parent) in synced


def test_small_files_of_ours_and_of_ducklake_are_merged_into_one(
    lake: Lake, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        monkeypatch.setattr(bulk, "MIN_ROWS", 1 if number % 2 else 10_000)
        append(lake, "spans", frame("spans", [span(number, trace_number=number)]))
    with lake.transaction() as tx:
        tx.delete("spans", pl.DataFrame({"trace_id": [trace(3)]}))
    before = lake.read("SELECT * FROM spans ORDER BY span_id")
    report = maintain(lake, Policy(merge_from=2))
    assert report.files_merged + report.files_rewritten >= 8
    assert lake.read("SELECT * FROM spans ORDER BY span_id").equals(before, null_equal=True)
    assert lake.read("SELECT count(*) FROM ducklake_list_files('lake', 'spans')").item() <= 2


def test_names_sort_by_age(data_dir: Path) -> None:
    first = bulk.new_path(data_dir, TABLES["spans"]).name
    assert len(first) == len("ducklake-01a2230f-118c-7916-8f5f-3cc4b6217373.parquet")
    assert first[9:22] <= bulk.new_path(data_dir, TABLES["spans"]).name[9:22]


def test_a_directory_may_be_moved_and_copied(lake: Lake, data_dir: Path, everything_in_bulk: None) -> None:
    append(lake, "spans", frame("spans", [span(1)]))
    lake.close()
    moved = data_dir.with_name("moved")
    shutil.move(data_dir, moved)
    with Lake.open(moved, threads=1) as again:
        assert again.read("SELECT count(*) FROM spans").item() == 1
        append(again, "spans", frame("spans", [span(2)]))
        assert again.read("SELECT count(*) FROM spans").item() == 2


def test_a_directory_whose_name_reads_like_a_pattern_is_inserted_into(tmp_path: Path, everything_in_bulk: None) -> None:
    with Lake.open(tmp_path / "lake [1]", threads=1) as lake:
        append(lake, "spans", frame("spans", [span(1)]))
        assert lake.read("SELECT count(*) FROM spans").item() == 1


def test_columns_that_are_added_later_are_null_in_older_files(lake: Lake, everything_in_bulk: None) -> None:
    append(lake, "spans", frame("spans", [span(1)]))
    with lake.durable_transaction() as connection:
        connection.execute("ALTER TABLE spans ADD COLUMN colour VARCHAR")
    assert lake.read("SELECT colour, span_id IS NOT NULL FROM spans").rows() == [(None, True)]
