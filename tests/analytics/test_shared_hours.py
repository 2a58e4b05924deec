"""A machine's hour, shared by its calls: exact, settled when it is over, again when its calls change."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics.event_rules import EventRules
from analytics.recompute import Changes
from analytics.shared_hours import settle_hours
from lake.connect import Lake
from marginlake.config import Config
from marginlake.rules import Rules, rules_from
from marginlake.upkeep import settle_shared_hours
from receiver.journal.record import Record
from tests.analytics.stories import BASE_NS, Story
from tests.marginlake.lakes import (
    REVENUE,
    Tables,
    broken,
    captured,
    differences,
    fill,
    in_batches,
    span_by_span,
    tables,
)
from tests.new_lakes import empty_lake

START = datetime.fromtimestamp(BASE_NS / 1e9, UTC)
HOUR = START.replace(minute=0, second=0, microsecond=0)
OVER = HOUR + timedelta(hours=1)
HOUR_MS = 3_600_000
POOL = {"name": "pool", "provider": "openai", "per_hour": "2.49"}


@cache
def rules(**changes: Any) -> Rules:
    """The rules with one machine for everything of OpenAI's."""
    fx = ({"currency": "EUR", "usd": "1.0834"},)
    return rules_from(Config(revenue=REVENUE, pricing={"override": (POOL | changes,), "fx": fx}), None)


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def settle(lake: Lake, until: datetime = OVER, given: Rules | None = None) -> Changes:
    return settle_shared_hours(lake, given or rules(), until)


def costs(lake: Lake) -> list[Decimal | None]:
    """What the calls that count cost, in the order of their ids."""
    rows = tables(lake)["costs"].filter(pl.col("status") != "aggregate").sort("trace_id", "span_id")
    return rows["cost_usd"].to_list()


def three(*, at: int = 0, trace: int = 1) -> list[Record]:
    return [Story().call(number, at=at + number, trace=trace) for number in (1, 2, 3)]


def test_the_calls_of_an_hour_share_its_price_to_the_last_picodollar(lake: Lake) -> None:
    fill(lake, [three()], rules(per_hour="1"))
    assert costs(lake) == [None] * 3
    settle(lake, given=rules(per_hour="1"))
    assert costs(lake) == [Decimal("0.333333333334"), Decimal("0.333333333333"), Decimal("0.333333333333")]
    row = tables(lake)["costs"].row(0, named=True)
    assert (row["status"], row["price_rule"], row["rate_note"]) == ("priced", "pool", "shared hour: one of 3 calls")
    assert row["other_cost_usd"] == row["cost_usd"]
    assert broken(lake) == {}


def test_an_hour_that_is_not_over_waits(lake: Lake) -> None:
    fill(lake, [three()], rules())
    assert settle(lake, OVER - timedelta(microseconds=1)) == Changes()
    assert costs(lake) == [None] * 3
    statuses = tables(lake)["costs"].select("status", "rate_note").unique().rows()
    assert statuses == [("unpriced", "shared hour: priced when the hour is settled")]


def test_settling_again_writes_nothing(lake: Lake) -> None:
    fill(lake, [three()], rules())
    assert settle(lake).costs == 3
    assert settle(lake) == Changes()


def test_every_hour_has_its_own_price(lake: Lake) -> None:
    fill(lake, [[*three(), *three(at=HOUR_MS, trace=2), Story().call(1, at=2 * HOUR_MS, trace=3)]], rules())
    settle(lake, OVER + timedelta(hours=1))
    assert costs(lake) == [Decimal("0.83")] * 6 + [None]
    settle(lake, OVER + timedelta(hours=2))
    assert costs(lake)[6] == Decimal("2.49")


def test_a_late_call_is_given_its_share_of_an_hour_that_was_settled(lake: Lake) -> None:
    fill(lake, [three()], rules())
    settle(lake)
    fill(lake, [[Story().call(4)]], rules())
    assert costs(lake) == [Decimal("0.83")] * 3 + [None]
    settle(lake)
    assert costs(lake) == [Decimal("0.6225")] * 4


def test_what_turns_out_to_repeat_another_bears_nothing(lake: Lake) -> None:
    story = Story()
    fill(lake, [[story.call(1), story.call(2, operation="invoke_agent")]], rules())
    settle(lake)
    assert costs(lake) == [Decimal("1.245")] * 2
    fill(lake, [[story.call(3, parent=2)]], rules())
    settle(lake)
    assert costs(lake) == [Decimal("1.245")] * 2
    aggregate = tables(lake)["costs"].filter(pl.col("status") == "aggregate").row(0, named=True)
    assert (aggregate["cost_usd"], aggregate["rate_id"]) == (None, None)
    assert broken(lake) == {}


def test_links_and_margins_come_with_it(lake: Lake) -> None:
    story = Story()
    fill(lake, [[*three(), story.billed(4)]], rules())
    assert tables(lake)["event_margins"]["cost_status"].to_list() == ["unpriced"]
    settle(lake)
    assert story.costs(tables(lake)) == {"report": "249000"}
    assert tables(lake)["event_margins"]["cost_status"].to_list() == ["complete"]
    assert broken(lake) == {}


def test_a_call_of_a_settled_hour_keeps_its_share_when_its_trace_grows(lake: Lake) -> None:
    fill(lake, [three()], rules())
    settle(lake)
    fill(lake, [[Story().work(9, {"customer.id": "acme"}), Story().billed(8)]], rules())
    assert costs(lake) == [Decimal("0.83")] * 3
    assert settle(lake) == Changes()


