"""Two spans with one id: retries vanish, and of different ones the same one wins whatever the order."""

from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lake.connect import Lake
from lake.duplicates import Conflicts, split_duplicates
from tests.lake.rows import after, frame, span, span_id, trace


def take_in(lake: Lake, *spans: dict[str, Any]) -> tuple[int, Conflicts]:
    """Append what is new of a batch; how many that was, and the conflicts."""
    batch = frame("spans", list(spans))
    with lake.transaction() as tx:
        new, conflicts = split_duplicates(tx, batch)
        return tx.append("spans", new), conflicts


def stored(lake: Lake) -> list[tuple[str, int]]:
    return lake.read("SELECT span_id, content_hash FROM spans ORDER BY ALL").rows()


def test_a_retry_is_dropped_without_a_trace(lake: Lake) -> None:
    assert take_in(lake, span(1), span(1), span(2))[0] == 2
    added, conflicts = take_in(lake, span(2), span(1), span(3))
    assert added == 1
    assert conflicts.rejected.is_empty()
    assert conflicts.replaced.is_empty()
    assert stored(lake) == [(span_id(1), 1), (span_id(2), 1), (span_id(3), 1)]


def test_the_same_span_id_in_another_trace_is_another_span(lake: Lake) -> None:
    take_in(lake, span(1, trace_number=1))
    assert take_in(lake, span(1, trace_number=2))[0] == 1


def test_new_spans_keep_their_columns_and_order(lake: Lake) -> None:
    batch = frame("spans", [span(n) for n in (5, 3, 9, 3, 1)]).with_columns(pl.lit("x").alias("@gen_ai.system"))
    with lake.transaction() as tx:
        new, _ = split_duplicates(tx, batch)
    assert new["span_id"].to_list() == [span_id(n) for n in (5, 3, 9, 1)]
    assert new.columns == batch.columns


def test_the_one_that_ended_later_wins_and_the_other_is_recorded(lake: Lake) -> None:
    early, late = span(1, content=1, duration_ns=10), span(1, content=2, duration_ns=11)
    take_in(lake, late)
    added, conflicts = take_in(lake, early)
    assert added == 0
    assert conflicts.rejected.select("reason", "trace_id", "span_id", "content_hash").rows() == [
        ("conflicting_duplicate", trace(1), span_id(1), 1)
    ]
    assert conflicts.replaced.is_empty()
    assert stored(lake) == [(span_id(1), 2)]


def test_a_stored_loser_is_taken_out_and_the_caller_told(lake: Lake) -> None:
    take_in(lake, span(1, content=1, duration_ns=10), span(2))
    added, conflicts = take_in(lake, span(1, content=2, duration_ns=11))
    assert added == 1
    assert conflicts.replaced.rows() == [(trace(1), span_id(1))]
    assert stored(lake) == [(span_id(1), 2), (span_id(2), 1)]
    assert lake.read("SELECT span_id, content_hash FROM rejected").rows() == [(span_id(1), 1)]


def test_a_conflict_is_recorded_once_however_often_it_arrives(lake: Lake) -> None:
    loser, winner = span(1, content=1, duration_ns=1), span(1, content=2, duration_ns=2)
    for batch in ([winner, loser], [loser], [loser, loser], [winner]):
        take_in(lake, *batch)
    assert lake.read("SELECT count(*) FROM rejected").item() == 1


@pytest.mark.parametrize("years", [-40, 40])
def test_a_conflict_is_found_however_far_away_in_time_it_lies(lake: Lake, years: int) -> None:
    take_in(lake, span(1, content=1), span(2, trace_number=2, at=after(days=1)))
    take_in(lake, span(1, content=2, at=after(days=365 * years)))
    assert len(stored(lake)) == 2
    assert lake.read("SELECT count(*) FROM rejected").item() == 1


SIBLINGS = (
    span(1, content=11, duration_ns=5),
    span(1, content=12, duration_ns=2_000),
    span(1, content=13, duration_ns=2_000, attributes='{"more":1}'),
    span(1, content=14, duration_ns=2_000, attributes='{"more":2}'),
    span(1, content=15, at=after(days=-500)),
)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_outcome_does_not_depend_on_order_or_batches(tmp_path: Path, size: int) -> None:
    orders = list(permutations(SIBLINGS))[:: 120 // 4]
    outcomes = set()
    for number, order in enumerate(orders):
        with Lake.open(tmp_path / str(number), threads=1) as lake:
            for start in range(0, len(order), size):
                take_in(lake, *order[start : start + size])
            rejected = lake.read("SELECT rejected_id, detail FROM rejected ORDER BY ALL").rows()
            outcomes.add((*stored(lake), *rejected))
    assert len(outcomes) == 1
    assert outcomes.pop()[0] == (span_id(1), 14)
