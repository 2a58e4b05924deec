"""Rolled up or not, margin_daily says the same; what changes a day ends its rollup in the same transaction."""

import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from analytics import rollup as module
from analytics.period import Period
from analytics.relink import relink
from analytics.rollup import Rollup, rollup, unrolled
from lake.connect import Lake
from lake.daily import daily_sql
from receiver.journal.record import Record
from tests.analytics.stories import Story
from tests.examples import examples
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.lakes import broken, fill, in_batches, rules
from tests.marginlake.traffic import worlds
from tests.new_lakes import empty_lake

EVER = Period(None, datetime(2027, 1, 1, tzinfo=UTC))
DAY = date(2026, 11, 23)
"""The day of the stories."""

KEY = ["day", "customer_id", "product_id", "event_name"]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def assert_exact(lake: Lake) -> None:
    """The view is what all rows come to, read afresh."""
    seen, wanted = (lake.read(sql).sort(KEY) for sql in ("FROM margin_daily", daily_sql()))
    assert seen.rows() == wanted.rows()
    assert "rolled_days_hold" not in broken(lake)


def rolled(lake: Lake) -> set[date]:
    return set(lake.read("SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL")["day"])


def snapshot_of(lake: Lake) -> int:
    return int(lake.read("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").item())


def a_day_and_the_next(story: Story) -> list[list[Record]]:
    """A call late on the first day, borne by an event on the next; a call and an event of the first day alone."""
    day = 24 * 3_600_000
    return [
        [story.call(1, trace=1, scope="s", customer="acme"), story.call(2, trace=2, customer="acme")],
        [story.billed(3, trace=2, customer="acme"), story.billed(4, trace=3, at=day, scope="s", customer="acme")],
    ]


def test_rolled_days_are_read_and_say_the_same(tmp_path: Path) -> None:
    captured_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as lake:
        before = lake.read("FROM margin_daily").sort(KEY)
        days = unrolled(lake, EVER)
        assert set(days["day"]) == set(before["day"])
        done = rollup(lake, EVER)
        assert done == Rollup(days.height, int(days["events"].sum()), int(days["calls"].sum()))
        assert rolled(lake) == set(days["day"])
        assert lake.read("FROM margin_daily").sort(KEY).equals(before)
        assert lake.read("FROM margin_rollup").sort(KEY).equals(before)
        assert_exact(lake)


def test_twice_is_once(lake: Lake) -> None:
    fill(lake, a_day_and_the_next(Story()))
    assert rollup(lake, EVER).days == 2
    before = snapshot_of(lake)
    assert rollup(lake, EVER) == Rollup()
    assert snapshot_of(lake) == before


def test_only_whole_days_of_the_period(lake: Lake) -> None:
    fill(lake, a_day_and_the_next(Story()))
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert rollup(lake, Period(None, noon)).days == 0
    assert rollup(lake, Period(noon, noon + timedelta(days=1))).days == 0
    assert rollup(lake, Period(noon, noon + timedelta(days=2))).days == 1
    assert rolled(lake) == {DAY + timedelta(days=1)}
    assert_exact(lake)


def test_a_late_event_changes_its_day_and_that_of_the_cost_it_claims(lake: Lake) -> None:
    first, late = a_day_and_the_next(Story())
    fill(lake, [first, late[:1]])
    rollup(lake, EVER)
    assert rolled(lake) == {DAY}
    fill(lake, [late[1:]])
    assert rolled(lake) == set()
    assert_exact(lake)
    rollup(lake, EVER)
    assert rolled(lake) == {DAY, DAY + timedelta(days=1)}
    assert_exact(lake)


def test_other_days_stay_rolled_up(lake: Lake) -> None:
    story = Story()
    fill(lake, a_day_and_the_next(story))
    rollup(lake, EVER)
    fill(lake, [[story.call(9, trace=9)]])
    assert rolled(lake) == {DAY + timedelta(days=1)}
    assert_exact(lake)


def test_a_later_day_is_live_at_once(lake: Lake) -> None:
    story = Story()
    fill(lake, [[story.call(1)]])
    rollup(lake, EVER)
    fill(lake, [[story.call(2, trace=2, at=48 * 3_600_000)]])
    assert rolled(lake) == {DAY}
    assert lake.read("SELECT day FROM margin_daily ORDER BY day")["day"].to_list() == [DAY, DAY + timedelta(days=2)]


