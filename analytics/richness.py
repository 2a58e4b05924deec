"""Of several spans about one call, which one tells most."""

import polars as pl

from analytics.frames import SPAN_KEY

USAGE_DETAILS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "image_output_tokens",
    "search_requests",
    "requests",
)


def has_note(note: str) -> pl.Expr:
    """Whether the comma joined `usage_note` contains a note."""
    return pl.col("usage_note").fill_null("").str.split(",").list.contains(note)


def richest_first(calls: pl.DataFrame) -> pl.DataFrame:
    """Rows ordered by how much they know, richest first; ties go to the smaller (trace_id, span_id).

    In this order: usage as the provider reported it before an estimate before none (a suspicious zero counts less);
    a call before an aggregate that stands for one; a known cost before an unknown one; more kinds of tokens known;
    the lifetime of cache writes known rather than assumed; the model that answered known.
    """
    usage = pl.col("usage_source").replace_strict({"reported": 4, "estimated": 2}, default=0, return_dtype=pl.Int8)
    order = {
        "usage": usage - has_note("zero_suspect").cast(pl.Int8),
        "call": pl.col("role") == "call",
        "known": pl.col("status").is_in(["priced", "reported"]),
        # a count that is there says something, one above zero says more: some tracers write 0 for what they lost
        "details": pl.sum_horizontal(
            pl.col(name).is_not_null().cast(pl.Int8) + (pl.col(name) > 0).fill_null(False).cast(pl.Int8)
            for name in USAGE_DETAILS
        ),
        "lifetime": ~has_note("ttl_assumed"),
        "model": pl.col("response_model").is_not_null(),
    }
    keys = [expression.cast(pl.Int8).neg().alias(f"_rich_{name}") for name, expression in order.items()]
    names = [f"_rich_{name}" for name in order]
    return calls.with_columns(keys).sort(*names, *SPAN_KEY).drop(names)