def test_a_machine_paid_in_another_currency(lake: Lake) -> None:
    euro = rules(currency="EUR", per_hour="1")
    fill(lake, [three()], euro)
    settle(lake, given=euro)
    rows = tables(lake)["costs"]
    assert rows["original_cost"].sum() == Decimal(1)
    assert rows["cost_usd"].sum() == Decimal("1.0834")
    assert set(rows.select("original_currency", "fx_rate").iter_rows()) == {("EUR", Decimal("1.0834"))}
    assert settle(lake, given=euro) == Changes()
    assert broken(lake) == {}


def test_a_new_price_does_not_reach_back(lake: Lake) -> None:
    fill(lake, [three()], rules())
    settle(lake)
    assert settle(lake, given=rules(per_hour="300")) == Changes()
    assert costs(lake) == [Decimal("0.83")] * 3


def test_hours_of_a_rule_that_is_no_more_stay_open(lake: Lake) -> None:
    fill(lake, [three()], rules())
    assert settle(lake, given=rules(name="another")) == Changes()
    assert costs(lake) == [None] * 3


def test_without_such_rules_the_lake_is_not_even_asked(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path, threads=1)
    lake.close()
    none = rules_from(Config(), None).price_again
    assert settle_hours(lake, EventRules(), none, none.book, none.fx) == Changes()


def test_by_default_an_hour_is_left_alone_for_some_minutes(lake: Lake) -> None:
    """What was sent just now is in an hour that is not over."""
    now_ms = (datetime.now(UTC) - START) // timedelta(milliseconds=1)
    fill(lake, [[*three(), Story().call(1, trace=2, at=now_ms)]], rules())
    settle_shared_hours(lake, rules())
    assert costs(lake) == [Decimal("0.83")] * 3 + [None]


class TestTwoCustomers:
    """One machine for each of two customers; who a call is for comes with its root."""

    entries = (
        {"name": "acme", "customer": "acme", "per_hour": "1"},
        {"name": "globex", "customer": "globex", "per_hour": "7", "currency": "EUR"},
    )
    given = rules_from(Config(pricing={"override": entries, "fx": ({"currency": "EUR", "usd": "1.1"},)}), None)
    records = (
        *(Story().call(number, parent=9) for number in (1, 2, 3)),
        Story().work(9, {"customer.id": "acme"}),
        *(Story().call(number, trace=2, parent=9, answer=Story().answer if number == 1 else None) for number in (1, 2)),
        Story().work(9, {"customer.id": "globex"}, trace=2),
        Story().work(9, {"customer.id": "acme"}, trace=2, lasts=5),
        Story().call(1, trace=3, answer=Story().answer, library="gateway"),
        Story().billed(7, trace=3),
    )

    def landed(self, folder: Path, batches: list[list[Record]], *, between: bool) -> Tables:
        empty_lake(folder)
        with Lake.open(folder, threads=1) as lake:
            for number, batch in enumerate(batches):
                fill(lake, [batch], self.given, source=f"batch {number}")
                if between:
                    settle(lake, given=self.given)
            settle(lake, given=self.given)
            assert settle(lake, given=self.given) == Changes()
            assert broken(lake) == {}
            return tables(lake)

    def test_every_order_and_every_moment_of_settling_gives_the_same(self, tmp_path: Path) -> None:
        at_once = self.landed(tmp_path / "once", [list(self.records)], between=False)
        priced = (
            at_once["costs"].filter(pl.col("status") == "priced").group_by("price_rule").agg(pl.col("cost_usd").sum())
        )
        assert dict(priced.iter_rows()) == {"acme": Decimal(1), "globex": Decimal("7.7")}
        for seed in range(4):
            chance = random.Random(seed)
            shuffled = list(self.records)
            chance.shuffle(shuffled)
            landed = self.landed(tmp_path / str(seed), in_batches(shuffled, 4, chance), between=seed % 2 == 0)
            assert differences(landed, at_once) == []


def test_the_captures_settle_to_the_same_in_another_order(tmp_path: Path) -> None:
    """Everything that was recorded of real libraries, under every kind of rule."""
    entries = (
        {"name": "acme", "customer": "cust_acme", "discount_pct": "12.5"},
        {"name": "claude", "provider": "anthropic", "per_hour": "2.49", "currency": "EUR"},
        {"name": "small", "model": "gpt-4o*", "per_second": "0.00042"},
        {"name": "bedrock", "provider": "aws", "prices": {"input_mtok": "1.1", "output_mtok": "4.4"}},
    )
    pricing = {"override": entries, "fx": ({"currency": "EUR", "usd": "1.0834"},)}
    given = rules_from(Config(revenue=REVENUE, pricing=pricing), None)
    chance = random.Random(7)
    alone = [one for record in captured() for one in span_by_span(record)]
    chance.shuffle(alone)
    found = []
    for name, batches in (("once", [list(captured())]), ("shuffled", in_batches(alone, 5, chance))):
        empty_lake(tmp_path / name)
        with Lake.open(tmp_path / name, threads=1) as lake:
            for number, batch in enumerate(batches):
                fill(lake, [batch], given, source=f"batch {number}")
                settle(lake, datetime(2100, 1, 1, tzinfo=UTC), given)
            assert broken(lake) == {}
            found.append(tables(lake))
    assert differences(*found) == []
    named = set(found[0]["costs"].filter(pl.col("status") == "priced")["price_rule"].drop_nulls())
    assert {"claude", "small", "bedrock"} <= named
    hours = found[0]["costs"].filter((pl.col("price_rule") == "claude") & (pl.col("status") == "priced"))
    per_hour = hours.group_by(pl.col("occurred_at").dt.truncate("1h")).agg(pl.col("original_cost").sum())
    assert set(per_hour["original_cost"]) == {Decimal("2.49")}
