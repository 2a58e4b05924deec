"""What a dialect is: a name, the attribute keys it needs, how to recognise its spans and how to read them."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from receiver.dialects.counts import count_column
from receiver.wide import column, resource_column

Reading = dict[str, pl.Expr]
"""Expressions for fields of ``READING_SCHEMA``; a field that is left out is unknown."""


def unchanged(df: pl.DataFrame) -> pl.DataFrame:
    """Prepare nothing."""
    return df


@dataclass(frozen=True, slots=True)
class Dialect:
    """One instrumentation's way of writing model calls into spans.

    ``detect`` and ``read`` receive a spans frame (to see which columns it has) and answer with expressions over it.
    Text attributes (``keys``) are there as ``@KEY``, counts (``counts``) already as integers, see ``counts.py``;
    attributes of the resource (``resource_keys``) as ``@r:KEY``.
    ``prepare`` may drop rows that are certainly no calls and add helper columns (``_name``), so that a document
    inside an attribute is searched once.
    """

    name: str
    keys: frozenset[str]
    counts: frozenset[str]
    detect: Callable[[pl.DataFrame], pl.Expr]
    read: Callable[[pl.DataFrame], Reading]
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = unchanged
    resource_keys: frozenset[str] = frozenset()

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns it reads, as far as a batch has them."""
        return frozenset(
            [
                *(column(key) for key in self.keys),
                *(count_column(key) for key in self.counts),
                *(resource_column(key) for key in self.resource_keys),
            ]
        )


def present(df: pl.DataFrame, *keys: str) -> pl.Expr:
    """Whether a span carries any of the attributes (empty text counts, an invalid count does not)."""
    names = [name for key in keys for name in (column(key), count_column(key)) if name in df.columns]
    return pl.any_horizontal([pl.col(name).is_not_null() for name in names]) if names else pl.lit(value=False)


def scope_is(*names: str) -> pl.Expr:
    """Whether the instrumentation scope is one of these."""
    return pl.col("scope_name").is_in(names)


def scope_starts(*prefixes: str) -> pl.Expr:
    """Whether the instrumentation scope's name begins with one of these."""
    return pl.any_horizontal([pl.col("scope_name").str.starts_with(prefix) for prefix in prefixes])


def note_when(condition: pl.Expr, code: str) -> pl.Expr:
    """The note ``code`` where the condition holds, else null."""
    return pl.when(condition).then(pl.lit(code))
