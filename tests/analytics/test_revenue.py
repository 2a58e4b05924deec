"""What an event earns: rules from the configuration, applied exactly."""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.revenue import apply_revenue
from analytics.revenue_parse import parse_rules
from analytics.revenue_rules import RevenueError, RevenueRule
from tests.analytics.scene import SIGNALS, START, Scene, moment

PICODOLLAR = Decimal("0.000000000001")
DOLLAR = Decimal(1)


def earned(scene: Scene, *rules: RevenueRule) -> dict[str, tuple[Decimal | None, str | None]]:
    signals = pl.DataFrame(scene.signals, schema=SIGNALS).rename(
        {"own_customer_id": "customer_id", "own_product_id": "product_id"}
    )
    priced = apply_revenue(signals, rules)
    assert priced["signal_id"].to_list() == signals["signal_id"].to_list(), "order is kept"
    return {row[0]: row[1:] for row in priced.select("signal_id", "revenue_usd", "revenue_rule").iter_rows()}


def event(**told: Any) -> Scene:
    scene = Scene()
    scene.signal("event", **({"customer": "acme", "product": "bot"} | told))
    return scene


def test_without_a_rule_revenue_is_unknown() -> None:
    assert earned(event()) == {"event": (None, None)}
    assert earned(event(), RevenueRule("other", event_name="report", unit_price_usd=DOLLAR)) == {"event": (None, None)}


def test_names_must_match_exactly() -> None:
    rule = RevenueRule("exact", event_name="Chat_Message", unit_price_usd=DOLLAR)
    assert earned(event(), rule) == {"event": (None, None)}


def test_unit_price_times_the_signals_quantity() -> None:
    rule = RevenueRule("page", unit_price_usd=Decimal("0.25"))
    assert earned(event(quantity="12.5"), rule) == {"event": (Decimal("3.125"), "page")}
    assert earned(event(quantity="0"), rule) == {"event": (Decimal(0), "page")}


def test_credits_times_the_value_of_a_credit_times_the_quantity() -> None:
    rule = RevenueRule("pro", credits=Decimal(2), credit_value_usd=Decimal("0.0395"))
    assert earned(event(quantity="3"), rule) == {"event": (Decimal("0.237"), "pro")}


@pytest.mark.parametrize(
    ("data", "quantity"),
    [
        ('{"dimensions": {"pages": 3}}', "3"),
        ('{"dimensions": {"pages": 2.5}}', "2.5"),
        ('{"dimensions": {"pages": 1e2}}', "100"),
        ('{"dimensions": {"pages": 0}}', "0"),
        ('{"dimensions": {}}', "1"),
        ('{"dimensions": {"pages": null}}', "1"),
        ("{}", "1"),
        ('{"dimensions": {"pages": "many"}}', None),
        ('{"dimensions": {"pages": -1}}', None),
        ('{"dimensions": {"pages": true}}', None),
        ('{"dimensions": {"pages": [3]}}', None),
    ],
)
def test_the_quantity_is_read_from_the_data(data: str, quantity: str | None) -> None:
    """Missing is one; what is no amount makes the revenue unknown."""
    rule = RevenueRule("pages", unit_price_usd=Decimal("0.10"), quantity_path="dimensions.pages")
    expected = None if quantity is None else Decimal(quantity) / 10
    assert earned(event(data=data, quantity="7"), rule) == {"event": (expected, "pages")}


@pytest.mark.parametrize("quantity", [None, "-1"])
def test_an_unusable_quantity_of_the_signal_makes_the_revenue_unknown(quantity: str | None) -> None:
    assert earned(event(quantity=quantity), RevenueRule("any", unit_price_usd=DOLLAR)) == {"event": (None, "any")}


def test_customer_before_product_before_event_before_date() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    rules = [
        RevenueRule("customer", customer_id="acme", unit_price_usd=DOLLAR),
        RevenueRule("product+event", product_id="bot", event_name="chat_message", unit_price_usd=DOLLAR),
        RevenueRule("product", product_id="bot", unit_price_usd=DOLLAR),
        RevenueRule("event", event_name="chat_message", unit_price_usd=DOLLAR),
        RevenueRule("late", valid_from=late, unit_price_usd=DOLLAR),
        RevenueRule("early", valid_from=early, unit_price_usd=DOLLAR),
        RevenueRule("always", unit_price_usd=DOLLAR),
    ]
    order = []
    while rules:
        winner = earned(event(), *reversed(rules))["event"][1]
        order.append(winner)
        rules = [rule for rule in rules if rule.rule_id != winner]
    assert order == ["customer", "product+event", "product", "event", "late", "early", "always"]


