"""What events deliver: amounts from their data, and their worth in dollars, exact or unknown with a reason."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.event_rules import EventRules
from analytics.value import event_values
from analytics.value_model import ValueModel, ValueModelError
from analytics.value_parse import parse_content
from lake.schema import TABLES
from pricing_tables.fx import parse_fx
from tests.examples import examples

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TIME = {"name": "Time saved", "event": "chat", "unit": "duration", "duration_unit": "minutes", "field": "time_saved",
        "value_per_unit": "0.50"}  # fmt: skip
MONEY = {"name": "Money saved", "event": "chat", "unit": "monetary", "field": "money_saved"}
FX = parse_fx([{"currency": "EUR", "usd": "1.08"}, {"currency": "EUR", "usd": "1.10", "from": "2026-12-01"},
               {"currency": "JPY", "usd": "0.0065"}])  # fmt: skip


def signals(*data: object, **columns: object) -> pl.DataFrame:
    """Events `chat` of acme, one for each data."""
    rows = [
        {"signal_id": f"s{place}", "event_name": "chat", "customer_id": "acme", "occurred_at": NOON,
         "data": None if each is None else json.dumps(each)} | columns
        for place, each in enumerate(data)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=TABLES["signals"].polars_schema)


def rules(*metrics: Mapping[str, Any], **content: Any) -> EventRules:
    model = ValueModel(1, parse_content({"metric": list(metrics), **content}))
    return EventRules(value=(model,), fx=FX)


def valued(frame: pl.DataFrame, using: EventRules) -> dict[tuple[str, str], tuple[Any, ...]]:
    """amount, value_usd and note by signal and metric."""
    rows, _ = event_values(frame, using)
    return {
        (row["signal_id"], row["metric"]): (row["amount"], row["value_usd"], row["note"]) for row in rows.to_dicts()
    }


def worth(frame: pl.DataFrame, using: EventRules) -> dict[str, Decimal | None]:
    return dict(event_values(frame, using)[1].iter_rows())


def test_the_quickstart_reads_as_its_users_expect() -> None:
    said = signals({"time_saved": 3, "time_saved_unit": "minutes", "money_saved": 1500})
    assert valued(said, rules(TIME, MONEY)) == {
        ("s0", "time_saved"): (Decimal(3), Decimal("1.50"), None),
        ("s0", "money_saved"): (Decimal(15), Decimal(15), None),
    }
    assert worth(said, rules(TIME, MONEY)) == {"s0": Decimal("16.50")}


@pytest.mark.parametrize(
    ("data", "minutes"),
    [
        ({"time_saved": 90, "time_saved_unit": "seconds"}, "1.5"),
        ({"time_saved": 0.25, "time_saved_unit": "hours"}, "15"),
        ({"time_saved": 2, "time_saved_unit": "days"}, "2880"),
        ({"time_saved": 1, "time_saved_unit": "hour"}, "60"),
        ({"time_saved": "7", "time_saved_unit": "minutes"}, "7"),
        ({"time_saved": 1e-5, "time_saved_unit": "days"}, "0.0144"),
        ({"time_saved": 20, "time_saved_unit": "seconds"}, "0.333333"),
    ],
)
def test_durations_come_in_any_unit(data: object, minutes: str) -> None:
    assert valued(signals(data), rules(TIME))["s0", "time_saved"][0] == Decimal(minutes)


def test_what_an_event_does_not_mention_does_not_apply() -> None:
    assert valued(signals({"money_saved": 1}, {}, None, {"time_saved": None}), rules(TIME, MONEY)) == {
        ("s0", "money_saved"): (Decimal("0.01"), Decimal("0.01"), None)
    }
    assert worth(signals({}), rules(TIME, MONEY)) == {}


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ({"time_saved": "soon"}, 'variable time_saved: "soon" is no number'),
        ({"time_saved": True, "time_saved_unit": "days"}, 'variable time_saved: "true" is no number'),
        ({"time_saved": 3}, "variable time_saved: time_saved_unit is missing in the data"),
        (
            {"time_saved": 3, "time_saved_unit": "weeks"},
            'variable time_saved: time_saved_unit "weeks" is no unit of time',
        ),
        ({"time_saved": "9" * 30, "time_saved_unit": "days"}, "a division by zero, or more than a row has room for"),
    ],
)
def test_what_cannot_be_read_is_unknown_and_says_why(data: object, note: str) -> None:
    said = signals({**data, "money_saved": 100})  # type: ignore[dict-item]
    assert valued(said, rules(TIME, MONEY))["s0", "time_saved"] == (None, None, note)
    # the event's worth is unknown as soon as a part of it is
    assert worth(said, rules(TIME, MONEY)) == {"s0": None}


def test_formulas_have_variables_defaults_and_types() -> None:
    metric = {
        "name": "Deflection", "event": "chat", "unit": "tickets", "value_per_unit": "4.5",
        "expression": 'if(resolved and tier != "free", quantity * weight, 0)',
        "variables": {"resolved": {"type": "boolean", "default": False},
                      "tier": {"type": "string", "path": "plan.tier"},
                      "weight": {"path": "$.weights.base", "default": 2}},
    }  # fmt: skip
    said = signals(
        {"resolved": True, "plan": {"tier": "pro"}, "quantity": 3, "weights": {"base": 0.5}},
        {"resolved": True, "plan": {"tier": "free"}},
        {"plan": {"tier": "pro"}},
        {"resolved": "maybe", "plan": {"tier": "pro"}},
        {"resolved": True},
    )
    found = valued(said, rules(metric))
    assert found["s0", "deflection"] == (Decimal("1.5"), Decimal("6.75"), None)
    assert found["s1", "deflection"] == (0, 0, None)
    assert found["s2", "deflection"] == (0, 0, None)
    assert found["s3", "deflection"] == (None, None, 'variable resolved: "maybe" is neither true nor false')
    assert ("s4", "deflection") not in found


def test_money_in_other_currencies_goes_by_the_rate_of_the_day_and_by_their_smallest_unit() -> None:
    euros, yen = MONEY | {"currency": "EUR"}, MONEY | {"currency": "JPY"}
    said = signals({"money_saved": 1500})
    assert valued(said, rules(euros))["s0", "money_saved"][:2] == (15, Decimal("16.2"))
    later = said.with_columns(occurred_at=pl.lit(datetime(2026, 12, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")))
    assert valued(later, rules(euros))["s0", "money_saved"][:2] == (15, Decimal("16.5"))
    assert valued(said, rules(yen))["s0", "money_saved"][:2] == (1500, Decimal("9.75"))
    francs = MONEY | {"currency": "CHF"}
    assert valued(said, rules(francs))["s0", "money_saved"] == (15, None, "no exchange rate for CHF")


def test_the_value_and_its_exchange_rate_are_rounded_once() -> None:
    third = {
        "name": "third",
        "event": "chat",
        "unit": "parts",
        "expression": "1 / 3",
        "value_per_unit": "1",
        "currency": "EUR",
    }
    assert valued(signals({}), rules(third))["s0", "third"][:2] == (Decimal("0.333333"), Decimal("0.36"))


def test_a_metric_without_a_price_is_counted_and_not_valued() -> None:
    plain = {"name": "Pages", "event": "chat", "unit": "pages", "field": "pages"}
    said = signals({"pages": 12, "money_saved": 100})
    assert valued(said, rules(plain))["s0", "pages"] == (12, None, None)
    assert worth(said, rules(plain)) == {}
    assert worth(said, rules(plain, MONEY)) == {"s0": 1}


def test_metrics_are_for_some_products_customers_and_times() -> None:
    special = MONEY | {"customers": ["globex"], "expression": "money_saved * 2"}
    del special["field"]
    using = rules(MONEY | {"product": "bot", "valid_from": "2026-11-01"}, special)
    said = pl.concat(
        [
            signals({"money_saved": 100}, signal_id="bot", product_id="bot"),
            signals({"money_saved": 100}, signal_id="other", product_id="app"),
            signals({"money_saved": 100}, signal_id="special", product_id="app", customer_id="globex"),
            signals(
                {"money_saved": 100},
                signal_id="early",
                product_id="bot",
                occurred_at=datetime(2026, 10, 31, tzinfo=UTC),
            ),
            signals({"money_saved": 100}, signal_id="nobody's", product_id="bot", customer_id=None),
        ]
    )
    assert worth(said, using) == {"bot": 1, "special": 2, "nobody's": 1}


def test_an_event_goes_by_the_newest_model_in_force_when_it_happened() -> None:
    first = ValueModel(1, parse_content({"metric": [MONEY]}))
    second = ValueModel(2, parse_content({"metric": [MONEY | {"currency": "EUR"}]}), effective_from=NOON)
    using = EventRules(value=(first, second), fx=FX)
    before = signals({"money_saved": 100}, signal_id="before", occurred_at=datetime(2026, 11, 1, 11, tzinfo=UTC))
    rows, _ = event_values(pl.concat([before, signals({"money_saved": 100})]), using)
    assert dict(rows.select("signal_id", "model_version").iter_rows()) == {"before": "1", "s0": "2"}
    assert dict(rows.select("signal_id", "value_usd").iter_rows()) == {"before": 1, "s0": Decimal("1.08")}


@pytest.mark.parametrize(
    ("metric", "error"),
    [
        ({"event": "chat"}, "value.metric 1: name: missing"),
        (MONEY | {"name": "x", "unti": 1}, "value.metric 1 (x): unti: unknown key"),
        (MONEY | {"unit": "duration"}, "duration_unit: missing"),
        (MONEY | {"value_per_unit": 1}, "value_per_unit: a monetary metric is money already"),
        (MONEY | {"field": "a b"}, "field: 'a b' is not a path such as dimensions.pages"),
        (MONEY | {"expression": "1"}, "field: stands for itself"),
        (MONEY | {"valid_from": "2026-12-01", "valid_to": "2026-11-01"}, "valid_to: must be after valid_from"),
        (MONEY | {"currency": "euro"}, "currency: 'euro' is not a currency code"),
        (
            {"name": "x", "event": "e", "unit": "n", "expression": "a + "},
            "expression: unexpected the end at character 5",
        ),
        (
            {"name": "x", "event": "e", "unit": "n", "expression": "a", "defaults": {"b": 1}},
            "defaults: b: no such variable",
        ),
        (
            {"name": "x", "event": "e", "unit": "n", "expression": "a", "defaults": {"a": "1x"}},
            "defaults: a: '1x' is not a number",
        ),
        ({"name": "x", "event": "e", "unit": "n", "expression": "1", "value_per_unit": "1e400"}, "too large"),
    ],
)
def test_a_wrong_metric_is_named_with_its_key(metric: Mapping[str, Any], error: str) -> None:
    with pytest.raises(ValueModelError) as raised:
        parse_content({"metric": [metric]})
    assert error in str(raised.value)


def test_one_metric_twice_for_an_event_is_refused() -> None:
    for other in (MONEY, MONEY | {"product": "bot"}, MONEY | {"valid_from": "2026-01-01"}):
        with pytest.raises(ValueModelError, match="'money_saved' is given for event 'chat' already"):
            parse_content({"metric": [MONEY, other]})
    parse_content({"metric": [MONEY | {"valid_to": "2026-01-01"}, MONEY | {"valid_from": "2026-01-01"}]})
    parse_content({"metric": [MONEY | {"product": "a"}, MONEY | {"product": "b"}, MONEY | {"event": "other"}]})


AMOUNTS = st.one_of(
    st.integers(-(10**6), 10**6), st.decimals(-1000, 1000, places=3), st.just(None), st.just("x"), st.just("1e-7"),
    st.integers(10**20, 10**21),
)  # fmt: skip


@settings(max_examples=examples(40), deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=8), st.permutations(range(8)))
def test_values_are_exact_and_none_depends_on_the_others(rows: Sequence[tuple[Any, Any]], order: Sequence[int]) -> None:
    """Against fractions; and every event alone, or in any order, gives the same."""
    metric = {"name": "ratio", "event": "chat", "unit": "points", "expression": "a / 7 + b * b",
              "value_per_unit": "0.03", "currency": "EUR", "defaults": {"b": 2}}  # fmt: skip
    texts = [{key: str(value) for key, value in zip("ab", row, strict=True) if value is not None} for row in rows]
    said, using = signals(*texts), rules(metric)
    together = valued(said, using)
    for place, (a, b) in enumerate(rows):
        alone = valued(said[place : place + 1], using)
        assert alone == {key: value for key, value in together.items() if key[0] == f"s{place}"}
        if a is None:
            assert alone == {}
            continue
        amount, value, note = together[f"s{place}", "ratio"]
        if "x" in (a, b):
            assert (amount, value) == (None, None)
            assert "is no number" in note
            continue
        exact = Fraction(str(a)) / 7 + Fraction(str(2 if b is None else b)) ** 2
        micro, pico = round(exact * 10**6), round(exact * Fraction("0.03") * Fraction("1.08") * 10**12)
        assert amount == (Decimal(micro).scaleb(-6) if abs(micro) < 10**18 else None)
        assert value == (Decimal(pico).scaleb(-12) if abs(pico) < 10**18 else None)
    shuffled = said[[place for place in order if place < len(rows)]]
    assert valued(shuffled, using) == together
