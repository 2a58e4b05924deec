"""What a formula consists of, and what kinds of values there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

Kind = Literal["number", "boolean", "text"]

COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">")
ARITHMETIC: Final = ("+", "-", "*", "/", "%")
LOGIC: Final = ("and", "or")
MOST_DIGITS: Final = 12
"""To how many decimals `round` may round."""


class ExpressionError(ValueError):
    """A formula that cannot be used; the message is one line that says what and where."""


@dataclass(frozen=True)
class Constant:
    """A number, a text in quotes, true or false. at: where it stands in the formula, counted from 1."""

    value: Fraction | bool | str
    at: int


@dataclass(frozen=True)
class Name:
    """A variable."""

    name: str
    at: int


@dataclass(frozen=True)
class Operation:
    """An operator or function and what it is applied to.

    Operators: ARITHMETIC, COMPARISONS, LOGIC, `not`, `negate`. Functions: `if` (condition, then, else), `min`, `max`,
    `abs`, `floor`, `ceil`, `round` (value, digits). `holds` (no formula has it) is false for what is unknown.
    """

    operator: str
    operands: "tuple[Node, ...]"
    at: int


Node = Constant | Name | Operation


def names_in(node: Node) -> frozenset[str]:
    """The variables that a formula names."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Name))


def walk(node: Node) -> Iterator[Node]:
    """The formula and all its parts."""
    yield node
    if isinstance(node, Operation):
        for operand in node.operands:
            yield from walk(operand)
