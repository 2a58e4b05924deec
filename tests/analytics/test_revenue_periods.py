"""What depends on the billing period: tiers over its quantity and shares of a recurring fee."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.revenue import apply_revenue
from analytics.revenue_parse import parse_rules
from analytics.revenue_periods import period_starts, with_period
from pricing_tables.fx import FxRate, FxTable
from tests.analytics.scene import SIGNALS
from tests.examples import examples

PICODOLLAR = Decimal("0.000000000001")
TIERS = [{"up_to": 10, "unit_price": "1"}, {"up_to": 20, "unit_price": "0.50", "flat": "3"}, {"unit_price": "0.333333"}]
FEE = {"recurring_fee": "29", "spread": "events"}
Told = dict[str, tuple[Decimal | None, Decimal | None]]
"""revenue_usd and recurring_usd of each event."""


def at(day: int, month: int = 3, year: int = 2026) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def earned(entry: dict[str, Any], *events: dict[str, Any], fx: FxTable | None = None) -> Told:
    """What some events earn together by one entry. events: signal_id, quantity, occurred_at, customer_id."""
    usual = {"event_name": "chat_message", "quantity": "1", "customer_id": "acme", "cost_traced": True}
    renamed = [
        {("own_customer_id" if key == "customer_id" else key): value for key, value in (usual | event).items()}
        for event in events
    ]
    signals = pl.DataFrame(
        [row | {"quantity": None if row["quantity"] is None else Decimal(row["quantity"])} for row in renamed],
        schema=SIGNALS,
    ).rename({"own_customer_id": "customer_id", "own_product_id": "product_id"})
    priced = apply_revenue(signals, parse_rules([{"name": "rule"} | entry]), fx or FxTable())
    return {row[0]: row[1:] for row in priced.select("signal_id", "revenue_usd", "recurring_usd").iter_rows()}


def event(name: str, quantity: str | None = "1", day: int = 1, **told: Any) -> dict[str, Any]:
    return {"signal_id": name, "quantity": quantity, "occurred_at": at(day)} | told


def revenue(found: Told) -> dict[str, Decimal | None]:
    return {name: whole for name, (whole, _) in found.items()}


def test_graduated_tiers_charge_each_unit_at_the_price_of_its_stretch() -> None:
    """b crosses two boundaries: 4 at $1, 10 at $0.50 with $3 for getting there, 1 at $0.333333."""
    found = earned({"tiers": TIERS}, event("b", "15", day=2), event("a", "6", day=1), event("c", "3", day=3))
    assert revenue(found) == {"b": Decimal("12.333333"), "a": Decimal(6), "c": Decimal("0.999999")}


def test_volume_tiers_charge_all_units_at_the_price_that_the_total_reaches() -> None:
    entry = {"tiers": TIERS, "tier_mode": "volume"}
    assert revenue(earned(entry, event("a", "6"), event("b", "4", day=2))) == {"a": Decimal(6), "b": Decimal(4)}
    assert revenue(earned(entry, event("a", "6"), event("b", "5", day=2))) == {"a": Decimal(6), "b": Decimal("2.5")}


def test_an_included_quantity_is_free_in_every_period() -> None:
    entry = {"unit_price_usd": "2", "included": 3}
    found = earned(entry, event("a", "2"), event("b", "2", day=2), event("next", "2", occurred_at=at(1, 4)))
    assert revenue(found) == {"a": 0, "b": 2, "next": 0}


def test_customers_have_tiers_of_their_own() -> None:
    found = earned({"tiers": TIERS}, event("a", "11"), event("b", "11", customer_id="other", day=2))
    assert revenue(found) == {"a": Decimal("13.5"), "b": Decimal("13.5")}


def test_a_quantity_that_is_no_amount_is_unknown_and_moves_nobody() -> None:
    found = earned({"tiers": TIERS}, event("a", None), event("b", "11", day=2))
    assert revenue(found) == {"a": None, "b": Decimal("13.5")}


def test_a_fee_is_divided_to_the_last_picodollar() -> None:
    found = earned(FEE | {"unit_price_usd": "1"}, *(event(name) for name in "cab"))
    assert {name: share for name, (_, share) in found.items()} == {
        "a": Decimal("9.666666666667"),
        "b": Decimal("9.666666666667"),
        "c": Decimal("9.666666666666"),
    }
    assert sum(whole or 0 for whole, _ in found.values()) == 29 + 3


def test_a_fee_that_is_not_spread_is_in_no_event() -> None:
    assert earned({"recurring_fee": "29", "unit_price_usd": "1"}, event("a")) == {"a": (Decimal(1), None)}
    assert earned({"recurring_fee": "29"}, event("a")) == {"a": (Decimal(0), None)}


def test_a_fee_in_another_currency_is_worth_what_it_was_when_its_period_began() -> None:
    rates = FxTable((FxRate("EUR", Decimal(1)), FxRate("EUR", Decimal(2), datetime(2026, 3, 2, tzinfo=UTC))))
    found = earned(FEE | {"currency": "EUR"}, event("a", day=5), event("b", day=6), fx=rates)
    assert found == {"a": (Decimal("14.5"),) * 2, "b": (Decimal("14.5"),) * 2}
    assert earned(FEE | {"currency": "JPY"}, event("a")) == {"a": (None, None)}


@pytest.mark.parametrize(
    ("entry", "moment", "starts"),
    [
        ({}, at(31), datetime(2026, 3, 1, tzinfo=UTC)),
        ({"anchor_day": 15}, at(14), datetime(2026, 2, 15, tzinfo=UTC)),
        ({"anchor_day": 15}, at(15), datetime(2026, 3, 15, tzinfo=UTC)),
        ({"anchor_day": 31}, at(28, 2), datetime(2026, 2, 28, tzinfo=UTC)),
        ({"anchor_day": 31}, at(30, 4), datetime(2026, 4, 30, tzinfo=UTC)),
        ({"anchor_day": 31}, at(29, 4), datetime(2026, 3, 31, tzinfo=UTC)),
        ({"period": "quarter"}, at(31, 3), datetime(2026, 1, 1, tzinfo=UTC)),
        ({"period": "year"}, at(1, 12), datetime(2026, 1, 1, tzinfo=UTC)),
        ({"period": "quarter", "valid_from": "2025-11-20"}, at(19, 2), datetime(2025, 11, 20, tzinfo=UTC)),
        ({"period": "quarter", "valid_from": "2025-11-20"}, at(20, 2), datetime(2026, 2, 20, tzinfo=UTC)),
        ({"period": 5}, at(1, 1, 1969), datetime(1968, 10, 1, tzinfo=UTC)),
    ],
)
def test_when_a_billing_period_begins(entry: dict[str, Any], moment: datetime, starts: datetime) -> None:
    rules = parse_rules([FEE | entry])
    events = pl.DataFrame(
        {"rule": [0], "occurred_at": [moment]}, schema={"rule": pl.UInt32, "occurred_at": pl.Datetime("us", "UTC")}
    )
    assert period_starts(with_period(events, rules), rules).to_list() == [starts]


quantities = st.integers(0, 30_000_000).map(lambda micro: str(Decimal(micro) / 10**6))
moments = st.tuples(st.integers(1, 28), st.integers(1, 3))
prices = st.integers(0, 10**13).map(lambda pico: pico * PICODOLLAR)


@st.composite
def periods(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [
        event(
            f"e{number:02}",
            draw(quantities),
            occurred_at=at(*draw(moments)),
            customer_id=draw(st.sampled_from([None, "a", "b"])),
        )
        for number in range(draw(st.integers(1, 12)))
    ]


@settings(max_examples=examples(60), deadline=None)
@given(periods(), st.lists(prices, min_size=3, max_size=3), st.lists(prices, min_size=3, max_size=3), st.booleans())
def test_tiers_charge_what_a_person_would(
    events: list[dict[str, Any]], unit: list[Decimal], flat: list[Decimal], graduated: bool
) -> None:
    """What a period costs in all is what its total quantity costs, and the order of rows does not matter."""
    bounds: list[Decimal | None] = [Decimal(20), Decimal("45.5"), None]
    tiers = [
        {"up_to": bound, "unit_price": price, "flat": once}
        for bound, price, once in zip(bounds, unit, flat, strict=True)
    ]
    entry = {"tiers": tiers, "tier_mode": "graduated" if graduated else "volume"}
    found = revenue(earned(entry, *events))
    assert found == revenue(earned(entry, *reversed(events)))
    totals: defaultdict[Any, Decimal] = defaultdict(Decimal)
    charged: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for told in events:
        group = (told["customer_id"], told["occurred_at"].month)
        totals[group] += Decimal(told["quantity"])
        charged[group] += found[told["signal_id"]] or 0
    for group, total in totals.items():
        exact, lower = Decimal(0), Decimal(0)
        for bound, price, once in zip(bounds, unit, flat, strict=True):
            if graduated:
                exact += max(Decimal(0), (total if bound is None else min(total, bound)) - lower) * price
                exact += once if total > lower else 0
            elif total > 0 and total > lower and (bound is None or total <= bound):
                exact = total * price + once
            lower = bound or lower
        assert charged[group] == exact.quantize(PICODOLLAR, ROUND_HALF_EVEN)


@settings(max_examples=examples(60), deadline=None)
@given(periods(), st.integers(0, 10**15))
def test_the_shares_of_a_fee_are_the_fee(events: list[dict[str, Any]], fee: int) -> None:
    found = earned({"recurring_fee": fee * PICODOLLAR, "spread": "events"}, *events)
    shares: defaultdict[Any, list[Decimal]] = defaultdict(list)
    for told in events:
        shares[told["customer_id"], told["occurred_at"].month].append(found[told["signal_id"]][1] or Decimal(0))
    for group in shares.values():
        assert sum(group) == fee * PICODOLLAR
        assert max(group) - min(group) <= PICODOLLAR
