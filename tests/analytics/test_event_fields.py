"""What stands at a path of an event's data, and that a number there is the number that was written."""

import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.event_fields import text_at

DIGITS = st.text("0123456789", min_size=1, max_size=40)
NUMBERS = st.builds(
    lambda sign, whole, part, power: sign + str(int(whole)) + part + power,
    st.sampled_from(["", "-"]),
    DIGITS,
    st.just("") | DIGITS.map(lambda digits: f".{digits}"),
    st.sampled_from(["", "", "", "e5", "E-7", "e+3"]),
)
OTHERS = st.sampled_from(['"2026112812345678901"', '"text"', "true", "null", "[1, 12345678901234567890]", '{"x": 1}'])


def at(path: str, *data: str | None) -> list[str | None]:
    return pl.DataFrame({"data": data}, schema={"data": pl.String()}).select(text_at(path)).to_series().to_list()


@given(st.lists(NUMBERS, min_size=1, max_size=5), OTHERS)
def test_a_number_is_the_number_that_was_written(numbers: list[str], other: str) -> None:
    data = [f'{{"id": {other}, "deep": {{"er": {number}}}, "n": 1}}' for number in numbers]
    assert [Decimal(text or "") for text in at("deep.er", *data, None)[:-1]] == list(map(Decimal, numbers))
    found = at("id", *data)
    expected = json.loads(other)
    if isinstance(expected, str):
        assert found == [expected] * len(numbers)
    elif expected is None:
        assert found == [None] * len(numbers)


@pytest.mark.parametrize(
    "written", ["99999999999999.99", "123456789012.345678", "18446744073709551616", "0.30000000000000004"]
)
def test_numbers_that_readers_of_json_round(written: str) -> None:
    assert at("revenue", f'{{"revenue": {written}}}') == [written]


def test_of_a_key_that_repeats_the_last_counts_whatever_its_length() -> None:
    assert at("a", '{"a": 1, "a": 2}', '{"a": 1, "a": 12345678901234567890}') == ["2", "12345678901234567890"]


def test_what_is_not_there_is_null() -> None:
    assert at("a.b", None, "{}", '{"a": 12345678901234567890}', '{"a": {"b": null}}', "not json") == [None] * 5
