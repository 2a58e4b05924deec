"""Where a field of the operator's own dialect comes from: an attribute, a place inside one, the resource, a constant.

Written as text, ``KEY``, ``KEY:json.path``, ``resource:KEY`` or ``resource:KEY:json.path``; or as a table, ``{attribute
= ..., path = ...}``, ``{resource = ..., path = ...}`` or ``{value = ...}``, which also takes keys that contain a colon.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import polars as pl

from receiver.dialects.counts import count_column
from receiver.dialects.payload import count, field, json_object
from receiver.redact import Disposition, disposition
from receiver.wide import LARGEST_COUNT, as_bool, column, resource_column

AMOUNT: Final = pl.Decimal(18, 6)
"""Amounts that are no whole numbers, such as seconds."""

_RESOURCE: Final = "resource:"
_STEP: Final = r"(?:[A-Za-z0-9_\-]+|\[\d+\]|\['[^'\]]+'\])"
_PATH: Final = re.compile(rf"{_STEP}(?:\.[A-Za-z0-9_\-]+|\[\d+\]|\['[^'\]]+'\])*")
_AMOUNT_TEXT: Final = r"^\+?\d{1,12}(?:\.\d*)?(?:[eE][+-]?\d{1,2})?$"


class DialectError(ValueError):
    """A dialect of the configuration that cannot be used; the message is one line that names dialect and key."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the span, or of its resource; with a path, what its JSON holds there."""

    key: str
    path: str | None = None
    of_resource: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is a span attribute as a whole."""
        return self.path is None and not self.of_resource

    def text(self, df: pl.DataFrame) -> pl.Expr:
        """What is there, as String; null where nothing is."""
        whole = self._whole(df)
        return whole if self.path is None else field(json_object(whole), self.path)

    def filled(self, df: pl.DataFrame) -> pl.Expr:
        """The text, null where it is empty."""
        text = self.text(df)
        return pl.when(text != "").then(text)

    def count(self, df: pl.DataFrame) -> pl.Expr:
        """A count as Int64; null unless it is a whole number from 0 to 2**53."""
        name = count_column(self.key)
        return pl.col(name) if self.is_plain and name in df.columns else count(self.text(df).str.strip_chars())

    def amount(self, df: pl.DataFrame) -> pl.Expr:
        """An amount as Decimal(18, 6); null unless it is a number from 0 on."""
        text = self.text(df).str.strip_chars()
        return pl.when(text.str.contains(_AMOUNT_TEXT)).then(text).cast(AMOUNT, strict=False)

    def boolean(self, df: pl.DataFrame) -> pl.Expr:
        """True or false, in any case; else null."""
        return as_bool(self.text(df))

    def _whole(self, df: pl.DataFrame) -> pl.Expr:
        if self.of_resource:
            name = resource_column(self.key)
        elif count_column(self.key) in df.columns:  # another dialect counts with it
            return pl.col(count_column(self.key)).cast(pl.String)
        else:
            name = column(self.key)
        return pl.col(name) if name in df.columns else pl.lit(None, dtype=pl.String)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for every span."""

    value: str | int | bool | Decimal

    def expression(self, dtype: pl.DataType) -> pl.Expr:
        """The value as a literal."""
        return pl.lit(self.value, dtype=dtype)


Source = Attribute | Constant


def sources_of(given: Any, place: str, dtype: pl.DataType) -> tuple[Source, ...]:
    """Read where a field of this type comes from: one place, or a list of places of which the first present counts.

    ``place`` names the key in the configuration. Raises DialectError.
    """
    listed = given if isinstance(given, list) else [given]
    if not listed:
        raise DialectError(f"{place}: an empty list")
    return tuple(
        Constant(_constant(item["value"], place, dtype))
        if isinstance(item, dict) and set(item) == {"value"}
        else attribute_of(item, place)
        for item in listed
    )


def attribute_of(given: Any, place: str) -> Attribute:
    """Read the name of an attribute, as text or as a table. Raises DialectError."""
    if isinstance(given, str):
        of_resource = given.startswith(_RESOURCE)
        key, colon, path = given.removeprefix(_RESOURCE).partition(":")
        return _checked(Attribute(key, path if colon else None, of_resource), place)
    if isinstance(given, dict) and all(isinstance(value, str) for value in given.values()):
        where = set(given) - {"path"}
        if where in ({"attribute"}, {"resource"}):
            (kind,) = where
            return _checked(Attribute(given[kind], given.get("path"), kind == "resource"), place)
    raise DialectError(
        f"{place}: must be the name of an attribute, a list of names, "
        'or a table such as { value = "..." } or { attribute = "...", path = "..." }'
    )


def first_of(sources: tuple[Source, ...], df: pl.DataFrame, dtype: pl.DataType) -> pl.Expr:
    """The first of the sources that has a value of this type."""
    return pl.coalesce([_value(source, df, dtype) for source in sources])


def _value(source: Source, df: pl.DataFrame, dtype: pl.DataType) -> pl.Expr:
    if isinstance(source, Constant):
        return source.expression(dtype)
    if dtype == pl.Int64:
        return source.count(df)
    if dtype == pl.Boolean:
        return source.boolean(df)
    return source.amount(df) if dtype == AMOUNT else source.filled(df)


def _checked(attribute: Attribute, place: str) -> Attribute:
    if not attribute.key:
        raise DialectError(f"{place}: the attribute's name is empty")
    if disposition(attribute.key) is Disposition.SECRET:
        raise DialectError(f"{place}: {attribute.key!r} is named like a credential, and those are never read")
    if attribute.path is not None and not _PATH.fullmatch(attribute.path):
        raise DialectError(f"{place}: {attribute.path!r} is no path; write usage.input or choices[0]['in-tokens']")
    return attribute


def _constant(value: Any, place: str, dtype: pl.DataType) -> str | int | bool | Decimal:
    if dtype == pl.Boolean:
        if isinstance(value, bool):
            return value
        raise DialectError(f"{place}: must be true or false")
    if dtype == pl.String:
        if isinstance(value, str) and value:
            return value
        raise DialectError(f"{place}: must be a text that is not empty")
    if dtype == AMOUNT and isinstance(value, str | int) and not isinstance(value, bool):
        return _amount(value, place)
    if dtype == pl.Int64 and isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT:
        return value
    raise DialectError(f"{place}: must be a number from 0 on" + (' written as text, "1.5"' if dtype == AMOUNT else ""))


def _amount(value: str | int, place: str) -> Decimal:
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (0 <= amount < 10**12 and amount == round(amount, 6)):
        raise DialectError(f"{place}: must be a number from 0 on with at most 6 decimals")
    return amount
