"""Turn what a span says about usage into the calls frame's counts: one meaning, whatever the dialect meant.

Whether the input counter includes cached tokens is decided per span, by the strongest evidence there is:

1. a provider's own usage object on the span, read by that provider's rule;
2. arithmetic: an input smaller than its cached parts cannot include them;
3. a total that only adds up when the cached parts come on top;
4. what is known about the instrumentation (``exclusive`` in the reading);
5. else inclusive, as the semantic conventions say, noted as ``inclusive_assumed``.

Notes: ``ttl_assumed`` (cache writes without a time to live, taken as 5 minutes), ``inclusive_assumed``, ``clamped``
(a part was larger than its whole), ``audio_unknown`` (a model that hears or speaks, and nobody says how much of it was
audio: the cost is a lower bound), ``zero_suspect`` (all zero: no call uses nothing, so it is missing),
``reasoning_gap`` (Gemini thoughts added to the output), ``input_missing``, ``output_missing``, ``provider_inferred``,
and what dialects add, such as ``cache_unknown`` (this instrumentation drops cache counts: the cost is an upper bound).
"""

from typing import Final

import polars as pl

COUNTS: Final = {
    "input_tokens": "input",
    "cache_read_tokens": "cache_read",
    "cache_write_5m_tokens": "cache_write_5m",
    "cache_write_1h_tokens": "cache_write_1h",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
    "audio_input_tokens": "audio_input",
    "audio_output_tokens": "audio_output",
    "image_input_tokens": "image_input",
    "image_output_tokens": "image_output",
    "search_requests": "search_requests",
    "requests": "requests",
    "images": "images",
    "audio_seconds": "audio_seconds",
    "video_seconds": "video_seconds",
    "characters": "characters",
    "pages": "pages",
}
"""Column of the calls frame -> field of the reading."""

BY_AMOUNT: Final = ("images", "audio_seconds", "video_seconds", "characters", "pages")
"""What calls are charged by that have no tokens."""

_AUDIO_MODELS: Final = r"(?i)audio|realtime|transcribe|-tts"

_NO_OUTPUT: Final = ("embeddings", "rerank", "moderation", "audio", "image", "ocr")


def settle_usage(readings: pl.DataFrame) -> pl.DataFrame:
    """Add the calls frame's counts, ``usage_source`` and ``usage_note`` to readings.

    Needs the reading's counts, ``exclusive``, ``raw``, ``estimated``, ``note``, canonical ``provider`` and
    ``operation``, and ``provider_inferred``. Counts are Int64 >= 0 or null; without usage all are null.
    """
    return (
        readings.lazy()
        .pipe(_settle_writes)
        .pipe(_settle_inclusion)
        .pipe(_settle_output)
        .pipe(_settle_parts)
        .pipe(_settle_source)
        .collect()
    )


def _settle_writes(readings: pl.LazyFrame) -> pl.LazyFrame:
    """Split cache writes by time to live; what is unsplit counts as 5 minutes."""
    short, long = pl.col("cache_write_5m"), pl.col("cache_write_1h")
    split = short.fill_null(0) + long.fill_null(0)
    unsplit = short.is_null() & long.is_null()
    total = pl.when(unsplit).then(pl.col("cache_write")).otherwise(pl.max_horizontal("cache_write", split))
    hour = pl.when(long.is_not_null()).then(long).when(short.is_not_null()).then(total - short)
    return readings.with_columns(
        cache_write=total,
        cache_write_1h=pl.when(total == 0).then(0).otherwise(hour),
        cache_write_5m=total - hour.fill_null(0),
        ttl_assumed=(total > 0) & (unsplit | (short.is_not_null() & long.is_not_null() & (split < total))),
        clamped=~unsplit & (pl.col("cache_write") > 0) & (pl.col("cache_write") < split),
    )


def _settle_inclusion(readings: pl.LazyFrame) -> pl.LazyFrame:
    """Make ``input`` the inclusive total."""
    cached = pl.col("cache_read").fill_null(0) + pl.col("cache_write").fill_null(0)
    said, stated, total = pl.col("input"), pl.col("exclusive"), pl.col("total")
    raw = pl.col("raw").fill_null(value=False) & stated.is_not_null()
    proof = (said < cached).fill_null(value=False)
    adds_up = (cached > 0) & (total == said + pl.col("output").fill_null(0) + cached)
    # Gemini's total has thoughts beside the output, which may happen to equal the cached part; its input is inclusive.
    told = (adds_up & (pl.col("provider") != "google").fill_null(value=True)).fill_null(value=False)
    exclusive = (
        pl.when(raw).then(stated).when(proof | told).then(pl.lit(value=True)).otherwise(stated.fill_null(value=False))
    )
    return readings.with_columns(
        input=pl.when(said.is_null())
        .then(pl.when(cached > 0).then(cached))
        .when(exclusive)
        .then(said + cached)
        .otherwise(pl.max_horizontal(said, cached)),
        input_missing=said.is_null(),
        inclusive_assumed=(cached > 0) & said.is_not_null() & stated.is_null() & ~proof & ~told,
        clamped=pl.col("clamped").fill_null(value=False) | (proof & ~exclusive),
    )


