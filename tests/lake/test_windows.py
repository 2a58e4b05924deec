"""The windows kept in memory say what a plain dictionary of all entries would."""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake import windows
from lake.commit import Transaction
from lake.connect import Lake
from lake.windows import KeyWindows
from tests.lake.rows import NOON, after, frame, span, trace

SCHEMA = {"key_hash": pl.UInt64, "first_time": pl.Datetime("us", "UTC"), "last_time": pl.Datetime("us", "UTC")}
KEYS = st.integers(0, 12).map(lambda n: n * 2**60)
ENTRY = st.tuples(KEYS, st.integers(0, 500), st.integers(0, 500)).map(
    lambda entry: (entry[0], after(hours=min(entry[1:])), after(hours=max(entry[1:])))
)


@settings(deadline=None)
@given(batches=st.lists(st.lists(ENTRY, max_size=8), max_size=8), asked=st.sets(KEYS, max_size=6), rest=st.booleans())
def test_the_window_of_every_key_is_found_and_no_other(
    batches: list[list[tuple[int, object, object]]], asked: set[int], rest: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_RUN_ENTRIES", 4 if rest else 10**6)
        known = KeyWindows(Path(tempfile.gettempdir()))
        for batch in batches:
            known.add(pl.DataFrame(batch, schema=SCHEMA, orient="row"))
        found = known.find(np.array(sorted(asked), dtype=np.uint64))
    wanted = [entry for batch in batches for entry in batch if entry[0] in asked]
    assert found.is_empty() == (not wanted)
    if wanted:
        assert found["first_time"].min() == min(first for _, first, _ in wanted)  # type: ignore[type-var]
        assert found["last_time"].max() == max(last for _, _, last in wanted)  # type: ignore[type-var]


def test_a_key_without_time_may_be_anywhere(tmp_path: Path) -> None:
    known = KeyWindows(tmp_path)
    known.add(pl.DataFrame([(7, NOON, NOON)], schema=SCHEMA, orient="row"))
    known.add(pl.DataFrame([(7, None, None)], schema=SCHEMA, orient="row"))
    assert known.find(np.array([7], dtype=np.uint64)).rows() == [(None, None)]


def test_keys_are_merged_so_that_entries_do_not_pile_up(tmp_path: Path) -> None:
    known = KeyWindows(tmp_path)
    for hour in range(100):
        known.add(pl.DataFrame([(7, after(hours=hour), after(hours=hour))], schema=SCHEMA, orient="row"))
    assert len(known) < 10
    assert list(tmp_path.iterdir()) == []


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
