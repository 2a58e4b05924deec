"""`[[alert]]` entries: what they mean, and the one line that says what is wrong with one."""

from decimal import Decimal
from typing import Any

import pytest

from analytics.alert_parse import parse_alerts
from analytics.alert_rules import AlertError, AlertRule, Level, Span


def rule(**said: Any) -> AlertRule:
    (parsed,) = parse_alerts([{"name": "a", **said}])
    return parsed


def test_a_margin_is_a_percentage_of_a_day_unless_said_otherwise() -> None:
    assert rule(kind="margin_below", below=30) == AlertRule(
        "a", "margin_below", Span("day"), "%", (Level(Decimal(30)),)
    )
    assert rule(kind="margin_below", below="12.5%").levels == (Level(Decimal("12.5")),)


@pytest.mark.parametrize(
    ("window", "means"),
    [("day", Span("day")), ("month", Span("month")), (6, Span("hours", 6)), ("6h", Span("hours", 6)),
     ("1 hour", Span("hours", 1)), ("24 hours", Span("hours", 24))],
)  # fmt: skip
def test_windows(window: object, means: Span) -> None:
    assert rule(kind="margin_below", below=30, window=window).window == means


def test_a_budget_has_a_level_for_each_threshold_in_exact_dollars() -> None:
    budget = rule(kind="monthly_budget", budget="333.33", thresholds=[100, "50%", 80])
    assert budget.window == Span("month")
    assert budget.levels == (
        Level(Decimal("166.665"), Decimal(50)),
        Level(Decimal("266.664"), Decimal(80)),
        Level(Decimal("333.33"), Decimal(100)),
    )
    assert [level.percent for level in rule(kind="monthly_budget", budget=10).levels] == [50, 80, 100]


def test_unpriced_calls_are_counted_or_a_share() -> None:
    assert rule(kind="unpriced_above", above=10).unit == "calls"
    assert rule(kind="unpriced_above", above="5%").unit == "%"


def test_scopes() -> None:
    parsed = rule(kind="margin_below", below=1, customer="acme-*", each=["product", "customer"], event="chat")
    assert parsed.patterns == (("customer", "acme-*"), ("event", "chat"))
    assert parsed.each == ("customer", "product")
    assert (parsed.named("event"), parsed.named("customer"), parsed.named("product")) == ("chat", None, None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"kind": "margin_bellow"}, "alert entry 1 (a): kind: 'margin_bellow' is not one of margin_below, "),
        ({}, "alert entry 1 (a): kind: missing"),
        ({"kind": "margin_below"}, "alert entry 1 (a): below: missing, margin_below needs it"),
        ({"kind": "margin_below", "below": 101}, "alert entry 1 (a): below: 101 % is more than all"),
        ({"kind": "margin_below", "below": -1}, "alert entry 1 (a): below: -1 must be zero or more"),
        ({"kind": "margin_below", "below": 1, "above": 1}, "alert entry 1 (a): above: does not go with margin_below"),
        ({"kind": "margin_below", "below": 1, "wnidow": 1}, "alert entry 1 (a): wnidow: unknown key; known are name"),
        ({"kind": "margin_below", "below": 1, "window": "week"}, "alert entry 1 (a): window: 'week' is not a window"),
        ({"kind": "margin_below", "below": 1, "window": 169}, "alert entry 1 (a): window: 169 is not a window"),
        ({"kind": "margin_below", "below": 1, "each": "client"}, "alert entry 1 (a): each: 'client' is not customer"),
        ({"kind": "margin_below", "below": 1, "min_events": 0}, "alert entry 1 (a): min_events: 0 is not a whole"),
        ({"kind": "margin_below", "below": 1, "severity": "bad"}, "alert entry 1 (a): severity: 'bad' is not one of"),
        ({"kind": "daily_cost_above", "above": "5%"}, "alert entry 1 (a): above: must be US dollars"),
        ({"kind": "daily_cost_above", "above": 1, "event": "x"}, "alert entry 1 (a): event: does not go with daily_"),
        ({"kind": "daily_cost_above", "above": 1, "each": "event"}, "alert entry 1 (a): each: event does not go with"),
        ({"kind": "daily_cost_above", "above": 1, "window": 1}, "alert entry 1 (a): window: does not go with daily_"),
        ({"kind": "unpriced_above", "above": "1.5"}, "alert entry 1 (a): above: 1.5 has more than 0 decimals"),
        ({"kind": "monthly_budget", "budget": 0}, "alert entry 1 (a): budget: must be above 0"),
        ({"kind": "monthly_budget", "budget": 1, "thresholds": []}, "alert entry 1 (a): thresholds: must be a list"),
        ({"kind": "monthly_budget", "budget": 1, "thresholds": [0]}, "alert entry 1 (a): thresholds: must be above 0"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(said: dict[str, object], told: str) -> None:
    with pytest.raises(AlertError) as error:
        rule(**said)
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)


def test_names_are_unique() -> None:
    entry = {"name": "a", "kind": "margin_below", "below": 1}
    with pytest.raises(AlertError, match=r"^alert entry 2: name: 'a' is entry 1 already$"):
        parse_alerts([entry, entry])
    with pytest.raises(AlertError, match=r"^alert entry 1: name: missing$"):
        parse_alerts([{"kind": "margin_below"}])