def _settle_output(readings: pl.LazyFrame) -> pl.LazyFrame:
    """Add Gemini thoughts that an instrumentation left out of the output: the gap to the total shows them."""
    gap = pl.col("total") - pl.col("input") - pl.col("output")
    unseen = pl.when(pl.col("reasoning") > pl.col("output")).then(pl.col("reasoning"))
    thoughts = pl.when(pl.col("provider") == "google").then(pl.coalesce(pl.when(gap > 0).then(gap), unseen))
    return readings.with_columns(
        output=pl.col("output") + thoughts.fill_null(0),
        reasoning=pl.coalesce("reasoning", thoughts),
        reasoning_gap=thoughts.is_not_null(),
    )


def _settle_parts(readings: pl.LazyFrame) -> pl.LazyFrame:
    """No part may exceed its whole."""
    wholes = {
        "reasoning": "output",
        "audio_input": "input",
        "audio_output": "output",
        "image_input": "input",
        "image_output": "output",
    }
    too_large = [(pl.col(part) > pl.col(whole)).fill_null(value=False) for part, whole in wholes.items()]
    return readings.with_columns(
        [_part_of(pl.col(part), pl.col(whole)).alias(part) for part, whole in wholes.items()]
        + [pl.any_horizontal("clamped", *too_large).alias("clamped")]
    )


def _part_of(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """The part, at most its whole; null where either is unknown."""
    return pl.when(part <= whole).then(part).when(part > whole).then(whole)


def _settle_source(readings: pl.LazyFrame) -> pl.LazyFrame:
    """Decide whether there is usage at all, and write down everything that was assumed about it."""
    amounts = ("input", "output", "requests", "search_requests", *BY_AMOUNT)
    said = pl.any_horizontal([pl.col(name).is_not_null() for name in amounts])
    zero = said & ~pl.any_horizontal([(pl.col(name) > 0).fill_null(value=False) for name in amounts])
    usable = said & ~zero
    notes = [
        pl.when(usable | (pl.col("note") != "cache_unknown")).then(pl.col("note")),
        _note(usable & pl.col("ttl_assumed"), "ttl_assumed"),
        _note(usable & pl.col("inclusive_assumed"), "inclusive_assumed"),
        _note(usable & pl.col("clamped"), "clamped"),
        _note(usable & pl.col("reasoning_gap"), "reasoning_gap"),
        _note(usable & pl.col("input_missing") & ~pl.col("operation").is_in(_NO_OUTPUT), "input_missing"),
        _note(usable & pl.col("output").is_null() & ~pl.col("operation").is_in(_NO_OUTPUT), "output_missing"),
        _note(usable & _unheard(), "audio_unknown"),
        _note(zero, "zero_suspect"),
        _note(pl.col("provider_inferred"), "provider_inferred"),
    ]
    source = (
        pl.when(~usable).then(pl.lit("missing"))
        .when(pl.col("estimated").fill_null(value=False)).then(pl.lit("estimated"))
        .otherwise(pl.lit("reported"))
    )  # fmt: skip
    joined = pl.concat_str(notes, separator=",", ignore_nulls=True)
    return readings.with_columns(
        [pl.when(usable).then(pl.col(field)).alias(name) for name, field in COUNTS.items() if name != field]
        + [pl.when(usable).then(pl.col(name)).alias(name) for name, field in COUNTS.items() if name == field]
        + [
            source.alias("usage_source"),
            pl.when(joined.str.len_bytes() > 0).then(joined).alias("usage_note"),
        ]
    )


def _unheard() -> pl.Expr:
    """Token counts of a model that hears or speaks, without the audio among them."""
    tokens = (pl.col("input") > 0).fill_null(value=False) | (pl.col("output") > 0).fill_null(value=False)
    model = pl.coalesce("response_model", "request_model")
    return (
        tokens & model.str.contains(_AUDIO_MODELS) & pl.col("audio_input").is_null() & pl.col("audio_output").is_null()
    )


def _note(condition: pl.Expr, code: str) -> pl.Expr:
    return pl.when(condition.fill_null(value=False)).then(pl.lit(code))
