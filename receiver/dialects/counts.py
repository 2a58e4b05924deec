"""Count attributes as integers, converted once per batch instead of once per dialect that asks.

``with_counts`` turns the String column ``@KEY`` into the Int64 column ``#KEY``. Nearly all senders write plain
integers, which a cast reads; only a column with anything else goes the careful way of ``receiver.wide``.
"""

from collections.abc import Iterable

import polars as pl

from receiver.wide import LARGEST_COUNT, attr_int, column


def count_column(key: str) -> str:
    """Name of the integer column of a count attribute."""
    return "#" + key


def with_counts(spans: pl.DataFrame, keys: Iterable[str]) -> pl.DataFrame:
    """Replace the wide String columns of the given keys by Int64 ones, null where the text is no valid count."""
    seen = [key for key in keys if column(key) in spans.columns]
    return spans.with_columns([_counts(spans, key) for key in seen]).drop([column(key) for key in seen])


def count_attr(df: pl.DataFrame, *keys: str) -> pl.Expr:
    """The first of the count attributes that has a valid value, as Int64."""
    present = [pl.col(count_column(key)) for key in keys if count_column(key) in df.columns]
    return pl.coalesce(present) if present else pl.lit(None, dtype=pl.Int64)


def _counts(spans: pl.DataFrame, key: str) -> pl.Series:
    text = spans[column(key)]
    counts = text.cast(pl.Int64, strict=False)
    valid = counts.is_between(0, LARGEST_COUNT).all()  # nulls do not count against it
    if counts.null_count() > text.null_count() or not valid:
        counts = spans.select(attr_int(spans, key)).to_series()
    return counts.rename(count_column(key))
