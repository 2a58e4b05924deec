"""Billing periods: no day is lost or counted twice, and a 31st comes back after a February."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.orders.periods import Calendar, add_duration, add_months

MOMENTS = st.integers(7305, 43829).map(lambda days: datetime(1970, 1, 1, 7, 30, tzinfo=UTC) + timedelta(days=days))


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "months", "anchor", "boundaries"),
    [
        ("2026-01-31", 1, None, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        ("2024-01-31", 1, None, ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),
        ("2024-02-29", 12, None, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("2026-01-20", 1, 1, ["2026-01-20", "2026-02-01", "2026-03-01"]),
        ("2026-01-20", 1, 31, ["2026-01-20", "2026-01-31", "2026-02-28", "2026-03-31"]),
        ("2026-01-20", 3, 15, ["2026-01-20", "2026-02-15", "2026-05-15"]),
        ("2026-01-20T12:30", 1, 20, ["2026-01-20T12:30", "2026-02-20T12:30"]),
        ("2026-11-30", 2, None, ["2026-11-30", "2027-01-30", "2027-03-30"]),
    ],
)
def test_boundaries_are_on_the_day_or_the_months_last(start, months, anchor, boundaries):
    calendar = Calendar(day(start), months, anchor)

    assert [calendar.boundary(number) for number in range(len(boundaries))] == [day(each) for each in boundaries]


@given(
    start=MOMENTS,
    months=st.integers(1, 30),
    anchor=st.none() | st.integers(1, 31),
    later=st.timedeltas(timedelta(0), timedelta(days=3000)),
)
def test_periods_follow_one_another_and_every_moment_is_in_one(start, months, anchor, later):
    calendar = Calendar(start, months, anchor)

    spans = list(calendar.periods(start + later))

    assert spans[0].start == start
    assert all(before.end == after.start for before, after in pairwise(spans))
    assert all(span.start < span.end for span in spans)
    assert spans[-1].start <= start + later < spans[-1].end
    assert calendar.at(start + later) == spans[-1]
    whole = calendar.whole(spans[0])
    assert whole.start <= spans[0].start
    assert whole.end == spans[0].end


def test_the_end_of_time_is_the_end_of_periods():
    calendar = Calendar(day("9999-11-30"), 1)

    assert [span.start for span in calendar.periods(day("9999-12-31"))] == [day("9999-11-30"), day("9999-12-30")]
    assert add_months(day("9999-12-01"), 12) == day("9999-12-31")
    assert add_duration(day("9999-12-01"), 36_500, "days") == day("9999-12-31")
    assert add_duration(day("2026-01-31"), 1, "months") == day("2026-02-28")
