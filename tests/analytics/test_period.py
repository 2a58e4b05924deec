"""Windows of time over the calls of a lake: all of them, in order, each once, never too many at a time."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.period import Period, microseconds, moment, windows
from lake.connect import Lake
from tests.lake.rows import cost, frame

DAY = timedelta(days=1)
START = datetime(2026, 11, 1, tzinfo=UTC)
MOMENTS = [START + step for step in (0 * DAY, timedelta(microseconds=1), timedelta(seconds=1), DAY, 40 * DAY)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Ten calls at the first moment and two at each other."""
    lake = Lake.open(tmp_path_factory.mktemp("windows"), threads=1)
    times = [*[MOMENTS[0]] * 8, *MOMENTS, *MOMENTS]
    lake.run(lambda tx: tx.append("costs", frame("costs", [cost(n, "1", at=at) for n, at in enumerate(times)])))
    return lake


bounds = st.sampled_from([None, *MOMENTS, START - DAY, START + timedelta(seconds=2), START + 100 * DAY])


@settings(max_examples=60, deadline=None)
@given(start=bounds, end=bounds, size=st.integers(1, 20))
def test_every_call_is_in_one_window(lake: Lake, start: datetime | None, end: datetime | None, size: int) -> None:
    period = Period(start, end)
    found = windows(lake.read, period, size)
    counted = [count(lake, window.period) for window in found]
    assert counted == [window.calls for window in found]
    assert sum(counted) == count(lake, period)
    for window in found:
        moments = lake.read(
            f"SELECT count(DISTINCT occurred_at) FROM costs WHERE {window.period.condition('occurred_at')}"
        )
        assert window.calls <= size or moments.item() == 1
    edges = [window.period for window in found]
    assert all(one.end == other.start for one, other in pairwise(edges))
    assert start is None or not edges or edges[0].start == start


def test_a_time_is_its_microseconds() -> None:
    assert [moment(microseconds(at)) for at in MOMENTS] == MOMENTS
    assert microseconds(START) == 1_793_491_200_000_000


def test_the_start_is_in_and_the_end_is_not(lake: Lake) -> None:
    period = Period(MOMENTS[1], MOMENTS[3])
    rows = lake.read("SELECT occurred_at FROM costs")
    assert rows.filter(period.holds("occurred_at")).height == count(lake, period) == 4


def count(lake: Lake, period: Period) -> int:
    return int(lake.read(f"SELECT count(*) FROM costs WHERE {period.condition('occurred_at')}").item())
