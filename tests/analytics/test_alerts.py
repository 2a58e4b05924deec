"""Which alerts fire: exact comparisons, unknown figures unknown, scopes as asked, each told once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.alert_figures import CALLS, FIGURES, Figures
from analytics.alert_parse import parse_alerts
from analytics.alert_rules import AlertRule, Span
from analytics.alert_state import MOST_SCOPES, transitions
from analytics.alert_windows import Window, window_at, windows
from analytics.alerts import evaluate

DAY = datetime(2026, 11, 28, tzinfo=UTC)
NOW = DAY + timedelta(hours=13)
TODAY = Window(DAY, DAY + timedelta(days=1))


def rule(**said: Any) -> AlertRule:
    (parsed,) = parse_alerts([{"name": "a", **said}])
    return parsed


def money(*rows: dict[str, Any]) -> Figures:
    """One row of figures of a day for each; what a row does not say is nothing."""
    nothing: dict[str, Any] = dict.fromkeys(FIGURES)
    nothing |= {name: 0 for name, dtype in FIGURES.items() if dtype == pl.Int64()}
    nothing |= {"window_start": DAY, "linked_cost_usd": Decimal(0), "unclaimed_cost_usd": Decimal(0)}
    for row in rows:
        for name in row:
            if name.endswith("_usd"):
                row[name] = Decimal(row[name])
    return Figures(pl.DataFrame([nothing | row for row in rows], schema=FIGURES, orient="row"), CALLS.to_frame())


def calls(*rows: tuple[str | None, int, int]) -> Figures:
    """Customers with their calls, and how many of these have no price."""
    frame = pl.DataFrame([(DAY, customer, None, *counts) for customer, *counts in rows], schema=CALLS, orient="row")
    return Figures(FIGURES.to_frame(), frame)


def earned(customer: str | None, revenue: str, cost: str, **said: Any) -> dict[str, Any]:
    return {"customer_id": customer, "event_name": "chat", "signals": 1, "revenue_usd": revenue,
            "linked_cost_usd": cost, **said}  # fmt: skip


class TestMargins:
    LOW = rule(kind="margin_below", below=30, each="customer")

    def test_below_is_below_to_the_picodollar(self) -> None:
        at = money(earned("acme", "1", "0.7"))
        assert evaluate(self.LOW, at).is_empty()
        below = evaluate(self.LOW, money(earned("acme", "1", "0.700000000001")))
        assert below.select("rule", "customer_id", "value", "threshold", "unit", "status").rows() == [
            ("a", "acme", Decimal(30), Decimal(30), "%", "firing")
        ]

    def test_a_loss_is_shown_as_such(self) -> None:
        (value,) = evaluate(self.LOW, money(earned("acme", "3", "4")))["value"]
        assert value == Decimal("-33.333333")

    def test_unclaimed_costs_count(self) -> None:
        spent = {"customer_id": "acme", "unclaimed_cost_usd": "0.5"}
        assert evaluate(self.LOW, money(earned("acme", "1", "0.3"), spent)).height == 1

    @pytest.mark.parametrize("gap", ["unpriced_calls", "signals_without_revenue", "untraced_signals"])
    def test_what_is_not_known_does_not_fire_but_is_told(self, gap: str) -> None:
        (row,) = evaluate(self.LOW, money(earned("acme", "1", "5", **{gap: 2}))).iter_rows(named=True)
        assert (row["status"], row["value"]) == ("unknown", None)
        assert row["note"].endswith(": 2")
        assert ", " not in row["note"]

    def test_costs_without_any_revenue_fire(self) -> None:
        (row,) = evaluate(self.LOW, money(earned("acme", "0", "0.000000000001"))).iter_rows(named=True)
        assert (row["status"], row["value"], row["note"]) == ("firing", None, "costs and no revenue")
        assert evaluate(self.LOW, money(earned("acme", "0", "0"))).is_empty()

    def test_few_events_do_not_fire(self) -> None:
        few = rule(kind="margin_below", below=30, min_events=2)
        assert evaluate(few, money(earned("acme", "1", "1"))).is_empty()
        assert evaluate(few, money(earned("acme", "1", "1"), earned("globex", "1", "1"))).height == 1


class TestScopes:
    FIGURES = (earned("acme", "1", "1"), earned("acme-eu", "1", "0"), earned(None, "1", "1"), earned("a.me", "1", "1"))

    @pytest.mark.parametrize(
        ("scope", "fires"),
        [
            ({"each": "customer"}, [("acme",), ("a.me",)]),
            ({"each": "customer", "customer": "a.*"}, [("a.me",)]),
            ({"customer": "acme"}, [("acme",)]),
            ({"customer": "acme*"}, []),
            ({"customer": "?.me"}, [(None,)]),
            ({}, [(None,)]),
            ({"product": "*"}, []),
        ],
    )
    def test_each_and_patterns(self, scope: dict[str, Any], fires: list[tuple[str | None]]) -> None:
        found = evaluate(rule(kind="margin_below", below=30, **scope), money(*(dict(row) for row in self.FIGURES)))
        assert sorted(found.select("customer_id").rows(), key=str) == sorted(fires, key=str)

    def test_the_worst_comes_first(self) -> None:
        found = evaluate(
            rule(kind="margin_below", below=90, each="customer"),
            money(earned("b", "1", "0.5"), earned("c", "1", "7"), earned("a", "1", "0.6")),
        )
        assert found["customer_id"].to_list() == ["c", "a", "b"]


class TestCosts:
    def test_the_unclaimed_share(self) -> None:
        share = rule(kind="unclaimed_above", above=25, min_cost_usd="0.01")
        row = {"linked_cost_usd": "3", "unclaimed_cost_usd": "1"}
        assert evaluate(share, money(dict(row))).is_empty()
        (found,) = evaluate(share, money(row | {"unclaimed_cost_usd": "2", "unpriced_calls": 3})).iter_rows(named=True)
        assert (found["value"], found["note"]) == (Decimal(40), "calls without a price, not in it: 3")
        assert evaluate(share, money({"unclaimed_cost_usd": "0.009"})).is_empty()

    def test_calls_without_a_price(self) -> None:
        seen = calls(("acme", 100, 3), ("globex", 4, 2), (None, 1, 1))
        count = evaluate(rule(kind="unpriced_above", above=5), seen)
        assert count.select("value", "unit", "note").rows() == [(Decimal(6), "calls", "of calls: 105")]
        assert evaluate(rule(kind="unpriced_above", above=6), seen).is_empty()
        share = evaluate(rule(kind="unpriced_above", above="2%", each="customer", min_events=5), seen)
        assert share.select("customer_id", "value").rows() == [("acme", Decimal(3))]

    def test_a_days_cost_must_be_above_and_a_budget_reached(self) -> None:
        spent = money(earned("acme", "0", "39.5", unclaimed_cost_usd="0.5"))
        assert evaluate(rule(kind="daily_cost_above", above=40), spent).is_empty()
        assert evaluate(rule(kind="daily_cost_above", above="39.999999999999"), spent).height == 1
        budget = evaluate(rule(kind="monthly_budget", budget=50, customer="acme"), spent)
        assert budget.select("customer_id", "level", "threshold", "value", "unit").rows() == [
            ("acme", Decimal(50), Decimal(25), Decimal(40), "USD"),
            ("acme", Decimal(80), Decimal(40), Decimal(40), "USD"),
        ]
        assert budget["window_end"].to_list() == [datetime(2026, 12, 28, tzinfo=UTC)] * 2


USD = st.integers(0, 10**18).map(lambda pico: Decimal(pico).scaleb(-12))


@given(revenue=USD, linked=USD, unclaimed=USD, percent=st.integers(0, 10**8).map(lambda n: Decimal(n).scaleb(-6)))
def test_what_fires_is_what_exact_fractions_say(
    revenue: Decimal, linked: Decimal, unclaimed: Decimal, percent: Decimal
) -> None:
    row = earned("acme", str(revenue), str(linked), unclaimed_cost_usd=str(unclaimed))
    cost = Fraction(linked) + Fraction(unclaimed)
    margin = Fraction(revenue) - cost
    found = evaluate(rule(kind="margin_below", below=percent), money(dict(row)))
    expected = 100 * margin / Fraction(revenue) < percent if revenue else cost > 0
    assert (found.height == 1) == expected
    if found.height and revenue:
        exact = 100 * margin / Fraction(revenue)
        assert found["value"].item() == Decimal(round(exact * 10**6)).scaleb(-6)
    share = evaluate(rule(kind="unclaimed_above", above=percent), money(dict(row)))
    assert (share.height == 1) == (cost > 0 and 100 * Fraction(unclaimed) / cost > percent)


class TestWindows:
    def test_they_are_those_of_utc(self) -> None:
        moment = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
        assert window_at(Span("month"), moment) == (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
        assert window_at(Span("hours", 6), moment).start == datetime(2026, 2, 28, 18, tzinfo=UTC)
        assert window_at(Span("month"), datetime(2026, 12, 31, tzinfo=UTC)).end == datetime(2027, 1, 1, tzinfo=UTC)

    def test_those_that_ended_a_short_time_ago_are_looked_at_again(self) -> None:
        starts = [window.start.day for window in windows(Span("day"), NOW, timedelta(hours=38))]
        assert starts == [26, 27, 28]
        assert len(windows(Span("month"), NOW, timedelta(hours=48))) == 1
        assert len(windows(Span("month"), datetime(2026, 12, 2, tzinfo=UTC), timedelta(hours=48))) == 2
        assert len(windows(Span("hours", 1), NOW, timedelta(hours=48))) == 49


class TestOnceEach:
    COST = rule(kind="daily_cost_above", above=1, each="customer")

    def step(self, stored: pl.DataFrame, *rows: dict[str, Any], hours: int = 0) -> pl.DataFrame:
        """The table after an evaluation."""
        found = evaluate(self.COST, money(*rows))
        now = NOW + timedelta(hours=hours)
        changed = transitions(stored, found, [(self.COST, [TODAY])], now, deliver=True)
        return pl.concat([stored.join(changed, on="alert_id", how="anti"), changed])

    @pytest.fixture
    def nothing(self) -> pl.DataFrame:
        from lake.schema import TABLES

        return TABLES["alerts"].polars_schema.to_frame()

    def test_found_ten_times_it_is_one_alert(self, nothing: pl.DataFrame) -> None:
        once = self.step(nothing, earned("acme", "0", "2"))
        again = once
        for hour in range(10):
            again = self.step(again, earned("acme", "0", str(3 + hour)), hours=hour)
        assert again.equals(once)
        assert once.select("customer_id", "value", "state", "attempts", "fired_at", "next_attempt_at").rows() == [
            ("acme", Decimal(2), "firing", 0, NOW, NOW)
        ]

    def test_what_goes_away_is_resolved_and_not_told_again(self, nothing: pl.DataFrame) -> None:
        table = self.step(nothing, earned("acme", "0", "2"))
        table = self.step(table, earned("acme", "0", "1"), hours=1)
        assert table.select("state", "resolved_at").rows() == [("resolved", NOW + timedelta(hours=1))]
        assert self.step(table, earned("acme", "0", "2"), hours=2).equals(table)

    def test_a_scope_without_any_rows_is_resolved_too(self, nothing: pl.DataFrame) -> None:
        table = self.step(nothing, earned("acme", "0", "2"))
        assert self.step(table, earned("globex", "0", "1"))["state"].to_list() == ["resolved"]

    def test_a_margin_that_becomes_unknown_stays_an_alert(self, nothing: pl.DataFrame) -> None:
        low = rule(kind="margin_below", below=30)
        looked = [(low, [TODAY])]
        fired = transitions(nothing, evaluate(low, money(earned("a", "1", "1"))), looked, NOW, deliver=False)
        unknown = evaluate(low, money(earned("a", "1", "1", unpriced_calls=1)))
        assert transitions(fired, unknown, looked, NOW, deliver=False).is_empty()

    def test_windows_that_are_not_looked_at_stay_as_they_are(self, nothing: pl.DataFrame) -> None:
        table = self.step(nothing, earned("acme", "0", "2"))
        later = Window(TODAY.end, TODAY.end + timedelta(days=1))
        none = evaluate(self.COST, money())
        assert transitions(table, none, [(self.COST, [later])], NOW, deliver=True).is_empty()

    def test_no_more_than_a_hundred_of_a_rule_and_window_the_worst_of_them(self, nothing: pl.DataFrame) -> None:
        rows = [earned(f"c{number}", "0", str(number + 2)) for number in range(MOST_SCOPES + 50)]
        table = self.step(nothing, *(dict(row) for row in rows))
        assert table.height == MOST_SCOPES
        assert table["value"].min() == Decimal(52)
        assert self.step(table, *(dict(row) for row in rows)).equals(table)

    def test_nobody_to_tell(self, nothing: pl.DataFrame) -> None:
        found = evaluate(self.COST, money(earned("acme", "0", "2")))
        table = transitions(nothing, found, [(self.COST, [TODAY])], NOW, deliver=False)
        assert table["next_attempt_at"].to_list() == [None]
