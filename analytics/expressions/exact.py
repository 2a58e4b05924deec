"""What a formula means: its value for one set of values, in fractions, with nothing rounded on the way."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from analytics.expressions.nodes import Constant, Name, Node

Value = Fraction | bool | str | None
"""None: unknown. What depends on an unknown value is unknown."""

_COMPARED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


def evaluate(node: Node, variables: Mapping[str, Value]) -> Value:
    """The value of a checked formula. A division by zero is unknown; `round` rounds half to even."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Name):
        return variables[node.name]
    return apply(node.operator, [evaluate(operand, variables) for operand in node.operands])


def apply(operator: str, values: Sequence[Value]) -> Value:
    """An operator or function of `nodes.Operation` applied to values of the right kinds."""
    if operator == "if":
        condition, then, otherwise = values
        return None if condition is None else then if condition else otherwise
    if operator == "and":
        return False if False in values else None if None in values else True
    if operator == "or":
        return True if True in values else None if None in values else False
    if operator == "holds":
        return values[0] is True
    if any(value is None for value in values):
        return None
    if operator == "not":
        return not values[0]
    if operator in _COMPARED:
        return _COMPARED[operator](values[0], values[1])
    return _number(operator, [value for value in values if isinstance(value, Fraction)])


def round_half_even(value: Fraction, digits: int) -> Fraction:
    """Rounded to so many decimals, ties to the even neighbour."""
    return Fraction(round(value * 10**digits), 10**digits)


def _number(operator: str, values: Sequence[Fraction]) -> Fraction | None:
    first, second = values[0], values[-1]
    match operator:
        case "+":
            return first + second
        case "-":
            return first - second
        case "*":
            return first * second
        case "/":
            return first / second if second else None
        case "%":
            return first % second if second else None
        case "negate":
            return -first
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "abs":
            return abs(first)
        case "floor":
            return Fraction(math.floor(first))
        case "ceil":
            return Fraction(math.ceil(first))
        case "round":
            return round_half_even(first, int(second) if len(values) == 2 else 0)
    raise ValueError(f"no operator {operator}")
