"""Ranges of time, compared without pairing everything with everything."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.intervals import crowd, overlapping, started_within, within

BY = ["trace_id"]
Span = tuple[str, int, int]
spans = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(0, 5)).map(lambda s: (s[0], s[1], s[1] + s[2])),
    min_size=1,
    max_size=8,
)


def frame(rows: list[Span]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["trace_id", "start", "end"], orient="row").with_row_index("row")


def pairs(found: pl.DataFrame, suffix: str) -> set[tuple[int, int]]:
    return set(found.select("row", f"row_{suffix}").iter_rows())


@settings(max_examples=60, deadline=None)
@given(spans, spans)
def test_within_and_started_within(outer: list[Span], inner: list[Span]) -> None:
    same = [(i, j) for i, a in enumerate(outer) for j, b in enumerate(inner) if a[0] == b[0]]
    inside = {(i, j) for i, j in same if outer[i][1] <= inner[j][1] and inner[j][2] <= outer[i][2]}
    begun = [(i, j) for i, j in same if outer[i][1] <= inner[j][1] <= outer[i][2]]
    assert pairs(within(frame(outer), frame(inner), BY), "inner") == inside
    counts = started_within(frame(outer), frame(inner), BY).to_list()
    assert counts == [sum(1 for i, _ in begun if i == place) for place in range(len(outer))]


@settings(max_examples=60, deadline=None)
@given(spans)
def test_overlapping_and_crowd(rows: list[Span]) -> None:
    together = {
        (i, j) for i, a in enumerate(rows) for j, b in enumerate(rows) if a[0] == b[0] and a[1] <= b[2] and b[1] <= a[2]
    }
    assert pairs(overlapping(frame(rows), BY), "b") == together
    assert crowd(frame(rows), BY).to_list() == [sum(1 for i, _ in together if i == place) for place in range(len(rows))]
