"""Read the decoder's ``@KEY`` columns without caring whether a key occurred in this batch.

A wide column exists only when its key was seen, so plain ``pl.col("@key")`` fails on batches without it. These helpers
give a typed null instead. All are expressions: nothing is computed until the caller selects them.
"""

from typing import Final

import polars as pl

LARGEST_COUNT: Final = 2**53
"""Counts above this are refused: a double cannot hold them exactly and no model call has used so many units."""

_NUMERIC: Final = r"^\+?\d+(?:\.0*)?$"
_SCIENTIFIC: Final = r"^\+?\d+(?:\.\d*)?[eE]\+?\d+$"


def column(key: str) -> str:
    """Name of the wide column of a span attribute."""
    return "@" + key


def resource_column(key: str) -> str:
    """Name of the wide column of a resource attribute."""
    return "@r:" + key


def has(df: pl.DataFrame, key: str) -> bool:
    """Whether any span of the batch carries the attribute."""
    return column(key) in df.columns


def attr(df: pl.DataFrame, key: str) -> pl.Expr:
    """The attribute as String, null where a span has none (or the whole batch has none)."""
    return _text(df, column(key)).alias(key)


def resource_attr(df: pl.DataFrame, key: str) -> pl.Expr:
    """The resource attribute as String, null where absent."""
    return _text(df, resource_column(key)).alias(key)


def first(df: pl.DataFrame, *keys: str) -> pl.Expr:
    """The first of the attributes that is neither absent nor empty, as String."""
    return _first_filled(df, [column(key) for key in keys])


def first_resource(df: pl.DataFrame, *keys: str) -> pl.Expr:
    """The first of the resource attributes that is neither absent nor empty, as String."""
    return _first_filled(df, [resource_column(key) for key in keys])


def attr_int(df: pl.DataFrame, *keys: str) -> pl.Expr:
    """The first of the attributes that is a valid count, as Int64.

    Takes integers, integral doubles (``3.0``, ``1e3``) and numeric strings. Negative, fractional, NaN, infinite or
    absurdly large values are no counts: they are passed over, so the next key may still answer.
    """
    present = [name for name in map(column, keys) if name in df.columns]
    if not present:
        return pl.lit(None, dtype=pl.Int64)
    return pl.coalesce([_as_count(pl.col(name)) for name in present])


def attr_bool(df: pl.DataFrame, *keys: str) -> pl.Expr:
    """The first of the attributes that says true or false (any case), as Boolean."""
    present = [name for name in map(column, keys) if name in df.columns]
    if not present:
        return pl.lit(None, dtype=pl.Boolean)
    return pl.coalesce([as_bool(pl.col(name)) for name in present])


def _text(df: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name) if name in df.columns else pl.lit(None, dtype=pl.String)


def _first_filled(df: pl.DataFrame, names: list[str]) -> pl.Expr:
    filled = [pl.when(pl.col(name) != "").then(pl.col(name)) for name in names if name in df.columns]
    return pl.coalesce(filled) if filled else pl.lit(None, dtype=pl.String)


def _as_count(text: pl.Expr) -> pl.Expr:
    """String to Int64; through Float64 only where the text is in scientific notation."""
    stripped = text.str.strip_chars()
    plain = stripped.str.contains(_NUMERIC)
    whole = pl.when(plain).then(stripped.str.strip_prefix("+").str.replace(r"\.0*$", "")).cast(pl.Int64, strict=False)
    scientific = pl.when(stripped.str.contains(_SCIENTIFIC)).then(stripped).cast(pl.Float64, strict=False)
    integral = scientific.is_finite() & (scientific == scientific.floor()) & (scientific <= LARGEST_COUNT)
    number = pl.when(plain).then(whole).when(integral).then(scientific.cast(pl.Int64, strict=False))
    return pl.when(number.is_between(0, LARGEST_COUNT)).then(number)


def as_bool(text: pl.Expr) -> pl.Expr:
    """Text that says true or false, in any case, as Boolean; else null."""
    lowered = text.str.strip_chars().str.to_lowercase()
    return pl.when(lowered == "true").then(pl.lit(True)).when(lowered == "false").then(pl.lit(False))
