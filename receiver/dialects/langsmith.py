"""LangSmith's OpenTelemetry export: totals as attributes, their parts in the JSON of ``usage_metadata``.

Parts of a call with a service tier are named after it (``flex_cache_read``). What the model answered is in
``gen_ai.completion``, when outputs are shown: LangChain's metadata about it has the response's model, id and tier.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading, present
from receiver.dialects.gen_ai import gen_ai_variant
from receiver.dialects.payload import count_field, field, json_object, langchain_answer, tier_of, tiered, unquoted
from receiver.dialects.raw_usage import prefer
from receiver.dialects.roles import role
from receiver.wide import attr, first

KIND: Final = "langsmith.span.kind"
USAGE: Final = "langsmith.metadata.usage_metadata"
PROVIDER: Final = "langsmith.metadata.ls_provider"
MODEL: Final = "langsmith.metadata.ls_model_name"
ANSWER: Final = "gen_ai.completion"


def _prepare(df: pl.DataFrame) -> pl.DataFrame:
    answer = json_object(attr(df, ANSWER))
    return df.with_columns(_usage=json_object(attr(df, USAGE)), _about=langchain_answer(answer))


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    kind, usage, about = attr(df, KIND).str.to_lowercase(), pl.col("_usage"), pl.col("_about")
    short = count_field(usage, "input_token_details.ephemeral_5m_input_tokens")
    long = count_field(usage, "input_token_details.ephemeral_1h_input_tokens")
    written = count_field(usage, *tiered("input_token_details.", "cache_creation"))
    # LangChain sets the plain counter to zero once it has split the writes by time to live.
    split = (short.is_not_null() | long.is_not_null()) & (written == 0)
    parts = {
        "input": count_field(usage, "input_tokens"),
        "output": count_field(usage, "output_tokens"),
        "total": count_field(usage, "total_tokens"),
        "cache_read": count_field(usage, *tiered("input_token_details.", "cache_read")),
        "cache_write": pl.when(~split.fill_null(value=False)).then(written),
        "cache_write_5m": short,
        "cache_write_1h": long,
        "reasoning": count_field(usage, *tiered("output_token_details.", "reasoning")),
        "audio_input": count_field(usage, *tiered("input_token_details.", "audio")),
        "audio_output": count_field(usage, *tiered("output_token_details.", "audio")),
    }
    return {
        **prefer(parts, base),
        "role": role(kind.is_in(("llm", "embedding")) | kind.is_null()),
        "marker": kind.is_in(("llm", "embedding")),
        "operation": pl.coalesce(base["operation"], kind),
        "provider": pl.coalesce(first(df, PROVIDER), base["provider"]),
        "request_model": pl.coalesce(base["request_model"], unquoted(first(df, MODEL))),
        "response_model": pl.coalesce(base["response_model"], field(about, "model_name"), field(about, "model")),
        "response_id": pl.coalesce(base["response_id"], field(about, "id")),
        "service_tier": pl.coalesce(
            base["service_tier"],
            field(about, "service_tier"),
            field(about, "usage.service_tier"),
            tier_of(usage, "input_token_details."),
        ),
    }


LANGSMITH = gen_ai_variant(
    "langsmith",
    lambda df: present(df, KIND) | (pl.col("scope_name") == "langsmith"),
    keys=(KIND, USAGE, PROVIDER, MODEL, ANSWER),
    prepare=_prepare,
    change=_change,
)
