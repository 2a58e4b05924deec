"""Formulas over columns: exact, one step per operator, on 128-bit integers.

A number is held as `scale * numerator / denominator`: a fraction that is the same for all rows, a column, and a column
of positive numbers where something was divided by a column. Additions, products and quotients are then exact. Every
step is a column of its own, since an expression that names its operands twice doubles with every level. Rows for which
128 bits have no room are marked `wide`, for the caller to work out by `exact.evaluate`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import polars as pl

from analytics.expressions.exact import apply
from analytics.expressions.nodes import COMPARISONS, LOGIC, Constant, Name, Node
from analytics.frames import divide_half_even, int128

_ROOM: Final = 1.6e38
"""What an Int128 holds, less what the estimates in floating point may be off."""

_HALF_ROOM: Final = 0.8e38


@dataclass(frozen=True)
class Number:
    """`scale * numerator / denominator`: columns by name, None is 1 for every row. Denominators are positive."""

    scale: Fraction
    numerator: str | None = None
    denominator: str | None = None


@dataclass(frozen=True)
class Column:
    """A Boolean or String column."""

    name: str


Held = Number | Column | bool | str
"""What a part of a formula is worth: a bool or str is the same for all rows."""


class Columns:
    """A frame that grows by a column for every step; `wide` marks the rows that have no room in it."""

    def __init__(self, frame: pl.DataFrame, wide: pl.Expr | None = None) -> None:
        """`wide`: the rows that are so from the beginning."""
        self._frame = frame.with_columns(_wide=pl.lit(False) if wide is None else wide)
        self._steps = 0

    @property
    def wide(self) -> pl.Series:
        """Whether a row has to be worked out otherwise. Boolean, no nulls."""
        return self._frame["_wide"]

    def evaluate(self, node: Node, variables: Mapping[str, Held]) -> Held:
        """Work a checked formula out. variables: what each holds, the columns being columns of the frame."""
        if isinstance(node, Constant):
            return Number(node.value) if isinstance(node.value, Fraction) else node.value
        if isinstance(node, Name):
            return variables[node.name]
        values = [self.evaluate(operand, variables) for operand in node.operands]
        if node.operator == "if":
            return self.choose(*values)
        if node.operator in (*LOGIC, "not", "holds"):
            return self._logic(node.operator, values)
        numbers = [value for value in values if isinstance(value, Number)]
        if len(numbers) < len(values):
            return self._same(node.operator, values)
        return self._of_numbers(node.operator, numbers)

    def number(self, numerator: pl.Expr, scale: Fraction) -> Number:
        """A number from whole numbers (Int128|null), each standing for so many times the scale."""
        return Number(scale, self._step(numerator))

    def column(self, values: pl.Expr) -> Column:
        """A Boolean or String column."""
        return Column(self._step(values))

    def first_known(self, values: Sequence[Number]) -> Number:
        """The first of several numbers that is known."""
        best = values[0]
        for value in values[1:]:
            known = self._step(_col(self._numerator(best)).is_not_null())
            best = self._chosen(pl.col(known), best, value)
        return best

    def choose(self, condition: Held, then: Held, otherwise: Held) -> Held:
        """One or the other; unknown where the condition is."""
        if isinstance(condition, bool):
            return then if condition else otherwise
        if not isinstance(condition, Column):
            raise TypeError("a condition is boolean")
        if isinstance(then, Number) and isinstance(otherwise, Number):
            return self._chosen(pl.col(condition.name), then, otherwise)
        return Column(self._step(_pick(pl.col(condition.name), _plain(then), _plain(otherwise))))

    def product(self, first: Number, second: Number) -> Number:
        """Their product."""
        numerator = self._multiplied(first.numerator, second.numerator)
        return Number(first.scale * second.scale, numerator, self._multiplied(first.denominator, second.denominator))

    def rounded(self, value: Number, parts: int) -> pl.Series:
        """The value in parts of a unit (10**6: millionths), a whole number rounded half to even. Int128|null."""
        scale = value.scale * parts
        numerator = self._times(self._numerator(value), scale.numerator)
        denominator = self._times(value.denominator, scale.denominator)
        self._mark(_size(denominator) > _HALF_ROOM)
        name = self._step(divide_half_even(_col(numerator), _col(denominator)))
        return self._frame[name]

    def _of_numbers(self, operator: str, values: list[Number]) -> Held:
        if all(value.numerator is None and value.denominator is None for value in values):
            found = apply(operator, [value.scale for value in values])
            return Number(found) if isinstance(found, Fraction) else found if found is not None else self._unknown()
        first, last = values[0], values[-1]
        match operator:
            case "+" | "-":
                return self._sum(
                    first, Number(-last.scale, last.numerator, last.denominator) if operator == "-" else last
                )
            case "negate":
                return Number(-first.scale, first.numerator, first.denominator)
            case "*":
                return self.product(first, last)
            case "/":
                return self.product(first, self._inverse(last))
            case "%":
                whole = self._whole(self.product(first, self._inverse(last)), "floor")
                product = self.product(whole, last)
                return self._sum(first, Number(-product.scale, product.numerator, product.denominator))
            case "min" | "max":
                return self._extreme(operator, values)
            case "abs":
                name = self._step(_col(self._numerator(first)).abs())
                return Number(abs(first.scale), name, first.denominator)
            case "floor" | "ceil":
                return self._whole(first, operator)
            case "round":
                digits = int(last.scale) if len(values) == 2 else 0
                parts = 10**digits
                # the rows of the frame are kept as they are: the series goes in as a step of its own
                name = self._step(pl.lit(self.rounded(first, parts)))
                return Number(Fraction(1, parts), name)
        if operator in COMPARISONS:
            return self._compare(operator, first, last)
        raise ValueError(f"no operator {operator}")

    def _sum(self, first: Number, second: Number) -> Number:
        if first.scale == 0 and first.numerator is None:
            return second
        if second.scale == 0 and second.numerator is None:
            return first
        scale, left, right = self._alike(first, second)
        name = self._step_sized(_col(left) + _col(right), _size(left) + _size(right))
        return Number(scale, name, self._common_denominator(first, second))

    def _inverse(self, value: Number) -> Number:
        """1 / value; unknown where it is 0."""
        if value.scale == 0:
            return self._unknown()
        if value.numerator is None:
            return Number(1 / value.scale, value.denominator)
        divisor = _col(value.numerator)
        size = self._step(pl.when(divisor != 0).then(divisor.abs()))
        sign = pl.when(divisor < 0).then(int128(-1)).otherwise(int128(1))
        above = self._step(_col(value.denominator) * sign)
        return Number(1 / value.scale, above, size)

    def _compare(self, operator: str, first: Number, second: Number) -> Column:
        _, left, right = self._alike(first, second)
        one, other = _col(left), _col(right)
        compared = {
            "==": one == other, "!=": one != other, "<": one < other,
            "<=": one <= other, ">": one > other, ">=": one >= other,
        }  # fmt: skip
        return Column(self._step(compared[operator]))

    def _extreme(self, operator: str, values: list[Number]) -> Number:
        best = values[0]
        for value in values[1:]:
            scale, left, right = self._alike(best, value)
            one, other = _col(left), _col(right)
            better = (one <= other) if operator == "min" else (one >= other)
            # a comparison with an unknown value is unknown, and so is what comes of it
            name = self._step(_pick(better, one, other))
            best = Number(scale, name, self._common_denominator(best, value))
        return best

    def _whole(self, value: Number, operator: str) -> Number:
        numerator = self._times(self._numerator(value), value.scale.numerator)
        denominator = self._times(value.denominator, value.scale.denominator)
        above, below = _col(numerator), _col(denominator)
        if operator == "floor":
            return Number(Fraction(1), self._step(above // below))
        return Number(Fraction(1), self._step(int128(0) - ((int128(0) - above) // below)))

    def _chosen(self, met: pl.Expr, then: Number, otherwise: Number) -> Number:
        scale, left, right = self._alike(then, otherwise, comparable=False)
        below = None
        if then.denominator is not None or otherwise.denominator is not None:
            below = self._step(_pick(met, _col(then.denominator), _col(otherwise.denominator)))
        return Number(scale, self._step(_pick(met, _col(left), _col(right))), below)

    def _logic(self, operator: str, values: list[Held]) -> Column:
        parts = [_plain(value) for value in values]
        if operator == "not":
            return Column(self._step(~parts[0]))
        if operator == "holds":
            return Column(self._step(parts[0].fill_null(False)))
        return Column(self._step(parts[0] & parts[1] if operator == "and" else parts[0] | parts[1]))

    def _same(self, operator: str, values: list[Held]) -> Column:
        one, other = (_plain(value) for value in values)
        return Column(self._step(one == other if operator == "==" else one != other))

    def _alike(self, first: Number, second: Number, *, comparable: bool = True) -> tuple[Fraction, str, str]:
        """Numerators of both for one scale; with `comparable` also for one denominator, that of both together."""
        scale = _common_scale(first.scale, second.scale)
        left = self._times(self._numerator(first), _whole_number(first.scale / scale))
        right = self._times(self._numerator(second), _whole_number(second.scale / scale))
        if comparable and first.denominator != second.denominator:
            left, right = self._times_column(left, second.denominator), self._times_column(right, first.denominator)
        return scale, left, right

    def _common_denominator(self, first: Number, second: Number) -> str | None:
        if first.denominator == second.denominator:
            return first.denominator
        return self._multiplied(first.denominator, second.denominator)

    def _numerator(self, value: Number) -> str:
        return value.numerator if value.numerator is not None else self._step(int128(1))

    def _multiplied(self, first: str | None, second: str | None) -> str | None:
        if first is None or second is None:
            return first if second is None else second
        return self._step_sized(_col(first) * _col(second), _size(first) * _size(second))

    def _times_column(self, first: str, second: str | None) -> str:
        return self._multiplied(first, second) or first

    def _times(self, name: str | None, factor: int) -> str:
        """A column times a whole number, however large."""
        if factor == 1 and name is not None:
            return name
        if abs(factor) >= _ROOM:
            self._mark(pl.lit(True))
            factor = 0
        return self._step_sized(_col(name) * int128(factor), _size(name) * float(abs(factor)))

    def _unknown(self) -> Number:
        return Number(Fraction(1), self._step(pl.lit(None, pl.Int128)))

    def _step(self, expression: pl.Expr) -> str:
        self._steps += 1
        name = f"_step{self._steps}"
        self._frame = self._frame.with_columns(expression.alias(name))
        return name

    def _step_sized(self, expression: pl.Expr, size: pl.Expr) -> str:
        self._mark(size > _ROOM)
        return self._step(expression)

    def _mark(self, too_large: pl.Expr) -> None:
        self._frame = self._frame.with_columns(_wide=pl.col("_wide") | too_large.fill_null(False))


def _common_scale(first: Fraction, second: Fraction) -> Fraction:
    """The largest positive number of which both are whole multiples."""
    one, other = abs(first), abs(second)
    below = one.denominator * other.denominator
    above = math.gcd(one.numerator * other.denominator, other.numerator * one.denominator)
    return Fraction(above, below) if above else Fraction(1)


def _whole_number(value: Fraction) -> int:
    if value.denominator != 1:
        raise ValueError("not a whole multiple")
    return value.numerator


def _col(name: str | None) -> pl.Expr:
    return int128(1) if name is None else pl.col(name)


def _pick(met: pl.Expr, then: pl.Expr, otherwise: pl.Expr) -> pl.Expr:
    """One or the other; unknown where it is unknown which."""
    return pl.when(met).then(then).when(~met).then(otherwise)


def _plain(value: Held) -> pl.Expr:
    if isinstance(value, Column):
        return pl.col(value.name)
    if isinstance(value, Number):
        raise TypeError("a number is not plain")
    return pl.lit(value)


def _size(name: str | None) -> pl.Expr:
    """How large the numbers are, roughly."""
    return pl.lit(1.0) if name is None else pl.col(name).cast(pl.Float64).abs()
