"""What is kept from the last reading, and what is read in steps, gives the figures that the views give."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analytics.period import Period
from analytics.rollup import rollup
from lake.connect import Lake
from marginlake import money_figures
from marginlake.money_figures import MoneyReader
from tests.analytics.stories import Story
from tests.marginlake.lakes import land_into
from tests.new_lakes import empty_lake

DAY = timedelta(days=1)
DAY_MS = 24 * 3_600_000
FIRST = datetime(2026, 11, 23, tzinfo=UTC)
"""The day of the stories."""

NOW = FIRST + timedelta(days=3, hours=5)
LABELS = ("provider", "model", "product", "customer", "event")


def by_the_views(lake: Lake, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls per window, provider and model; margins per window, product, customer and event."""
    calls = lake.read(
        f"""
        SELECT w.span AS "window", coalesce(provider, 'none') AS provider, coalesce(model, 'none') AS model,
               sum(calls)::BIGINT AS calls, sum(unpriced_calls)::BIGINT AS unpriced_calls,
               sum(cost_usd)::DECIMAL(38,12) AS cost_usd
        FROM cost_by_model_daily, (VALUES ('day'), ('month')) AS w(span)
        WHERE day >= '2026-11-01' AND day < '2026-12-01' AND (w.span = 'month' OR day = '{now:%Y-%m-%d}')
        GROUP BY ALL ORDER BY ALL
        """
    )
    margins = lake.read(
        f"""
        SELECT w.span AS "window", coalesce(product_id, 'none') AS product, coalesce(customer_id, 'none') AS customer,
               coalesce(event_name, 'none') AS event, sum(signals)::BIGINT AS signals,
               sum(signals_without_revenue)::BIGINT AS signals_without_revenue,
               sum(revenue_usd)::DECIMAL(38,12) AS revenue_usd, sum(linked_cost_usd)::DECIMAL(38,12) AS linked_cost_usd,
               sum(unclaimed_cost_usd)::DECIMAL(38,12) AS unclaimed_cost_usd,
               sum(value_usd)::DECIMAL(38,12) AS value_usd,
               CASE WHEN count(margin_usd) = count(*) THEN sum(margin_usd) END::DECIMAL(38,12) AS margin_usd,
               sum(coalesce(revenue_usd, 0) - linked_cost_usd - unclaimed_cost_usd)::DECIMAL(38,12) AS margin_known_usd
        FROM margin_daily, (VALUES ('day'), ('month')) AS w(span)
        WHERE day >= '2026-11-01' AND day < '2026-12-01' AND (w.span = 'month' OR day = '{now:%Y-%m-%d}')
        GROUP BY ALL ORDER BY ALL
        """
    )
    return calls, margins


def assert_figures_hold(reader: MoneyReader, lake: Lake) -> None:
    figures = reader.read(LABELS, 1000, NOW)
    for found, wanted in zip((figures.calls, figures.margins), by_the_views(lake, NOW), strict=True):
        assert found.select(wanted.columns).sort(wanted.columns[:4]).rows() == wanted.sort(wanted.columns[:4]).rows()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def roll_up(lake: Lake, days: int) -> None:
    rollup(lake, Period(None, FIRST + days * DAY))


@pytest.mark.parametrize("rows", [1, 10**6])
def test_whatever_happens_between_two_readings_the_figures_are_those_of_the_views(
    lake: Lake, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(money_figures, "ROWS_AT_ONCE", rows)
    dice, story, reader = random.Random(rows), Story(), MoneyReader(lake)
    for number in range(1, 8):
        trace, day = dice.randint(1, 3), dice.randint(-1, 4)
        happened = [
            story.call(2 * number, trace=trace, at=day * DAY_MS, customer="acme"),
            story.billed(2 * number + 1, trace=dice.randint(1, 3), at=dice.randint(-1, 4) * DAY_MS, customer="acme"),
        ]
        land_into(lake, [dice.sample(happened, dice.randint(1, 2))], source=str(number))
        if dice.random() < 0.6:
            roll_up(lake, dice.randint(1, 4))
        assert_figures_hold(reader, lake)
    lake.run(lambda tx: tx.delete("costs", tx.read("SELECT cost_id FROM costs ORDER BY cost_id LIMIT 1")))
    assert_figures_hold(reader, lake)


def test_days_that_stay_rolled_up_are_not_read_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    story, read = Story(), []
    original = money_figures._calls
    monkeypatch.setattr(
        money_figures,
        "_calls",
        lambda tx, piece: (read.append((piece.first.day, piece.end.day)), original(tx, piece))[1],
    )
    land_into(lake, [[story.call(day + 1, trace=day + 1, at=day * DAY_MS) for day in range(4)]])
    roll_up(lake, 3)
    reader = MoneyReader(lake)
    for expected in ([(23, 26), (26, 27)], [(26, 27)]):
        assert_figures_hold(reader, lake)
        assert read == expected
        read.clear()
    land_into(lake, [[story.call(9, trace=9, at=DAY_MS)]], source="late")
    for _ in range(2):
        assert_figures_hold(reader, lake)
        assert read == [(24, 25), (26, 27)], "the second day is live"
        read.clear()
    roll_up(lake, 3)
    assert_figures_hold(reader, lake)
    assert read == [(24, 25), (26, 27)]
    read.clear()
    assert_figures_hold(reader, lake)
    assert read == [(26, 27)]
    read.clear()
    land_into(lake, [[story.call(10, trace=10, at=DAY_MS)]], source="later")
    roll_up(lake, 3)
    assert_figures_hold(reader, lake)
    assert read == [(24, 25), (26, 27)], "it was live in between"


def test_all_steps_are_of_one_snapshot(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(money_figures, "ROWS_AT_ONCE", 1)
    dice = random.Random(1)
    story = Story()
    land_into(lake, [[story.billed(day + 1, trace=day + 1, at=day * DAY_MS) for day in range(4)]])
    reader, before = MoneyReader(lake), by_the_views(lake, NOW)
    steps, count = reader.steps(LABELS, 1000, NOW), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            figures = end.value
            break
        count += 1
        numbers = [story.call(20 + 4 * count + more, trace=dice.randint(1, 9), at=more * DAY_MS) for more in range(4)]
        land_into(lake, [numbers], source=str(count))
        roll_up(lake, 3)
    assert count == 4
    for found, wanted in zip((figures.calls, figures.margins), before, strict=True):
        assert found.select(wanted.columns).sort(wanted.columns[:4]).rows() == wanted.sort(wanted.columns[:4]).rows()
    assert_figures_hold(reader, lake)
