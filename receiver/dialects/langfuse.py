"""Langfuse SDK: usage is a JSON object in one of three schemas.

Raw provider usage (OpenAI chat or Responses, Anthropic) is read by the provider's rule. Langfuse's own buckets are
mutually exclusive: input leaves out cached and audio tokens, output leaves out reasoning, so they are added up.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading, present
from receiver.dialects.gen_ai import gen_ai_variant
from receiver.dialects.payload import TIERS, count_field, field, json_object, tier_of, tiered, unquoted
from receiver.dialects.raw_usage import prefer, raw_usage
from receiver.dialects.roles import role
from receiver.wide import attr, first

_PREFIX: Final = "langfuse.observation."
USAGE: Final = _PREFIX + "usage_details"
COST: Final = _PREFIX + "cost_details"
TYPE: Final = _PREFIX + "type"
MODEL: Final = _PREFIX + "model.name"
OUTPUT: Final = _PREFIX + "output"
TIER: Final = _PREFIX + "metadata.service_tier"
ASKED: Final = _PREFIX + "metadata.ls_model_name"
PROVIDER: Final = _PREFIX + "metadata.ls_provider"
LEVEL: Final = _PREFIX + "level"
KINDS: Final = ("generation", "embedding")


def _detect(df: pl.DataFrame) -> pl.Expr:
    return present(df, TYPE, USAGE, MODEL) | (pl.col("scope_name") == "langfuse-sdk")


def _prepare(df: pl.DataFrame) -> pl.DataFrame:
    return df.with_columns(_usage=json_object(attr(df, USAGE)))


def _buckets(usage: pl.Expr) -> Reading:
    read = count_field(usage, *tiered("input_", "cache_read"), "input_cached_tokens", "cache_read_input_tokens")
    written = count_field(usage, *tiered("input_", "cache_creation"), "cache_creation_input_tokens")
    short = count_field(usage, "input_ephemeral_5m_input_tokens")
    long = count_field(usage, "input_ephemeral_1h_input_tokens")
    # LangChain sets the plain bucket to zero once it has split the writes by time to live.
    split = pl.when(short.is_not_null() | long.is_not_null()).then(short.fill_null(0) + long.fill_null(0))
    audio_in = count_field(usage, *tiered("input_", "audio"))
    audio_out = count_field(usage, *tiered("output_", "audio"))
    reasoning = count_field(usage, *tiered("output_", "reasoning"), "output_reasoning_tokens")
    # With a service tier, what is left of a whole after its parts is in a bucket of the tier's name.
    rest_in = count_field(usage, *(f"input_{tier}" for tier in TIERS))
    rest_out = count_field(usage, *(f"output_{tier}" for tier in TIERS))
    return {
        "input": _sum(count_field(usage, "input"), read, pl.max_horizontal(written, split), audio_in, rest_in),
        "output": _sum(count_field(usage, "output"), reasoning, audio_out, rest_out),
        "service_tier": tier_of(usage, "input_"),
        "cache_read": read,
        "cache_write": written,
        "cache_write_5m": short,
        "cache_write_1h": long,
        "reasoning": reasoning,
        "audio_input": audio_in,
        "audio_output": audio_out,
        "exclusive": pl.lit(value=False),
    }


def _sum(whole: pl.Expr, *parts: pl.Expr) -> pl.Expr:
    """The bucket and its siblings together, null where the bucket itself is absent."""
    return pl.sum_horizontal([whole, *(part.fill_null(0) for part in parts)], ignore_nulls=False)


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    usage = pl.col("_usage")
    bucketed = field(usage, "input").is_not_null() | field(usage, "output").is_not_null()
    native, buckets = raw_usage(usage), _buckets(usage)
    shown = {name: pl.when(bucketed).then(buckets.get(name, pl.lit(None))).otherwise(native[name]) for name in native}
    kind = attr(df, TYPE).str.to_lowercase()
    return {
        **prefer(shown, base),
        "raw": usage.is_not_null(),
        "role": role(kind.is_in(KINDS)),
        "marker": kind.is_in(KINDS),
        "operation": kind,
        "provider": pl.coalesce(first(df, PROVIDER), base["provider"]),
        "request_model": pl.coalesce(unquoted(first(df, ASKED)), base["request_model"]),
        "response_model": pl.coalesce(first(df, MODEL), base["response_model"]),
        "service_tier": pl.coalesce(first(df, TIER), shown["service_tier"], base["service_tier"]),
        "reported_cost": pl.coalesce(field(json_object(attr(df, COST)), "total"), base["reported_cost"]),
        "response_id": pl.coalesce(base["response_id"], field(json_object(attr(df, OUTPUT)), "id")),
        "error": pl.coalesce(base["error"], pl.when(attr(df, LEVEL) == "ERROR").then(pl.lit("ERROR"))),
    }


LANGFUSE = gen_ai_variant(
    "langfuse",
    _detect,
    keys=(USAGE, COST, TYPE, MODEL, OUTPUT, TIER, ASKED, PROVIDER, LEVEL),
    prepare=_prepare,
    change=_change,
)
