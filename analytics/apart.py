"""Twins without a common response id in different traces: a framework's callback beside the client it called, and the
two halves of a stream. See `analytics.likeness` for who may meet whom.

Safe before clever: one process, opposite sides, equal usage, the same time, a model in common, nobody known to be
another customer's; always one to one, the closest first.
"""

import polars as pl

from analytics.frames import IDENTITY, SPAN_KEY
from analytics.intervals import started_within
from analytics.likeness import REACH_US, give_or_take, sides
from analytics.twins import CROWD, MODELS, apart, has_own_id, ordered

BEFORE_US = 50_000
"""A client's call may seem to begin so long before the callback that called it: clocks are read at different places."""

AFTER_US = 2_000_000
"""A framework begins at most so long before the client does."""

JITTER_US = 5_000
"""A stream's record may seem to begin so long before its request ended."""


def stream_pairs(frame: pl.DataFrame) -> pl.DataFrame:
    """Pairs of a stream's request and its record, for `join_pairs`: the record began as the request ended."""
    pairs = _meetings(frame, "q", "r")
    if pairs.is_empty():
        return pairs
    gap = pl.col("meets_b") - pl.col("meets")
    pairs = pairs.filter(gap.is_between(-JITTER_US, REACH_US))
    return _one_to_one(pairs, frame, pl.col("likeness").str.head(1))


def apart_pairs(frame: pl.DataFrame) -> pl.DataFrame:
    """Pairs of a framework's callback and a client's call in different traces, for `join_pairs`.

    Alike: one process, other trace, other scope, equal input tokens, output tokens within 1, a model in common, not
    both with the provider's id, begun and ended together.
    """
    pairs = _meetings(frame, "o", "i")
    if pairs.is_empty():
        return pairs
    pairs = pairs.filter(
        pl.col("trace_id") != pl.col("trace_id_b"),
        pl.col("scope") != pl.col("scope_b"),
        ~(pl.col("known") & pl.col("known_b")),
        pl.col("models").list.set_intersection(pl.col("models_b")).list.len() > 0,
        (pl.col("start_b") - pl.col("start")).is_between(-BEFORE_US, AFTER_US),
        (pl.col("end_b") - pl.col("end")).abs() <= REACH_US,
        pl.col("start_b") <= pl.col("end"),
    )
    return _one_to_one(pairs, frame, pl.col("scope_name").fill_null(""))


def _meetings(frame: pl.DataFrame, side: str, other: str) -> pl.DataFrame:
    """Rows of one side beside every row of the other that they meet, whose columns end in _b; crowds left out."""
    alike = sides(frame.filter(pl.col("component").is_not_null(), pl.col("likeness").is_not_null()))
    start = pl.col("occurred_at").dt.epoch("us")
    alike = alike.select(
        *SPAN_KEY, "component", "side", "same", "meets",
        pl.col("scope_name").fill_null("").alias("scope"),
        "output",
        has_own_id().alias("known"),
        MODELS.alias("models"),
        start.alias("start"),
        (start + pl.col("duration_ns").fill_null(0) // 1000).alias("end"),
    )  # fmt: skip
    one, two = (alike.filter(pl.col("side") == letter) for letter in (side, other))
    one, two = one.join(two, on="same", how="semi"), two.join(one, on="same", how="semi")
    if one.is_empty():
        return pl.DataFrame()
    one, two = one.filter(_met(one, two) <= CROWD), two.filter(_met(two, one) <= CROWD)
    # a row lies in one slot and looks into the neighbouring ones as well, so no pair is made that is far apart
    slot = pl.col("meets") // REACH_US
    slots = give_or_take(one.with_columns(slot=pl.concat_list(slot - 1, slot, slot + 1)).explode("slot"))
    pairs = slots.join(two.with_columns(slot=slot), on=["same", "output", "slot"], suffix="_b").drop("slot", "output")
    return pairs.filter(
        pl.col("component") != pl.col("component_b"),
        (pl.col("meets") - pl.col("meets_b")).abs() <= REACH_US,
    )


def _met(rows: pl.DataFrame, others: pl.DataFrame) -> pl.Series:
    """For each row, how many of the others it meets."""
    meets = pl.col("meets")
    around = rows.with_row_index("row").select("row", "same", "output", start=meets - REACH_US, end=meets + REACH_US)
    around = give_or_take(around)
    there = others.select("same", "output", start=meets, end=meets)
    counted = around.with_columns(started_within(around, there, ["same", "output"]).alias("met"))
    return counted.group_by("row", maintain_order=True).agg(pl.col("met").sum())["met"]


def _one_to_one(pairs: pl.DataFrame, frame: pl.DataFrame, kind: pl.Expr) -> pl.DataFrame:
    """Pairs in order, without those of components that hold rows of one kind already, or other people's."""
    if pairs.is_empty():
        return pl.DataFrame()
    pairs = pairs.with_row_index("pair")
    members = frame.filter(pl.col("component").is_not_null()).select("component", kind.alias("kind"))
    pairs = apart(pairs, members.filter(pl.col("kind").is_not_null()), ["kind"])
    known = frame.filter(pl.col("component").is_not_null()).group_by("component").agg(
        pl.col(name).min().alias(f"known_{name}") for name in IDENTITY
    )  # fmt: skip
    pairs = pairs.join(known, on="component").join(known, left_on="component_b", right_on="component", suffix="_b")
    strangers = pl.any_horizontal(
        (pl.col(f"known_{name}") != pl.col(f"known_{name}_b")).fill_null(False) for name in IDENTITY
    )
    return ordered(pairs.filter(~strangers))
