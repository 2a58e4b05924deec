"""What an event earned, cost and left over, and how sure we are."""

from decimal import Decimal

from analytics.revenue_rules import RevenueRule
from tests.analytics.scene import Scene

STARTER = RevenueRule(rule_id="starter", credits=Decimal(1), credit_value_usd=Decimal("0.058"))
"""$29 for 500 credits, one credit a message."""


def test_a_chat_message_of_the_starter_plan() -> None:
    scene = Scene()
    scene.span("root", customer="acme", product="bot")
    scene.call("plan", "0.001234567890", parent="root")
    scene.call("answer", "0.012000000001", parent="root")
    scene.signal("message", span="root")
    margin = scene.run((STARTER,)).margin("message")
    assert margin["revenue_usd"] == Decimal("0.058")
    assert margin["revenue_rule"] == "starter"
    assert margin["cost_usd"] == Decimal("0.013234567891")
    assert margin["margin_usd"] == Decimal("0.044765432109")
    assert margin["margin_pct"] == Decimal("77.181779")
    assert margin["cost_status"] == "complete"
    assert (margin["model_calls"], margin["unpriced_calls"]) == (2, 0)
    assert (margin["customer_id"], margin["product_id"]) == ("acme", "bot")
    assert margin["value_usd"] is None


def test_an_event_without_calls_cost_nothing() -> None:
    scene = Scene()
    scene.signal("event", customer="acme")
    margin = scene.run((STARTER,)).margin("event")
    assert margin["cost_status"] == "no_calls"
    assert margin["cost_usd"] == 0
    assert margin["margin_usd"] == Decimal("0.058")
    assert margin["margin_pct"] == 100


def test_an_event_with_a_call_of_unknown_price_has_no_margin_but_a_known_part() -> None:
    scene = Scene()
    scene.call("priced", "0.01", customer="acme")
    scene.call("unknown", None, customer="acme", at=50)
    scene.signal("event", customer="acme")
    margin = scene.run((STARTER,)).margin("event")
    assert margin["cost_status"] == "partial"
    assert (margin["model_calls"], margin["unpriced_calls"]) == (2, 1)
    assert margin["cost_usd"] == Decimal("0.01")
    assert margin["margin_usd"] is None
    assert margin["margin_pct"] is None


def test_an_event_of_which_no_call_is_priced_has_no_cost() -> None:
    scene = Scene()
    scene.call("unknown", None, customer="acme")
    scene.signal("event", customer="acme")
    margin = scene.run((STARTER,)).margin("event")
    assert margin["cost_status"] == "unpriced"
    assert margin["cost_usd"] is None
    assert margin["margin_usd"] is None


def test_an_event_with_nothing_to_trace_by_has_an_unknown_cost_not_a_zero() -> None:
    scene = Scene()
    scene.signal("plain", trace="t1", traced=False, customer="acme")
    scene.signal("no-trace", trace=None, customer="acme")
    scene.signal("nobody's-scope", trace=None, scope="7")
    outcome = scene.run((STARTER,))
    assert set(outcome.margins["cost_status"]) == {"untraced"}
    assert outcome.margins["cost_usd"].null_count() == 3
    assert outcome.margins["margin_usd"].null_count() == 3
    assert outcome.margin("plain")["revenue_usd"] == Decimal("0.058")


def test_unknown_revenue_is_unknown_margin() -> None:
    scene = Scene()
    scene.call("call", customer="acme")
    scene.signal("event", customer="acme")
    margin = scene.run().margin("event")
    assert margin["revenue_usd"] is None
    assert margin["revenue_rule"] is None
    assert margin["cost_usd"] == Decimal("0.01")
    assert margin["margin_usd"] is None


def test_a_free_event_loses_what_it_cost_and_has_no_percentage() -> None:
    scene = Scene()
    scene.call("call", customer="acme")
    scene.signal("event", customer="acme")
    margin = scene.run((RevenueRule(rule_id="free", unit_price_usd=Decimal(0)),)).margin("event")
    assert margin["margin_usd"] == Decimal("-0.01")
    assert margin["margin_pct"] is None


def test_a_percentage_that_has_no_room_is_left_out() -> None:
    scene = Scene()
    scene.call("call", "900000", customer="acme")
    scene.signal("event", customer="acme")
    margin = scene.run((RevenueRule(rule_id="dust", unit_price_usd=Decimal("0.000000000001")),)).margin("event")
    assert margin["margin_usd"] == Decimal("-899999.999999999999")
    assert margin["margin_pct"] is None


def test_every_signal_has_one_row() -> None:
    scene = Scene()
    for number in range(5):
        scene.call(f"call{number}", trace=f"t{number % 2}")
        scene.signal(f"event{number}", trace=f"t{number}")
    margins = scene.run().margins
    assert sorted(margins["signal_id"]) == [f"event{number}" for number in range(5)]


def test_an_event_of_a_million_dollars_does_not_stop_the_others() -> None:
    scene = Scene()
    for number in range(3):
        scene.call(f"call{number}", "900000", at=number * 50, customer="acme")
    scene.signal("huge", customer="acme")
    scene.call("call", "0.01", trace="t2", customer="acme")
    scene.signal("small", trace="t2", customer="acme")
    outcome = scene.run((STARTER,))
    assert outcome.margin("huge")["model_calls"] == 3
    assert outcome.margin("small")["margin_usd"] == Decimal("0.048")
    assert outcome.linked() == outcome.total()
