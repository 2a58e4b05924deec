"""What alerts read from a lake: the same sums whether a window is a day or so many hours, and those of the views."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from analytics.alert_figures import CALLS, FIGURES, Figures, read_figures
from analytics.alert_rules import Span
from analytics.alert_windows import windows
from lake.connect import Lake
from tests.lake.rows import NOON, after, cost, frame, link, margin
from tests.marginlake.lakes import captured, fill
from tests.marginlake.traffic import BASE_NS, worlds
from tests.new_lakes import empty_lake

BASE = datetime.fromtimestamp(BASE_NS / 1e9, UTC)
SUMS = [name for name in FIGURES if name not in ("window_start", "customer_id", "product_id", "event_name")]


def figures(lake: Lake, span: Span, now: datetime, late: timedelta) -> Figures:
    with lake.reading() as tx:
        return read_figures(tx, span, windows(span, now, late))


def same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    by = [name for name in one.columns if name not in SUMS and name not in ("calls",)]
    return one.sort(by).equals(other.sort(by), null_equal=True)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def test_an_hours_figures_follow_costs_to_wherever_they_lie_in_time(lake: Lake) -> None:
    # The event of noon bears a call of three days before, and a call of its hour is nobody's.
    early = cost(1, "0.1", at=after(days=-3), customer_id="acme")
    nobodys = cost(2, "0.02", at=after(minutes=5), customer_id="acme")
    unpriced = cost(3, None, at=after(minutes=6), customer_id="acme")
    with lake.transaction() as tx:
        tx.append("costs", frame("costs", [early, nobodys, unpriced]))
        tx.append("cost_links", frame("cost_links", [link(early, "s1", "0.1")]))
        tx.append("event_margins", frame("event_margins", [margin("s1", revenue="2")]))
    read = figures(lake, Span("hours", 1), after(minutes=30), timedelta(0))
    assert read.money.sort("event_name", nulls_last=True).rows() == [
        (NOON, "acme", "writer", "report_written", 1, Decimal(2), Decimal("0.1"), Decimal(0), 0, 0, 0),
        (NOON, "acme", None, None, 0, None, Decimal(0), Decimal("0.02"), 1, 0, 0),
    ]
    assert read.calls.rows() == [(NOON, "acme", None, 2, 1)]


def test_an_empty_lake_has_no_figures(lake: Lake) -> None:
    for span in (Span("day"), Span("month"), Span("hours", 5)):
        read = figures(lake, span, NOON, timedelta(days=3))
        assert (read.money.schema, read.calls.schema) == (FIGURES, CALLS)
        assert read.money.is_empty()
        assert read.calls.is_empty()


def agree(lake: Lake, now: datetime, late: timedelta) -> Figures:
    """Days read from the view and days read as 24 hours; returns them."""
    days, hours = (figures(lake, span, now, late) for span in (Span("day"), Span("hours", 24)))
    assert same(days.money, hours.money)
    assert same(days.calls, hours.calls)
    single = figures(lake, Span("hours", 1), now, late).money
    by = ["customer_id", "product_id", "event_name"]
    summed = single.with_columns(pl.col("window_start").dt.truncate("1d")).group_by("window_start", *by)
    counted = summed.agg(pl.col("signals", "unpriced_calls", "linked_cost_usd", "unclaimed_cost_usd").sum())
    # the first day is looked at whole, of its hours only those that are not too long ago
    whole = pl.col("window_start") >= now - late
    counted = counted.filter(whole)
    wanted = days.money.filter(whole).select("window_start", *by, *counted.columns[4:])
    # a call that events of two hours share is one unpriced call in each of them
    assert (
        counted.drop("unpriced_calls")
        .sort("window_start", *by)
        .equals(wanted.drop("unpriced_calls").sort("window_start", *by), null_equal=True)
    )
    return days


def test_everything_that_was_captured_counts_the_same_either_way(lake: Lake) -> None:
    fill(lake, [captured()])
    last = lake.read("SELECT max(occurred_at) FROM billable_costs").item()
    days = agree(lake, last, timedelta(days=40))
    assert days.money.height > 3
    known = lake.read("SELECT sum(cost_usd), count(*) FROM billable_costs").row(0)
    month = figures(lake, Span("month"), last, timedelta(days=200))
    total = month.money.select((pl.col("linked_cost_usd") + pl.col("unclaimed_cost_usd")).sum()).item()
    assert (total, month.calls["calls"].sum()) == known


def test_random_traffic_counts_the_same_either_way(tmp_path: Path) -> None:
    """Looked at 25 times, of which some are in the middle of the traffic."""
    chance = random.Random(1)
    for number, together in enumerate(worlds(25, at_once=5)):
        with Lake.open(tmp_path / str(number), threads=1) as lake:
            fill(lake, [together.records])
            for _ in range(5):
                agree(lake, BASE + timedelta(days=4, minutes=chance.randint(0, 3000)), timedelta(days=5))
