"""Every way to earn that looks at one event: plans, brackets, cost-plus, outcomes, its own figure, other currencies."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics.revenue import apply_revenue
from analytics.revenue_parse import parse_rules
from analytics.revenue_rules import RevenueError
from pricing_tables.fx import FxRate, FxTable
from tests.analytics.scene import SIGNALS, Scene
from tests.examples import examples

EURO = FxTable((FxRate("EUR", Decimal("1.08")), FxRate("EUR", Decimal("1.25"), datetime(2026, 6, 1, tzinfo=UTC))))
COST = {"known_cost": pl.Decimal(38, 12), "cost_status": pl.String}


def earned(entry: dict[str, Any], *, cost: tuple[str | None, str] | None = None, **told: Any) -> dict[str, Any]:
    """What one event earns by one entry. cost: its known cost and cost_status."""
    scene = Scene()
    scene.signal("event", **({"customer": "acme", "product": "bot"} | told))
    signals = pl.DataFrame(scene.signals, schema=SIGNALS).rename(
        {"own_customer_id": "customer_id", "own_product_id": "product_id"}
    )
    if cost is not None:
        known = pl.DataFrame({"known_cost": [cost[0]], "cost_status": [cost[1]]})
        signals = signals.hstack(known.cast(COST))
    return apply_revenue(signals, parse_rules([{"name": "rule"} | entry]), EURO).row(0, named=True)


def revenue(entry: dict[str, Any], **told: Any) -> Decimal | None:
    found = earned(entry, **told)["revenue_usd"]
    assert found is None or isinstance(found, Decimal)
    return found


@pytest.mark.parametrize(
    ("price", "granted", "message"),
    [("29", 500, "0.058"), ("79", 2000, "0.0395"), ("199", 10_000, "0.0199")],
    ids=["starter", "pro", "business"],
)
def test_a_plans_price_and_grant_say_what_a_credit_is_worth(price: str, granted: int, message: str) -> None:
    assert revenue({"credits": 1, "plan_price": price, "plan_credits": granted}) == Decimal(message)


def test_a_credit_is_worth_its_exact_fraction_and_only_the_revenue_is_rounded() -> None:
    third = {"credits": 1, "plan_price": "1", "plan_credits": 3}
    assert revenue(third) == Decimal("0.333333333333")
    assert revenue(third, quantity="3") == 1


@pytest.mark.parametrize(
    ("quantity", "burned"), [("1", "1"), ("10", "1"), ("10.5", "5"), ("100", "5"), ("101", None), ("0", "0")]
)
def test_the_bracket_that_the_quantity_falls_into(quantity: str, burned: str | None) -> None:
    """Beyond the last bracket nobody has said what it costs."""
    entry = {
        "credit_brackets": [{"up_to": 10, "credits": 1}, {"up_to": 100, "credits": 5}],
        "credit_value_usd": "0.10",
    }
    assert revenue(entry, quantity=quantity) == (None if burned is None else Decimal(burned) / 10)


def test_each_unit_at_the_credits_of_its_bracket() -> None:
    entry = {
        "credit_brackets": [{"up_to": 10, "credits_per_unit": 2}, {"credits_per_unit": "0.5"}],
        "plan_price": "29",
        "plan_credits": 500,
    }
    assert revenue(entry, quantity="14") == (10 * 2 + 4 * Decimal("0.5")) * Decimal("0.058")


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (("0.000000000003", "complete"), "0.000000000004"),  # half to even
        (("2", "complete"), "3"),
        ((None, "no_calls"), "0"),
        (("2", "partial"), None),
        ((None, "unpriced"), None),
        ((None, "untraced"), None),
    ],
)
def test_cost_plus_is_known_when_the_cost_is(cost: tuple[str | None, str], expected: str | None) -> None:
    assert revenue({"cost_multiplier": "1.5"}, cost=cost) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("when", "data", "holds"),
    [
        ("data.resolved == true", '{"resolved": true}', True),
        ("resolved == true", '{"resolved": false}', False),
        ("resolved == true", '{"resolved": "yes"}', False),
        ("resolved == true", None, False),
        ("resolved", '{"resolved": 0}', True),
        ("resolved exists", '{"resolved": null}', False),
        ("score >= 4.5", '{"score": 4.5}', True),
        ("score >= 4.5", '{"score": "4.50"}', True),
        ("score >= 4.5", '{"score": 4.4999999}', False),
        ("score >= 4.5", '{"score": "high"}', False),
        ("csat.score != 1", '{"csat": {"score": 2}}', True),
        ("csat.score != 1", "{}", False),
        ("kind == 'refund'", '{"kind": "refund"}', True),
        ("kind contains fund", None, None),
        ("kind contains 'fund'", '{"kind": "refund"}', True),
        ({"field": "n", "operator": "lt", "value": 3}, '{"n": 2}', True),
        ({"field": "n", "operator": "neq", "value": True}, '{"n": false}', True),
    ],
)
def test_an_outcome_earns_only_where_its_condition_holds(when: Any, data: str | None, holds: bool | None) -> None:
    """Otherwise it earned nothing by that rule, which is known. None: the condition cannot be understood."""
    entry = {"unit_price_usd": "2", "when": when}
    if holds is None:
        with pytest.raises(RevenueError, match="when: 'fund' is not a number"):
            earned(entry)
        return
    found = earned(entry, data=data)
    assert (found["revenue_usd"], found["revenue_rule"]) == (2 if holds else 0, "rule")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"revenue": 12.5}', "12.5"),
        ('{"revenue": "12.50"}', "12.5"),
        ('{"revenue": -3}', "-3"),
        ('{"revenue": "a lot"}', None),
        ("{}", None),
        ('{"revenue": 2, "revenue_currency": "EUR"}', "2.5"),
        ('{"revenue": 2, "revenue_currency": "USD"}', "2"),
        ('{"revenue": 2, "revenue_currency": "XAU"}', None),
    ],
)
def test_a_figure_of_the_events_own(data: str, expected: str | None) -> None:
    entry = {"revenue": "revenue", "revenue_currency": "revenue_currency"}
    assert revenue(entry, data=data, quantity="7") == (None if expected is None else Decimal(expected))


def test_a_figure_needs_a_rule_that_says_so() -> None:
    assert revenue({"unit_price_usd": "1"}, data='{"revenue": 5}') == 1


def test_other_currencies_are_worth_what_they_were_on_that_day() -> None:
    found = earned({"unit_price": "0.10", "currency": "EUR"}, quantity="3")
    assert found["revenue_usd"] == Decimal("0.375")
    assert (found["original_currency"], found["original_revenue"], found["fx_rate"]) == (
        "EUR",
        Decimal("0.3"),
        Decimal("1.25"),
    )
    assert earned({"unit_price_usd": "1"})["original_currency"] is None


def test_without_an_exchange_rate_the_revenue_is_unknown_and_says_in_what() -> None:
    found = earned({"unit_price": "1", "currency": "JPY"})
    assert (found["revenue_usd"], found["original_currency"], found["original_revenue"]) == (None, "JPY", 1)


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 10**8), st.integers(1, 10**7), st.integers(0, 10**7))
def test_revenue_by_credits_is_exact(micro: int, cents: int, granted: int, burned: int) -> None:
    quantity, price = Decimal(micro) / 10**6, Decimal(cents) / 100
    entry = {"credits": Decimal(burned) / 1000, "plan_price": price, "plan_credits": granted}
    numerator, denominator = micro * burned * cents * 10**12, 10**6 * 10**3 * 100 * granted
    whole, rest = divmod(numerator, denominator)
    whole += 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
    assume(burned * cents < 10**11 * granted)  # a unit has a price that the table of rules has room for
    assert revenue(entry, quantity=str(quantity)) == (Decimal(whole).scaleb(-12) if whole < 10**18 else None)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"credits": 1, "plan_price": 29}, "plan_credits: missing"),
        ({"unit_price_usd": 1, "cost_multiplier": 2}, "cost_multiplier: give either it or unit_price_usd"),
        ({"unit_price_usd": 1, "currency": "EUR"}, "currency: goes with unit_price, not with unit_price_usd"),
        ({"unit_price": 1, "currency": "euro"}, "currency: 'euro' is not a currency code"),
        ({"tiers": []}, "tiers: must be a list of tables"),
        ({"tiers": [{"up_to": 5, "unit_price": 1}]}, "tiers: the last must have no up_to"),
        ({"tiers": [{"up_to": 5}, {"up_to": 5}, {}]}, "tiers: up_to must rise"),
        ({"tiers": [{"price": 5}]}, "tiers: price: unknown key"),
        ({"credit_brackets": [{"credits": 1}, {"credits_per_unit": 2}], "credit_value_usd": 1}, "up_to must rise"),
        ({"unit_price_usd": 1, "tier_mode": "volume"}, "tiers: missing"),
        ({"unit_price_usd": 1, "spread": "events"}, "recurring_fee: missing"),
        ({"recurring_fee": 1, "spread": "days"}, "spread: 'days' is not events or none"),
        ({"recurring_fee": 1, "period": "week"}, "period: 'week' is not a period"),
        ({"recurring_fee": 1, "anchor_day": 32}, "anchor_day: 32 is not a day"),
        ({"unit_price_usd": 1, "when": "a = b"}, "when: 'a = b' is not a condition"),
        ({"unit_price_usd": 1, "when": {"field": "a", "operator": "like"}}, "when: 'like' is not one of eq"),
        ({"unit_price_usd": 1, "when": "a > 'x'"}, "when: 'x' is no number"),
        ({"revenue_currency": "c", "unit_price_usd": 1}, "revenue_currency: goes with revenue"),
        ({"included": 5, "cost_multiplier": 1}, "included: needs unit_price_usd or unit_price"),
    ],
)
def test_a_wrong_entry_is_named_in_one_line(entry: dict[str, Any], says: str) -> None:
    with pytest.raises(RevenueError) as error:
        parse_rules([entry])
    assert says in str(error.value)
    assert "\n" not in str(error.value)