def test_the_rule_in_force_when_it_happened() -> None:
    march, june = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    rules = (
        RevenueRule("spring", unit_price_usd=DOLLAR, valid_from=march, valid_to=june),
        RevenueRule("summer", unit_price_usd=2 * DOLLAR, valid_from=june),
    )
    day = 24 * 3600 * 1000
    scene = Scene()
    for name, when in (("before", march), ("at", march), ("last", june), ("change", june), ("now", START)):
        offset = (when - START).total_seconds() * 1000
        scene.signal(name, at=offset - (day if name == "before" else 0.001 if name == "last" else 0))
    assert {name: rule for name, (_, rule) in earned(scene, *rules).items()} == {
        "before": None,
        "at": "spring",
        "last": "spring",
        "change": "summer",
        "now": "summer",
    }


def test_a_newer_rule_that_ended_gives_way_to_an_older_one_still_in_force() -> None:
    promotion = RevenueRule("promotion", unit_price_usd=DOLLAR, valid_from=moment(-2000), valid_to=moment(-1000))
    standard = RevenueRule("standard", unit_price_usd=DOLLAR, valid_from=moment(-9000))
    assert earned(event(), promotion, standard)["event"][1] == "standard"


def test_a_rule_for_a_customer_does_not_touch_signals_without_one() -> None:
    rule = RevenueRule("acme", customer_id="acme", unit_price_usd=DOLLAR)
    assert earned(event(customer=None), rule) == {"event": (None, None)}


@settings(max_examples=100, deadline=None)
@given(quantity=st.integers(0, 10**12), price=st.integers(0, 10**14))
def test_revenue_is_exact_to_the_picodollar(quantity: int, price: int) -> None:
    amount, unit = Decimal(quantity) / 10**6, price * PICODOLLAR
    revenue = (amount * unit).quantize(PICODOLLAR, ROUND_HALF_EVEN)
    known = None if revenue >= 10**6 else revenue
    assert earned(event(quantity=str(amount)), RevenueRule("r", unit_price_usd=unit))["event"][0] == known


def test_configuration_entries_become_rules() -> None:
    rules = parse_rules(
        [
            {"name": "starter", "product": "bot", "event": "chat_message", "credits": 1, "credit_value_usd": "0.058"},
            {"event": "page", "unit_price_usd": 0.1, "quantity": "$.dimensions.pages", "valid_from": date(2026, 1, 1)},
            {
                "customer": "acme",
                "unit_price_usd": "2",
                "valid_from": "2026-06-01T02:00:00+02:00",
                "valid_to": "2027-01-01",
            },
        ]
    )
    assert rules[0] == RevenueRule(
        "starter", "bot", "chat_message", credits=Decimal(1), credit_value_usd=Decimal("0.058")
    )
    assert rules[1].unit_price_usd == Decimal("0.1"), "a float stands for what was written"
    assert rules[1].quantity_path == "dimensions.pages"
    assert rules[1].valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert rules[2].valid_from == datetime(2026, 6, 1, tzinfo=UTC)
    assert rules[1].rule_id.startswith("rev_")


def test_a_rule_without_a_name_is_named_after_its_content() -> None:
    entry = {"event": "page", "unit_price_usd": "0.10"}
    again = {"unit_price_usd": 0.1, "event": "page"}
    assert parse_rules([entry])[0].rule_id == parse_rules([again])[0].rule_id
    assert parse_rules([entry])[0].rule_id != parse_rules([entry | {"product": "bot"}])[0].rule_id


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"price": 1}, "entry 1: price: unknown key"),
        ({"event": "x"}, "entry 1: unit_price_usd: missing"),
        ({"name": "a", "unit_price_usd": "free"}, "entry 1 (a): unit_price_usd: 'free' is not an amount"),
        ({"unit_price_usd": -1}, "unit_price_usd: -1 must be zero or more"),
        ({"unit_price_usd": float("nan")}, "unit_price_usd: nan must be zero or more"),
        ({"unit_price_usd": True}, "unit_price_usd: True is not an amount"),
        ({"unit_price_usd": "1000000"}, "unit_price_usd: 1000000 dollars a unit does not fit"),
        ({"unit_price_usd": "0.0000000000001"}, "does not fit"),
        ({"unit_price_usd": 1, "credits": 1}, "unit_price_usd: give either it or credits"),
        ({"credits": 1}, "credit_value_usd: missing"),
        ({"credit_value_usd": 1}, "credits: missing"),
        ({"unit_price_usd": 1, "quantity": "a b"}, "quantity: 'a b' is not a path"),
        ({"unit_price_usd": 1, "valid_from": "soon"}, "valid_from: 'soon' is not a time"),
        ({"unit_price_usd": 1, "valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "valid_to: must be after"),
        ({"unit_price_usd": 1, "product": ""}, "product: '' is not a text"),
        ({"unit_price_usd": 1, "event": "x", "event_name": "y"}, "event_name: given twice"),
    ],
)
def test_a_wrong_entry_is_named_in_one_line(entry: dict[str, Any], says: str) -> None:
    with pytest.raises(RevenueError) as error:
        parse_rules([entry])
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_two_rules_of_one_name_are_refused() -> None:
    entry = {"name": "a", "unit_price_usd": 1}
    with pytest.raises(RevenueError, match="entry 2: name: 'a' is entry 1 already"):
        parse_rules([entry, entry])
