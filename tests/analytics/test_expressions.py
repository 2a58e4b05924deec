"""Formulas: what they mean, what is refused, and that columns give exactly what fractions give."""

from collections.abc import Mapping
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.expressions.columns import Column, Columns, Held, Number
from analytics.expressions.exact import Value, evaluate
from analytics.expressions.nodes import ExpressionError, Kind, names_in
from analytics.expressions.parse import parse
from tests.examples import examples

KINDS: Mapping[str, Kind] = {"a": "number", "b": "number", "c": "number", "t": "boolean", "s": "text"}


def value_of(expression: str, **variables: Value) -> Value:
    kinds: dict[str, Kind] = {
        name: "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        for name, value in variables.items()
    }
    return evaluate(parse(expression, kinds), variables)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", Fraction(7)),
        ("(1 + 2) * 3", Fraction(9)),
        ("10 - 4 - 3", Fraction(3)),
        ("-2 * -3", Fraction(6)),
        ("1 / 3 * 3", Fraction(1)),
        ("7 % 3", Fraction(1)),
        ("-7 % 3", Fraction(2)),
        (".5 + 1e-2", Fraction(51, 100)),
        ("min(3, 1, 2) + max(1, 5)", Fraction(6)),
        ("round(2.5) + round(3.5)", Fraction(6)),
        ("round(1.005, 2)", Fraction(1)),
        ("floor(-1.5) + ceil(1.2) + abs(-4)", Fraction(4)),
        ("2 > 1 ? 10 : 20", Fraction(10)),
        ("if(not (1 == 1) or 2 != 3, 1, 0)", Fraction(1)),
        ("1 < 2 and 2 < 3 ? 1 : 0", Fraction(1)),
        ("1 == 1 ? 2 == 3 ? 1 : 2 : 3", Fraction(2)),
        ("'a' == \"a\" && true ? 1 : 0", Fraction(1)),
        ("!(1 > 2) || false ? 1 : 0", Fraction(1)),
        ("if(not 1 > 2, 1, 0)", Fraction(1)),
        ("1 / 0", None),
        ("if(true, 1, 1 / 0)", Fraction(1)),
    ],
)
def test_a_formula_means_what_arithmetic_means(expression: str, value: Fraction | None) -> None:
    assert value_of(expression) == value


def test_variables_may_be_paths() -> None:
    node = parse("dimensions.pages * 2", {"dimensions.pages": "number"})
    assert names_in(node) == {"dimensions.pages"}
    assert evaluate(node, {"dimensions.pages": Fraction(4)}) == 8


