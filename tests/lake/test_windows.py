"""The windows kept in memory say what a plain dictionary of all entries would."""

import tempfile
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake import key_files, windows
from lake.commit import Transaction
from lake.connect import Lake
from lake.key_runs import Part
from lake.windows import KeyWindows
from tests.lake.rows import NOON, after, frame, span, trace

SCHEMA = {"key_hash": pl.UInt64, "first_time": pl.Datetime("us", "UTC"), "last_time": pl.Datetime("us", "UTC")}
KEYS = st.integers(0, 12).map(lambda n: n * 2**60)
ENTRY = st.tuples(KEYS, st.integers(0, 500), st.integers(0, 500)).map(
    lambda entry: (entry[0], after(hours=min(entry[1:])), after(hours=max(entry[1:])))
)


def known_of(folder: Path, batches: list[list[tuple[int, object, object]]]) -> KeyWindows:
    known = KeyWindows(folder)
    for number, batch in enumerate(batches, start=1):
        known.add(pl.DataFrame(batch, schema=SCHEMA, orient="row"), Part(number, number, len(batch), number))
    return known


def found_in(known: KeyWindows, *keys: int) -> pl.DataFrame:
    return known.find(np.array(keys, dtype=np.uint64))


@settings(deadline=None)
@given(batches=st.lists(st.lists(ENTRY, max_size=8), max_size=8), asked=st.sets(KEYS, max_size=6), rest=st.booleans())
def test_the_window_of_every_key_is_found_and_no_other(
    batches: list[list[tuple[int, object, object]]], asked: set[int], rest: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(windows, "RUN_ENTRIES", 4 if rest else 10**6)
        known = known_of(Path(folder), batches)
        found = [found_in(known, *sorted(asked))]
        while pair := known.mergeable():
            merged = known.merge(pair, lambda: False)
            assert merged is not None
            known.put(pair, merged)
            found.append(found_in(known, *sorted(asked)))
    wanted = [entry for batch in batches for entry in batch if entry[0] in asked]
    for rows in found:
        assert rows.is_empty() == (not wanted)
        if wanted:
            assert rows["first_time"].min() == min(first for _, first, _ in wanted)  # type: ignore[type-var]
            assert rows["last_time"].max() == max(last for _, _, last in wanted)  # type: ignore[type-var]


def test_a_key_without_time_may_be_anywhere(tmp_path: Path) -> None:
    known = known_of(tmp_path, [[(7, NOON, NOON)], [(7, None, None)]])
    assert found_in(known, 7).rows() == [(None, None)]


def test_keys_are_merged_so_that_entries_do_not_pile_up(tmp_path: Path) -> None:
    known = known_of(tmp_path, [[(7, after(hours=hour), after(hours=hour))] for hour in range(100)])
    assert len(known) < 10
    assert list(tmp_path.iterdir()) == []


def test_long_runs_rest_in_files_that_are_merged_when_they_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "RUN_ENTRIES", 4)
    known = known_of(tmp_path / "keys", [[(8 * batch + key, NOON, NOON) for key in range(4)] for batch in range(8)])
    assert len(list((tmp_path / "keys").iterdir())) == 8
    while pair := known.mergeable():
        assert known.merge(pair, lambda: True) is None
        merged = known.merge(pair, lambda: False)
        assert merged is not None
        known.put(pair, merged)
    (file,) = (tmp_path / "keys").iterdir()
    assert file.name.startswith("1-8-")
    assert found_in(known, 0, 11, 63, 59).height == 3


def test_a_disk_that_is_full_costs_memory_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "RUN_ENTRIES", 4)
    monkeypatch.setattr(key_files.os, "fsync", failing := MagicMock(side_effect=OSError(28, "No space left on device")))
    batches: list[list[tuple[int, object, object]]] = [
        [(8 * batch + key, NOON, NOON) for key in range(4)] for batch in range(5)
    ]
    known = known_of(tmp_path / "keys", batches)
    assert list((tmp_path / "keys").iterdir()) == []
    assert failing.call_count < len(batches)
    assert found_in(known, *(key for batch in batches for key, _, _ in batch)).height == 20


def test_rows_of_another_process_are_found(lake: Lake, data_dir: Path) -> None:
    keys = pl.DataFrame({"trace_id": [trace(1), trace(2)]})
    lake.run(lambda tx: tx.append("spans", frame("spans", [span(1, trace_number=1)])))
    with Lake.open(data_dir) as other:
        other.run(lambda tx: tx.append("spans", frame("spans", [span(2, trace_number=2)])))
        other.run(lambda tx: tx.set_progress("journal", 9))
    with lake.transaction() as tx:
        assert tx.semi("spans", ["span_id"], keys, "trace_id").height == 2
        assert tx.progress("journal") == 9


def test_rows_of_a_transaction_that_failed_are_not_remembered(lake: Lake, data_dir: Path) -> None:
    lake.run(lambda tx: tx.append("spans", frame("spans", [span(1, trace_number=1)])))
    lake.run(lambda tx: tx.set_progress("journal", 1))

    def fail(tx: Transaction) -> float:
        tx.append("spans", frame("spans", [span(2, trace_number=2)]))
        tx.set_progress("journal", 2)
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        lake.run(fail)
    with lake.transaction() as tx:
        assert tx.semi("spans", ["span_id"], pl.DataFrame({"trace_id": [trace(2)]}), "trace_id").is_empty()
        assert tx.progress("journal") == 1


def test_a_reader_beside_finds_what_was_known_and_what_was_filed_since(lake: Lake, data_dir: Path) -> None:
    def found() -> list[str]:
        with lake.looking_up() as tx:
            wanted = pl.DataFrame({"trace_id": [trace(number) for number in range(6)]})
            return sorted(tx.semi("spans", ["trace_id"], wanted, "trace_id")["trace_id"])

    def land(to: Lake, number: int) -> None:
        row = frame("spans", [span(number, trace_number=number, at=after(hours=100 * number))])
        to.run(lambda tx: tx.append("spans", row))

    assert found() == []
    with Lake.open(data_dir) as other:
        for number, to in enumerate((other, lake, lake, other)):
            land(to, number)
            assert found() == [trace(known) for known in range(number + 1)]