def test_a_row_on_a_day_that_had_none(lake: Lake) -> None:
    story = Story()
    fill(lake, [[story.call(1), story.call(2, trace=2, at=48 * 3_600_000)]])
    rollup(lake, EVER)
    fill(lake, [[story.call(3, trace=3, at=24 * 3_600_000)]])
    assert lake.read("SELECT count(*) FROM margin_daily").item() == 3
    assert_exact(lake)


def test_a_customer_who_is_another_changes_the_day_of_the_event(lake: Lake) -> None:
    """The link stays the same; whose cost it is does not."""
    first, late = a_day_and_the_next(Story())
    fill(lake, [first, late])
    rollup(lake, EVER)
    with lake.transaction() as tx:
        costs = tx.read("SELECT * FROM costs WHERE cost_id IN (SELECT cost_id FROM cost_links WHERE rule = 'scope')")
        tx.replace("costs", costs.select("cost_id"), costs.with_columns(product_id=pl.lit("another")))
    assert rolled(lake) == set()
    assert_exact(lake)


def test_what_is_deleted_ends_a_day_too(lake: Lake) -> None:
    fill(lake, a_day_and_the_next(Story()))
    rollup(lake, EVER)
    with lake.transaction() as tx:
        tx.delete("cost_links", tx.read("SELECT signal_id FROM cost_links WHERE rule = 'scope'"))
    assert rolled(lake) == set()
    assert_exact(lake)


def test_a_day_that_changes_while_it_is_rolled_up_stays_live(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story()
    fill(lake, [[story.call(1)]])
    work = module.worked_out

    def meanwhile(*arguments: object) -> pl.DataFrame:
        rows = work(*arguments)  # type: ignore[arg-type]
        fill(lake, [[story.call(2, trace=2)]])
        return rows

    monkeypatch.setattr(module, "worked_out", meanwhile)
    assert rollup(lake, EVER) == Rollup(contended=1)
    assert_exact(lake)
    monkeypatch.undo()
    assert rollup(lake, EVER).days == 1
    assert lake.read("SELECT sum(unclaimed_cost_usd) FROM margin_rollup").item() == Decimal("0.0003")


def test_it_can_be_stopped_and_goes_on(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_AT_ONCE", 1)
    fill(lake, a_day_and_the_next(Story()))
    told: list[tuple[int, int]] = []
    done = rollup(lake, EVER, progress=lambda done, total: told.append((done, total)), stop=lambda: bool(told))
    assert (done.days, told) == (1, [(1, 2)])
    assert_exact(lake)
    assert rollup(lake, EVER).days == 1
    assert_exact(lake)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(examples(2)))
def test_whatever_comes_whenever_it_is_rolled_up(seed: int) -> None:
    """Late, repeated and out of order, with rollups in between and a relink of a damaged lake at the end."""
    chance, records = random.Random(seed), worlds(5 * examples(2), 5)[seed].records
    dealt = [*records, *chance.sample(records, len(records) // 4)]
    chance.shuffle(dealt)
    with tempfile.TemporaryDirectory() as folder:
        empty_lake(Path(folder))
        with Lake.open(Path(folder), threads=1) as lake:
            for batch in in_batches(dealt, 4, chance):
                fill(lake, [batch])
                assert_exact(lake)
                end = datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=chance.choice([-60, -30, 0, 1, 10]))
                rollup(lake, Period(None, end))
                assert_exact(lake)
            lose_results(lake, chance)
            assert_exact(lake)
            rollup(lake, EVER)
            relink(lake, rules().events, rules().price_again)
            assert_exact(lake)
            assert broken(lake) == {}


def lose_results(lake: Lake, chance: random.Random) -> None:
    """Lose some links and margins, in a transaction like any other."""
    with lake.transaction() as tx:
        links = tx.read("SELECT cost_id, signal_id FROM cost_links")
        tx.delete("cost_links", links.sample(fraction=0.5, seed=chance.randrange(1000)))
        tx.delete("event_margins", tx.read("SELECT signal_id FROM event_margins LIMIT 2"))