def test_what_depends_on_an_unknown_value_is_unknown() -> None:
    for expression in ("a + 1", "a * 0", "min(a, 1)", "if(a > 1, 1, 2)", "round(a)"):
        assert evaluate(parse(expression, KINDS), {"a": None}) is None
    assert evaluate(parse("if(t or true, 1, a)", KINDS), {"a": None, "t": None}) == 1
    assert evaluate(parse("if(t and false, a, 2)", KINDS), {"a": None, "t": None}) == 2


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("minuts * 2", "unknown variable 'minuts' at character 1 (there are: a, b, c, s, t)"),
        ("a +", "unexpected the end at character 4"),
        ("(a + b", "expected ')', not the end, at character 7"),
        ("a b", "unexpected 'b' at character 3"),
        ("a $ b", "unexpected '$' at character 3"),
        ("pow(a, 2)", "unknown function 'pow' at character 1 (there are: abs, ceil, floor, if, max, min, round)"),
        ("round(a, b)", "round takes 0 to 12 digits, written as a number, at character 1"),
        ("if(a, 1, 2)", "if cannot take a number here, at character 1"),
        ("a + s", "+ cannot take a text here, at character 3"),
        ("a == s", "== cannot take a text here, at character 3"),
        ("1 < a < 3", "comparisons cannot be chained, at character 7"),
        ("a > 1", "yields a boolean, not a number"),
        ("__import__('os')", "unknown function '__import__' at character 1"),
        ("min()", "unexpected ')' at character 5"),
        ("", "unexpected the end at character 1"),
        ("abs(a, b)", "abs takes 1 values, at character 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(expression: str, error: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(expression, KINDS)
    assert error in str(raised.value)


@pytest.mark.parametrize(
    "expression", ["(" * 5000 + "1" + ")" * 5000, "-" * 1900 + "1", "not " * 400 + "true", "1" + "+1" * 900, "1?" * 900]
)
def test_a_formula_without_end_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        parse(expression, KINDS)


def numbers(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["a", "b", "c", "0", "7", "0.25", "1e6", "12345.678901"])
    if not depth:
        return leaf
    inner = numbers(depth - 1)
    return st.one_of(
        leaf,
        st.tuples(inner, st.sampled_from("+-*/%"), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
        st.tuples(st.sampled_from(["abs", "floor", "ceil", "round", "-"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(inner, st.integers(0, 4)).map(lambda parts: f"round({parts[0]}, {parts[1]})"),
        st.tuples(booleans(depth - 1), inner, inner).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})"),
    )


def booleans(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["t", "true", 's == "x"', 's != "y"'])
    if not depth:
        return leaf
    inner, number = booleans(depth - 1), numbers(depth - 1)
    return st.one_of(
        leaf,
        st.tuples(number, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), number).map(
            lambda p: f"({' '.join(p)})"
        ),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"(not {part})"),
    )


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.none() | st.integers(-(10**6), 10**6) | st.sampled_from([0, 10**18, -(10**25)]),
            "b": st.none() | st.integers(-9, 9),
            "c": st.integers(-(10**9), 10**9),
            "t": st.sampled_from([True, False, None]),
            "s": st.sampled_from(["x", "y", None]),
        }
    ),
    min_size=1,
    max_size=5,
)
SCALES = {"a": Fraction(1, 1000), "b": Fraction(1), "c": Fraction(1, 7)}


@settings(max_examples=examples(60), deadline=None, derandomize=True, database=None)
@given(numbers(3), ROWS)
def test_columns_give_exactly_what_fractions_give(
    expression: str, rows: list[dict[str, int | bool | str | None]]
) -> None:
    node = parse(expression, KINDS)
    schema = {"a": pl.Int128, "b": pl.Int128, "c": pl.Int128, "t": pl.Boolean, "s": pl.String}
    columns = Columns(pl.DataFrame(rows, schema=schema))
    held: dict[str, Held] = {name: Number(scale, name) for name, scale in SCALES.items()}
    found = columns.evaluate(node, {**held, "t": Column("t"), "s": Column("s")})
    assert isinstance(found, Number)
    micro = columns.rounded(found, 10**6).to_list()
    for row, got, wide in zip(rows, micro, columns.wide, strict=True):
        if wide:
            continue
        known = {
            name: value if name not in SCALES or value is None else value * SCALES[name] for name, value in row.items()
        }
        right = evaluate(node, known)  # type: ignore[arg-type]
        assert got == (None if right is None else round(Fraction(right) * 10**6))


def test_what_128_bits_have_no_room_for_is_marked() -> None:
    columns = Columns(pl.DataFrame({"a": [10**20, 3]}, schema={"a": pl.Int128}))
    found = columns.evaluate(parse("a * a", KINDS), {"a": Number(Fraction(1), "a")})
    assert isinstance(found, Number)
    assert columns.wide.to_list() == [True, False]


def test_a_deep_formula_takes_time_in_proportion_to_its_length() -> None:
    expression = "a"
    for _ in range(30):
        expression = f"min({expression}, b) + 1"
    columns = Columns(pl.DataFrame({"a": [5, None], "b": [7, 7]}, schema={"a": pl.Int128, "b": pl.Int128}))
    found = columns.evaluate(parse(expression, KINDS), {name: Number(Fraction(1), name) for name in ("a", "b")})
    assert isinstance(found, Number)
    assert columns.rounded(found, 1).to_list() == [8, None]
