"""Reading the decoder's wide columns, present or not."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver import wide

FRAME = pl.DataFrame(
    {"@a": ["x", None, ""], "@b": ["y", "z", "w"], "@r:a": ["ra", None, ""], "@r:b": ["rb", "rb", "rb"]}
)


def value(frame: pl.DataFrame, expression: pl.Expr) -> list[object]:
    return frame.with_columns(expression.alias("out"))["out"].to_list()


def count_of(text: str | None) -> int | None:
    frame = pl.DataFrame({"@n": [text]}, schema={"@n": pl.String})
    return frame.select(wide.attr_int(frame, "n").alias("out")).item()


def test_a_key_that_never_occurred_reads_as_typed_nulls():
    for expression, dtype in [
        (wide.attr(FRAME, "none"), pl.String),
        (wide.first(FRAME, "none", "neither"), pl.String),
        (wide.resource_attr(FRAME, "none"), pl.String),
        (wide.first_resource(FRAME, "none"), pl.String),
        (wide.attr_int(FRAME, "none"), pl.Int64),
        (wide.attr_bool(FRAME, "none"), pl.Boolean),
    ]:
        column = FRAME.with_columns(expression.alias("out"))["out"]
        assert column.dtype == dtype
        assert column.null_count() == 3


def test_has_tells_whether_a_key_occurred():
    assert wide.has(FRAME, "a")
    assert not wide.has(FRAME, "none")


def test_attr_is_the_value_as_sent():
    assert value(FRAME, wide.attr(FRAME, "a")) == ["x", None, ""]
    assert value(FRAME, wide.resource_attr(FRAME, "a")) == ["ra", None, ""]


def test_first_passes_over_absent_and_empty():
    assert value(FRAME, wide.first(FRAME, "none", "a", "b")) == ["x", "z", "w"]
    assert value(FRAME, wide.first_resource(FRAME, "a", "b")) == ["ra", "rb", "rb"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("1125", 1125),
        ("+3", 3),
        (" 4 ", 4),
        ("3.0", 3),
        ("3.", 3),
        ("1e3", 1000),
        ("1.5e1", 15),
        ("1e+16", None),
        ("9007199254740992", 2**53),
        ("9007199254740993", None),
        ("99999999999999999999", None),
        ("-1", None),
        ("-0.0", None),
        ("3.5", None),
        ("1.5e0", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("true", None),
        ("", None),
        ("12 tokens", None),
        ("0x10", None),
        ("1_000", None),
        (None, None),
    ],
)
def test_a_count_is_a_whole_number_that_is_not_negative(text, count):
    assert count_of(text) == count


@given(st.integers(0, 2**53))
def test_counts_survive_whether_sent_as_integer_double_or_text(number):
    assert count_of(str(number)) == number
    if number < 2**53:  # above, `repr` of a double may round
        assert count_of(repr(float(number))) == number


def test_an_invalid_count_lets_the_next_key_answer():
    frame = pl.DataFrame({"@a": ["-1", "5", None], "@b": ["7", "7", "nope"]})
    assert value(frame, wide.attr_int(frame, "a", "b")) == [7, 5, None]


def test_booleans_are_read_in_any_case():
    frame = pl.DataFrame({"@a": ["true", "False", "1", None], "@b": ["false", "true", "TRUE", None]})
    assert value(frame, wide.attr_bool(frame, "a", "b")) == [True, False, True, None]
