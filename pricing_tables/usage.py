"""What of a call's usage is billed, and by which of its rate's prices: disjoint counts, or the reason why not.

Telemetry reports inclusive totals with subsets; prices are per disjoint part. A subset that its rate does not price
apart stays in the part around it.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Final

import polars as pl

from pricing_tables import amounts
from pricing_tables.units import AMOUNTS

TOKENS: Final = (
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
)
EACH: Final = ("search_requests", "requests")
MAX_TOKENS: Final = 10**9
MAX_EACH: Final = 10**6

APART: Final[dict[str, str]] = {
    "audio_input_tokens": "audio_in_apart",
    "audio_output_tokens": "audio_out_apart",
    "image_input_tokens": "image_in_apart",
    "image_output_tokens": "image_out_apart",
    "reasoning_tokens": "reasoning_apart",
}
"""Subset -> the flag of a rate that prices it apart."""

NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "input": ("input_tokens",),
    "cache_read": ("cache_read_tokens",),
    "write_5m": ("cache_write_5m_tokens",),
    "write_1h": ("cache_write_1h_tokens",),
    "output": ("output_tokens",),
    "reasoning": ("reasoning_tokens",),
    "audio_in": ("audio_input_tokens",),
    "audio_cached": ("audio_input_tokens", "cache_read_tokens"),
    "audio_out": ("audio_output_tokens",),
    "image_in": ("image_input_tokens",),
    "image_cached": ("image_input_tokens", "cache_read_tokens"),
    "image_out": ("image_output_tokens",),
    "search": ("search_requests",),
    "request": (),
}
"""Billed part -> the reported counts without which it is empty."""

UNKNOWN_MODEL: Final = 2
BLOCKED: Final = 4
OUT_OF_RANGE: Final = 14
REASONS: Final[dict[int, str]] = {
    1: "no usage",
    3: "no time",
    5: "invalid usage: a negative count",
    6: "invalid usage: a count out of range",
    7: "input tokens not reported",
    8: "output tokens not reported",
    9: "invalid usage: cached tokens exceed input tokens",
    10: "invalid usage: parts of the input exceed input tokens",
    11: "invalid usage: parts of the output exceed output tokens",
    12: "no rate for text tokens",
    13: "no rate for search requests",
    OUT_OF_RANGE: "cost out of range",
}
"""Problem code -> `rate_note`; `UNKNOWN_MODEL` and `BLOCKED` are explained by the name and by the rate."""


_NOTHING: Final = pl.lit(0, dtype=pl.Int64)

PLAIN_PARTS: Final = ("input", "cache_read", "write_5m", "write_1h", "output")
"""The parts that almost every call consists of."""


def reported_counts(calls: pl.DataFrame) -> frozenset[str]:
    """The count columns that hold anything at all in this batch; the others need no arithmetic."""
    return frozenset(name for name in (*TOKENS, *EACH, *AMOUNTS) if calls[name].null_count() < calls.height)


def parts_in(present: frozenset[str]) -> list[str]:
    """The billed parts that can be non-zero when only these counts are reported."""
    return [part for part, needs in NEEDS.items() if present.issuperset(needs)]


def split_plain(present: frozenset[str]) -> dict[str, pl.Expr]:
    """Counts (Int64) of `PLAIN_PARTS` of calls that hold no other parts; a negative one is invalid usage."""
    read, short, long = (_count(f"cache_{name}_tokens", present) for name in ("read", "write_5m", "write_1h"))
    cached = {name for name in present if name.startswith("cache_")}
    fresh = _count("input_tokens", present)
    for name in sorted(cached):
        fresh = fresh - _count(name, present)
    counts = {"input": fresh, "cache_read": read, "write_5m": short, "write_1h": long}
    return {**counts, "output": _count("output_tokens", present)}


def split(present: frozenset[str]) -> list[dict[str, pl.Expr]]:
    """Steps that add `n_PART` (Int64) for every billed part, `cached`, and the amounts; a negative part is invalid.

    Telemetry counts cached audio under both audio and cache without saying how much: it is taken to be what all the
    subsets together exceed the total by, and billed as cached.
    """

    def apart(name: str) -> pl.Expr:
        if name not in present:
            return _NOTHING
        return pl.when(pl.col(APART[name])).then(_count(name, present)).otherwise(_NOTHING)

    audio, image = apart("audio_input_tokens"), apart("image_input_tokens")
    total, read = _count("input_tokens", present), _count("cache_read_tokens", present)
    written = {f"n_write_{life}": _count(f"cache_write_{life}_tokens", present) for life in ("5m", "1h")}
    steps = [
        {
            **amounts.counts(present),
            **written,
            "cached": reduce(add, written.values(), read),
            "n_reasoning": apart("reasoning_tokens"),
            "n_audio_out": apart("audio_output_tokens"),
            "n_image_out": apart("image_output_tokens"),
            "n_search": _count("search_requests", present),
            "n_request": pl.col("requests").fill_null(1),
        }
    ]
    if present & {"audio_input_tokens", "image_input_tokens"}:
        excess = (audio + image + pl.col("cached") - total).clip(lower_bound=0)
        left = excess - pl.col("n_audio_cached"), image, read - pl.col("n_audio_cached")
        steps += [
            {"n_audio_cached": pl.min_horizontal(excess, audio, read)},
            {"n_image_cached": pl.min_horizontal(*left)},
        ]
    else:
        steps[0] |= {"n_audio_cached": _NOTHING, "n_image_cached": _NOTHING}
    steps.append(
        {
            "n_audio_in": audio - pl.col("n_audio_cached"),
            "n_image_in": image - pl.col("n_image_cached"),
            "n_cache_read": read - pl.col("n_audio_cached") - pl.col("n_image_cached"),
        }
    )
    apart_out = pl.col("n_reasoning") + pl.col("n_audio_out") + pl.col("n_image_out")
    steps.append(
        {
            "n_input": total - pl.col("cached") - pl.col("n_audio_in") - pl.col("n_image_in"),
            "n_output": _count("output_tokens", present) - apart_out,
        }
    )
    return steps


def _count(name: str, present: frozenset[str]) -> pl.Expr:
    return pl.col(name).fill_null(0) if name in present else _NOTHING


def no_usage(present: frozenset[str]) -> pl.Expr:
    """Does the call say nothing about its usage? A request count alone tells only a rate per request anything."""
    silent = [pl.col(name).is_null() for name in (*TOKENS, "search_requests", *AMOUNTS) if name in present]
    nothing = pl.all_horizontal(silent) if silent else pl.lit(value=True)
    by_request = pl.col("bills_requests_only") & pl.col("requests").is_not_null()
    return (pl.col("usage_source") == "missing").fill_null(value=False) | (nothing & ~by_request)


def problem(present: frozenset[str]) -> pl.Expr:
    """Int8 code of the first reason why a call has no price of ours, null when it has one. Needs `split`'s columns."""
    tokens = [name for name in TOKENS if name in present]
    each = [name for name in EACH if name in present]
    below, above = amounts.impossible(present)
    too_many = [*(pl.col(name) > MAX_TOKENS for name in tokens), *(pl.col(name) > MAX_EACH for name in each), *above]
    negative = [*(pl.col(name) < 0 for name in (*tokens, *each)), *below]
    # A search or a rerank is billed by itself; it need not count tokens.
    searched = pl.all_horizontal(*(pl.col(name).is_null() for name in tokens), pl.col("n_search") > 0)
    text_in = pl.col("text_in_unrated") & (pl.col("n_input") + pl.col("cached") > 0)
    checks = {
        1: no_usage(present),
        UNKNOWN_MODEL: pl.col("unknown").is_not_null(),
        3: pl.col("occurred_at").is_null(),
        BLOCKED: pl.col("blocked") & ~(pl.col("by_amount") & amounts.served(present)),
        5: pl.any_horizontal(*negative, pl.lit(value=False)),
        6: pl.any_horizontal(*too_many, pl.lit(value=False)),
        7: pl.col("bills_input") & pl.col("input_tokens").is_null() & ~searched,
        8: pl.col("bills_output") & pl.col("output_tokens").is_null() & ~searched,
        9: pl.col("cached") > pl.col("input_tokens").fill_null(0),
        10: pl.col("n_input") < 0,
        11: pl.col("n_output") < 0,
        12: text_in | (pl.col("text_out_unrated") & (pl.col("n_output") > 0)),
        13: ~pl.col("bills_searches") & (pl.col("n_search") > 0),
    }
    chosen: pl.Expr = pl.lit(None, dtype=pl.Int8)
    for code, holds in reversed(checks.items()):
        chosen = pl.when(holds).then(pl.lit(code, dtype=pl.Int8)).otherwise(chosen)
    return chosen
