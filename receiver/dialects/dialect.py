"""What a dialect is: a name, the attribute keys it needs, how to recognise its spans and how to read them."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from receiver.wide import column

Reading = dict[str, pl.Expr]
"""Expressions for fields of ``READING_SCHEMA``; a field that is left out is unknown."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One instrumentation's way of writing model calls into spans.

    ``detect`` and ``read`` receive a spans frame (to see which ``@KEY`` columns it has) and answer with expressions
    over it; neither looks at values itself.
    """

    name: str
    keys: frozenset[str]
    detect: Callable[[pl.DataFrame], pl.Expr]
    read: Callable[[pl.DataFrame], Reading]


def present(df: pl.DataFrame, *keys: str) -> pl.Expr:
    """Whether a span carries any of the attributes (empty values count)."""
    columns = [pl.col(column(key)).is_not_null() for key in keys if column(key) in df.columns]
    return pl.any_horizontal(columns) if columns else pl.lit(value=False)


def scope_is(*names: str) -> pl.Expr:
    """Whether the instrumentation scope is one of these."""
    return pl.col("scope_name").is_in(names)


def scope_starts(*prefixes: str) -> pl.Expr:
    """Whether the instrumentation scope's name begins with one of these."""
    return pl.any_horizontal([pl.col("scope_name").str.starts_with(prefix) for prefix in prefixes])


def note_when(condition: pl.Expr, code: str) -> pl.Expr:
    """The note ``code`` where the condition holds, else null."""
    return pl.when(condition).then(pl.lit(code))
