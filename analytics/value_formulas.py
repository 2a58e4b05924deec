"""Formulas of a value model with their conditions, as one checked formula over variables."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from analytics.expressions.nodes import Constant, ExpressionError, Kind, Name, Node, Operation
from analytics.expressions.parse import parse
from analytics.revenue_rules import Comparison, Condition
from analytics.value_fields import Entry, number, path
from analytics.value_model import Formula, Variable

_NUMERIC: Final[dict[str, str]] = {"gte": ">=", "gt": ">", "lt": "<", "lte": "<=", "eq": "==", "neq": "!="}
_ON_DATA: Final[dict[str, Comparison]] = {
    "gte": "gte", "gt": "gt", "lt": "lt", "lte": "lte", "eq": "eq", "neq": "neq", "contains": "contains",
    "eq_string": "eq", "eq_bool": "eq",
}  # fmt: skip
_KIND_OF_OPERATOR: Final[dict[str, Kind]] = {"eq_string": "text", "contains": "text", "eq_bool": "boolean"}


def read_formula(entry: Entry, variables: Sequence[Variable], extra: Sequence[str] = ()) -> Formula:
    """A formula from `expression`, `conditions` and `defaultResult`. extra: numbers that it may name besides.

    The result of the first condition that holds counts, else `defaultResult`, else the expression. A condition on what
    is unknown does not hold. Raises ValueModelError.
    """
    kinds: dict[str, Kind] = {variable.name: variable.kind for variable in variables}
    kinds |= dict.fromkeys(extra, "number")
    node = entry.need("expression", lambda text: _parsed(text, kinds))
    tests: list[tuple[str, Condition]] = []
    branches: list[tuple[Node, Node]] = []
    for number_, condition in enumerate(entry.entries("conditions")):
        holds, test = _condition(condition, kinds, variables, f"#{number_}")
        if test is not None:
            tests.append((f"#{number_}", test))
        branches.append((holds, _result(condition, "result", kinds)))
    if branches and "defaultResult" in entry:
        node = _result(entry, "defaultResult", kinds)
    for holds, result in reversed(branches):
        node = Operation("if", (holds, result, node), 1)
    return Formula(node, tuple(variables), tuple(tests))


def _parsed(text: object, kinds: Mapping[str, Kind]) -> Node:
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a formula")
    try:
        return parse(text, kinds)
    except ExpressionError as error:
        raise ValueError(error) from None


def _result(entry: Entry, key: str, kinds: Mapping[str, Kind]) -> Node:
    result = entry.table(key)
    which = result.need("type", str)
    if which == "constant":
        return Constant(result.need("value", number), 1)
    if which == "expression":
        return result.need("expression", lambda text: _parsed(text, kinds))
    raise result.wrong("type", f"{which!r} is neither constant nor expression")


def _condition(
    entry: Entry, kinds: Mapping[str, Kind], variables: Sequence[Variable], name: str
) -> tuple[Node, Condition | None]:
    """A boolean formula, and what is to be looked up in the data for it."""
    operator = entry.need("operator", str)
    if operator not in _ON_DATA:
        raise entry.wrong("operator", f"{operator!r} is none of {', '.join(_ON_DATA)}")
    field, value = entry.need("field", str), entry.need("value", lambda given: _value(given, operator))
    # a field that is a variable has that variable's defaults; `contains` looks into texts, which formulas do not
    if field in kinds and operator != "contains":
        return _on_variable(entry, Name(field, 1), operator, value, kinds[field]), None
    at = next((each.path for each in variables if each.name == field and each.path), None) or entry.need("field", path)
    try:
        return Name(name, 1), Condition(at, _ON_DATA[operator], _as_written(value))
    except ValueError as error:
        raise entry.wrong("value", error) from None


def _on_variable(entry: Entry, variable: Name, operator: str, value: Fraction | bool | str, kind: Kind) -> Node:
    given: Kind = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    if given != kind or (operator in ("gte", "gt", "lt", "lte") and kind != "number"):
        raise entry.wrong("value", f"{operator} {value} cannot be asked of {variable.name}, which is a {kind}")
    return Operation("holds", (Operation(_NUMERIC.get(operator, "=="), (variable, Constant(value, 1)), 1),), 1)


def _value(given: object, operator: str) -> Fraction | bool | str:
    wanted = _KIND_OF_OPERATOR.get(operator)
    if wanted == "boolean" or (wanted is None and operator in ("eq", "neq") and isinstance(given, bool)):
        if not isinstance(given, bool):
            raise ValueError(f"{given!r} is not true or false")
        return given
    if wanted == "text" or (operator in ("eq", "neq") and isinstance(given, str)):
        if not isinstance(given, str):
            raise ValueError(f"{given!r} is not a text")
        return given
    return number(given)


def _as_written(value: Fraction | bool | str) -> Decimal | bool | str:
    """The value to compare with, as conditions on the data take it."""
    if not isinstance(value, Fraction):
        return value
    pico = value * 10**12
    if pico.denominator != 1:
        raise ValueError(f"{value} has more than 12 decimals")
    return Decimal(pico.numerator).scaleb(-12)
