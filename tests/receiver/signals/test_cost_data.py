"""What signals say of their own cost: figures and usage as they are documented, and whatever else people may send."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.signals.cost_data import CostData, read_cost_data, says_cost

FIGURE = {"vendor": "twilio", "cost": {"amount": 0.002, "currency": "USD"}}
USAGE = {
    "vendor": "openai",
    "attributes": {
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 300,
        "gen_ai.usage.cached_input_tokens": 200,
        "gen_ai.usage.cache_creation_input_tokens": 0,
    },
}


def read(said: object, **more: Any) -> CostData:
    found = read_cost_data(json.dumps({"costData": said} | more))
    assert found is not None
    return found


def test_a_figure_keeps_every_digit_and_what_is_said_of_the_call() -> None:
    said = FIGURE | {"gen_ai.response.model": "voice-2", "start_time": "2026-11-23T10:00:00+01:00"}

    cost = read(said, quantity=3)

    assert (cost.amount, cost.currency, cost.problem) == (Decimal("0.002"), "USD", None)
    assert cost.began == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert cost.attributes == {"gen_ai.provider.name": "twilio", "gen_ai.response.model": "voice-2"}


@pytest.mark.parametrize("text", ["0.10", "1e-3", "12345.678901234567890123456789", '"0.25"', "7"])
def test_an_amount_is_read_as_it_is_written(text: str) -> None:
    found = read_cost_data('{"costData": {"cost": {"amount": %s, "currency": "EUR"}}}' % text)  # noqa: UP031
    assert found is not None
    assert str(found.amount) == str(Decimal(text.strip('"')))


def test_usage_is_what_the_conventions_call_it() -> None:
    cost = read(USAGE)

    assert (cost.amount, cost.problem) == (None, None)
    assert cost.attributes == {
        "gen_ai.provider.name": "openai",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.usage.input_tokens": "1200",
        "gen_ai.usage.output_tokens": "300",
        "gen_ai.usage.cached_input_tokens": "200",
        "gen_ai.usage.cache_creation_input_tokens": "0",
    }


def test_beside_a_figure_counts_are_kept_and_mean_nothing() -> None:
    cost = read(USAGE | {"cost": {"amount": 1, "currency": "USD"}})

    assert (cost.amount, cost.problem) == (Decimal(1), None)
    assert cost.attributes["stated.gen_ai.usage.input_tokens"] == "1200"
    assert "gen_ai.usage.input_tokens" not in cost.attributes


def test_the_vendor_goes_before_what_the_attributes_call_it() -> None:
    said = {"vendor": "bedrock", "attributes": {"gen_ai.system": "anthropic", "gen_ai.usage.input_tokens": 1}}
    assert read(said).attributes == {"gen_ai.provider.name": "bedrock", "gen_ai.usage.input_tokens": "1"}


def test_what_is_not_about_a_call_is_left_where_it_is() -> None:
    said = USAGE | {"attributes": USAGE["attributes"] | {"prompt": "secret", "gen_ai.prompt": "secret"}}  # type: ignore[operator]
    assert read(said).attributes == read(USAGE).attributes


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ([FIGURE], "it is no object"),
        ("0.25", "it is no object"),
        ({"vendor": "x"}, "neither cost nor token counts in attributes"),
        ({"vendor": "x", "attributes": {}}, "neither cost nor token counts in attributes"),
        ({"vendor": "x", "attributes": {"gen_ai.response.model": "m"}}, "neither cost nor token counts in attributes"),
        ({"vendor": "x", "attributes": [1]}, "attributes is no object"),
        ({"cost": 0.25}, "cost is no object"),
        ({"cost": {"currency": "USD"}}, "cost.amount is no number"),
        ({"cost": {"amount": "much", "currency": "USD"}}, "cost.amount is no number"),
        ({"cost": {"amount": "NaN", "currency": "USD"}}, "cost.amount is no number"),
        ({"cost": {"amount": "1_000", "currency": "USD"}}, "cost.amount is no number"),
        ({"cost": {"amount": True, "currency": "USD"}}, "cost.amount is no number"),
        ({"cost": {"amount": "9" * 401, "currency": "USD"}}, "cost.amount is no number"),
        ({"cost": {"amount": "1e9999", "currency": "USD"}}, "cost.amount is no number"),
        ({"cost": {"amount": 0, "currency": "USD"}}, "cost.amount is not greater than 0"),
        ({"cost": {"amount": -1, "currency": "USD"}}, "cost.amount is not greater than 0"),
        ({"cost": {"amount": 1}}, "cost.currency is no code of three capital letters"),
        ({"cost": {"amount": 1, "currency": "usd"}}, "cost.currency is no code of three capital letters"),
        ({"cost": {"amount": 1, "currency": 840}}, "cost.currency is no code of three capital letters"),
        ({"attributes": {"gen_ai.usage.input_tokens": -1}}, "gen_ai.usage.input_tokens is no count"),
        ({"attributes": {"gen_ai.usage.input_tokens": 1.5}}, "gen_ai.usage.input_tokens is no count"),
        ({"attributes": {"gen_ai.usage.input_tokens": "many"}}, "gen_ai.usage.input_tokens is no count"),
        (
            {"attributes": {"gen_ai.usage.input_tokens": 1, "gen_ai.usage.cached_input_tokens": "some"}},
            "gen_ai.usage.cached_input_tokens is no count",
        ),
    ],
)
def test_what_cannot_be_counted_says_why_and_can_be_priced_by_nobody(said: object, problem: str) -> None:
    cost = read(said)
    assert (cost.problem, cost.amount) == (problem, None)
    assert not any("usage" in key for key in cost.attributes if not key.startswith("stated."))


@pytest.mark.parametrize(("text", "count"), [("7.0", "7"), ("1e3", "1000"), ("100e-1", "10"), ('"5"', "5")])
def test_a_count_is_a_whole_number_however_it_is_written(text: str, count: str) -> None:
    found = read_cost_data('{"costData": {"attributes": {"gen_ai.usage.output_tokens": %s}}}' % text)  # noqa: UP031
    assert found is not None
    assert found.attributes["gen_ai.usage.output_tokens"] == count


@pytest.mark.parametrize(
    "said", ["yesterday", 1795468100, "1970-01-01T00:00:00Z", "", True, "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_cannot_be_read_loses_no_cost(said: object) -> None:
    cost = read(FIGURE | {"start_time": said})
    assert (cost.began, cost.start_unread, cost.amount) == (None, True, Decimal("0.002"))


def test_a_time_without_a_zone_is_utc() -> None:
    assert read(FIGURE | {"start_time": "2026-11-23T10:00:00"}).began == datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize("data", ["{}", '{"costData": null}', '{"other": {"costData": {}}}', "[1]", '"costData"', "{"])
def test_who_says_nothing_of_a_cost_has_none(data: str) -> None:
    assert read_cost_data(data) is None


NAMES = ("vendor", "cost", "amount", "currency", "attributes", "start_time", "gen_ai.usage.input_tokens")
scalars = st.none() | st.booleans() | st.floats() | st.text() | st.integers()
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=4),
)


@given(anything)
def test_anything_is_read_or_refused_in_words_without_a_comma(said: object) -> None:
    data = json.dumps({"costData": said})
    cost = read_cost_data(data)
    assert pl.DataFrame({"data": [data]}).select(says_cost(pl.col("data"))).item()
    if cost is not None and cost.problem is not None:
        assert "," not in cost.problem
        assert cost.amount is None
