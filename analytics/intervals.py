"""Which spans ran inside, or at the same time as, others of their kind; without ever pairing all with all.

Spans are given by columns that say who may meet (`by`), and start and end (integers, both inclusive). Times become
ranks over (by, time): one comparison of ranks then compares both, and joins make only the pairs that hold.
"""

from collections.abc import Sequence

import polars as pl


def within(outer: pl.DataFrame, inner: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Pairs where `inner` ran within `outer`; the columns of inner get the suffix '_inner'."""
    outer, inner = _ranked([outer, inner], by)
    return outer.join_where(
        inner, pl.col("low") <= pl.col("low_inner"), pl.col("high") >= pl.col("high_inner"), suffix="_inner"
    )


def overlapping(spans: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Pairs of spans that ran at the same time, both ways round and each with itself; the other's columns end in _b."""
    (ranked,) = _ranked([spans], by)
    return ranked.join_where(ranked, pl.col("low") <= pl.col("high_b"), pl.col("high") >= pl.col("low_b"), suffix="_b")


def started_within(outer: pl.DataFrame, inner: pl.DataFrame, by: Sequence[str]) -> pl.Series:
    """For each of `outer`, how many of `inner` started while it ran."""
    outer, inner = _ranked([outer, inner], by)
    starts = inner["low"].sort()
    return starts.search_sorted(outer["high"], side="right") - starts.search_sorted(outer["low"], side="left")


def crowd(spans: pl.DataFrame, by: Sequence[str]) -> pl.Series:
    """For each span, how many ran at the same time, itself included."""
    (ranked,) = _ranked([spans], by)
    begun = ranked["low"].sort().search_sorted(ranked["high"], side="right")
    over = ranked["high"].sort().search_sorted(ranked["low"], side="left")
    return begun - over


def _ranked(frames: Sequence[pl.DataFrame], by: Sequence[str]) -> list[pl.DataFrame]:
    """Add low and high: the ranks of (by, start) and (by, end) among all times of the frames. Rows keep their order."""
    times = pl.concat([frame.select(*by, pl.col(side).alias("time")) for frame in frames for side in ("start", "end")])
    ranks = times.unique().sort(*by, "time").with_row_index("rank").with_columns(pl.col("rank").cast(pl.Int64))
    ranked = []
    for frame in frames:
        for side, rank in (("start", "low"), ("end", "high")):
            frame = frame.join(
                ranks.rename({"rank": rank}),
                left_on=[*by, side],
                right_on=[*by, "time"],
                how="left",
                maintain_order="left",
            )
        ranked.append(frame)
    return ranked
