"""What the variables of a formula are worth for each event: read from its data, or given by the model."""

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import Final

import polars as pl

from analytics.event_fields import text_at
from analytics.expressions.columns import Column, Columns, Held, Number
from analytics.expressions.exact import Value
from analytics.frames import int128
from analytics.revenue_amounts import condition
from analytics.value_model import SECONDS, Formula, Segment, Variable

_PLAIN: Final = r"^-?\d{1,17}(\.\d{1,9})?$"
"""Numbers that the columns have room for; others are worked out one by one."""

_NUMBER: Final = r"^-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,2})?$"
_DIGITS: Final = 9
_LONGEST_SHOWN: Final = 40


class Inputs:
    """The variables of one formula over a frame with `data` (JSON String|null).

    `frame` is that frame with further columns, whose names begin with `prefix`; `texts` names those that decide the
    variables: rows that are equal in them are equal in all that the formula says.
    """

    def __init__(self, frame: pl.DataFrame, formula: Formula, prefix: str) -> None:
        self._formula = formula
        self._prefix = prefix
        columns: dict[str, pl.Expr] = {}
        for place, variable in enumerate(formula.variables):
            if variable.path is not None and variable.fixed is None:
                columns[self._text(place)] = text_at(variable.path)
                if variable.target_unit:
                    columns[self._unit(place)] = text_at(f"{variable.path}_unit")
            for number, segment in enumerate(variable.segments):
                for key, path in enumerate(segment.paths):
                    columns[f"{prefix}k{place}_{number}_{key}"] = text_at(path)
        tests = {f"{prefix}c{place}": condition(test) for place, (_, test) in enumerate(formula.tests)}
        self.texts = (*columns, *tests)
        self.frame = frame.with_columns(**columns, **tests)

    @property
    def odd(self) -> pl.Expr:
        """Whether a row has a number that is one, and that the columns have no room for."""
        parts = [
            _is(text, _NUMBER) & ~_is(text, _PLAIN) for text, variable in self._read() if variable.kind == "number"
        ]
        return pl.any_horizontal(parts) if parts else pl.lit(False)

    @property
    def stated(self) -> pl.Expr:
        """Whether the event says anything of what only its data can say; true where nothing depends on the data."""
        needed = [text.is_not_null() for text, variable in self._read() if variable.needs_data]
        return pl.any_horizontal(needed) if needed else pl.lit(True)

    @property
    def note(self) -> pl.Expr:
        """Why a variable has no value, for the first that has none; null when all have."""
        reasons = [self._reason(place, variable) for place, variable in enumerate(self._formula.variables)]
        return pl.coalesce(*reasons, pl.lit(None, pl.String))

    def held(self, columns: Columns) -> dict[str, Held]:
        """The variables, as `columns` (made of a frame with the columns of this one) holds them."""
        found: dict[str, Held] = {
            name: Column(f"{self._prefix}c{place}") for place, (name, _) in enumerate(self._formula.tests)
        }
        for place, variable in enumerate(self._formula.variables):
            found[variable.name] = self._one(columns, place, variable)
        return found

    def exact(self, row: Mapping[str, object]) -> dict[str, Value]:
        """The variables of one row (its `texts`), exactly."""
        found: dict[str, Value] = {
            name: bool(row[f"{self._prefix}c{place}"]) for place, (name, _) in enumerate(self._formula.tests)
        }
        for place, variable in enumerate(self._formula.variables):
            found[variable.name] = self._exactly(place, variable, row)
        return found

    def _text(self, place: int) -> str:
        return f"{self._prefix}t{place}"

    def _unit(self, place: int) -> str:
        return f"{self._prefix}u{place}"

    def _read(self) -> list[tuple[pl.Expr, Variable]]:
        """The variables that are read from the data, and what stands there."""
        return [
            (pl.col(self._text(place)), variable)
            for place, variable in enumerate(self._formula.variables)
            if self._text(place) in self.texts
        ]

    def _one(self, columns: Columns, place: int, variable: Variable) -> Held:
        if variable.fixed is not None:
            return _constant(variable.fixed)
        otherwise = self._otherwise(columns, place, variable)
        if self._text(place) not in self.texts:
            return otherwise
        text = pl.col(self._text(place))
        if variable.kind == "number":
            stated: Held = self._number(columns, place, variable)
        elif variable.kind == "boolean":
            stated = columns.column(pl.when(text == "true").then(True).when(text == "false").then(False))
        else:
            stated = columns.column(text)
        # what is stated and cannot be read is unknown, whatever the default
        return columns.choose(columns.column(text.is_not_null()), stated, otherwise)

    def _number(self, columns: Columns, place: int, variable: Variable) -> Number:
        text = pl.col(self._text(place))
        plain = self.frame.get_column(self._text(place)).str.extract(r"^-?\d+\.(\d+)$").str.len_bytes().max()
        digits = min(int(plain), _DIGITS) if isinstance(plain, int) else 0
        read = text.cast(pl.Decimal(38, _DIGITS), strict=False).to_physical() // int128(10 ** (_DIGITS - digits))
        number = pl.when(_is(text, _PLAIN)).then(read)
        if variable.target_unit is None:
            return columns.number(number, Fraction(1, 10**digits))
        seconds = pl.col(self._unit(place)).replace_strict(_UNITS, default=None, return_dtype=pl.Int128)
        return columns.number(number * seconds, Fraction(1, 10**digits * SECONDS[variable.target_unit]))

    def _otherwise(self, columns: Columns, place: int, variable: Variable) -> Held:
        """What holds where the data says nothing."""
        if variable.kind != "number":
            unknown = pl.Boolean() if variable.kind == "boolean" else pl.String()
            default = variable.default
            return columns.column(pl.lit(None, unknown)) if default is None else _constant(default)
        known = [
            self._segment(columns, segment, f"{self._prefix}k{place}_{number}_")
            for number, segment in enumerate(variable.segments)
        ]
        if isinstance(variable.default, Fraction):
            known.append(Number(variable.default))
        return columns.first_known(known) if known else columns.number(pl.lit(None, pl.Int128), Fraction(1))

    @staticmethod
    def _segment(columns: Columns, segment: Segment, prefix: str) -> Number:
        below = lcm(
            *(value.denominator for value in segment.rows.values()), (segment.default or Fraction(0)).denominator
        )
        found = pl.lit(None if segment.default is None else int(segment.default * below), dtype=pl.Int128)
        for texts, value in segment.rows.items():
            same = pl.all_horizontal(pl.col(f"{prefix}{key}") == text for key, text in enumerate(texts))
            found = pl.when(same).then(int128(int(value * below))).otherwise(found)
        return columns.number(found, Fraction(1, below))

    def _exactly(self, place: int, variable: Variable, row: Mapping[str, object]) -> Value:
        if variable.fixed is not None:
            return variable.fixed
        text = row.get(self._text(place))
        if isinstance(text, str):
            return _read_exactly(text, row.get(self._unit(place)), variable)
        for number, segment in enumerate(variable.segments):
            texts = [row[f"{self._prefix}k{place}_{number}_{key}"] for key in range(len(segment.paths))]
            known = tuple(text for text in texts if isinstance(text, str))
            if known in segment.rows:
                return segment.rows[known]
            if segment.default is not None:
                return segment.default
        return variable.default

    def _reason(self, place: int, variable: Variable) -> pl.Expr:
        if self._text(place) not in self.texts:
            missing = pl.lit(f"variable {variable.name}: no segment of the table fits")
            unknown = variable.fixed is None and variable.default is None and variable.needs_data
            return missing if unknown else pl.lit(None, pl.String)
        text = pl.col(self._text(place))
        what = f"variable {variable.name}: "
        shown = pl.concat_str(pl.lit(f'{what}"'), text.str.head(_LONGEST_SHOWN), pl.lit('"'))
        reasons: list[tuple[pl.Expr, pl.Expr]] = []
        if variable.needs_data:
            reasons.append((text.is_null(), pl.lit(f"{what}{variable.path} is missing in the data")))
        if variable.kind == "number":
            reasons.append((~text.str.contains(_NUMBER), shown + pl.lit(" is no number")))
        if variable.kind == "boolean":
            reasons.append((~text.is_in(["true", "false"]), shown + pl.lit(" is neither true nor false")))
        if variable.target_unit is not None:
            unit, name = pl.col(self._unit(place)), f"{variable.path}_unit"
            odd = pl.concat_str(
                pl.lit(f'{what}{name} "'), unit.str.head(_LONGEST_SHOWN), pl.lit('" is no unit of time')
            )
            missing = pl.lit(f"{what}{name} is missing in the data")
            reasons += [
                (text.is_not_null() & unit.is_null(), missing),
                (text.is_not_null() & ~unit.is_in(list(_UNITS)), odd),
            ]
        return pl.coalesce(*(pl.when(fails).then(reason) for fails, reason in reasons), pl.lit(None, pl.String))


_UNITS: Final = {**SECONDS, **{name.removesuffix("s"): seconds for name, seconds in SECONDS.items()}}
"""Units of time as senders write them."""


def _read_exactly(text: str, unit: object, variable: Variable) -> Value:
    if variable.kind == "text":
        return text
    if variable.kind == "boolean":
        return {"true": True, "false": False}.get(text)
    if not pl.Series([text]).str.contains(_NUMBER).item():
        return None
    if variable.target_unit is None:
        return Fraction(text)
    seconds = _UNITS.get(unit) if isinstance(unit, str) else None
    return None if seconds is None else Fraction(text) * seconds / SECONDS[variable.target_unit]


def _constant(value: Fraction | bool | str) -> Held:
    return Number(value) if isinstance(value, Fraction) else value


def _is(text: pl.Expr, pattern: str) -> pl.Expr:
    return text.str.contains(pattern).fill_null(False)
