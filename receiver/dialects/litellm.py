"""LiteLLM's OpenTelemetry callback: totals as attributes, the parts in the Python repr of a usage object.

Its child span ``raw_gen_ai_request`` holds the provider's exchange and is no second call: it has no usage attributes.
On streams the response model merely repeats the request.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading
from receiver.dialects.gen_ai import gen_ai_variant
from receiver.dialects.payload import repr_to_json
from receiver.dialects.raw_usage import prefer, raw_usage
from receiver.wide import attr, attr_bool, first

USAGE: Final = "metadata.usage_object"
ROUTED: Final = "litellm.provider.model"


def _prepare(df: pl.DataFrame) -> pl.DataFrame:
    return df.with_columns(_usage=repr_to_json(attr(df, USAGE)))


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    parts = raw_usage(pl.col("_usage"))
    streamed = attr_bool(df, "llm.is_streaming").fill_null(value=False)
    echo = streamed & (base["response_model"] == base["request_model"]).fill_null(value=False)
    routed = first(df, ROUTED).str.extract(r"^([^/]+)/", 1)
    detailed = prefer(parts, base)
    return {
        **detailed,
        "service_tier": pl.coalesce(base["service_tier"], parts["service_tier"]),
        "reported_cost": pl.coalesce(base["reported_cost"], parts["reported_cost"]),
        "provider": pl.coalesce(base["provider"], routed),
        "response_model": pl.when(~echo).then(base["response_model"]),
    }


LITELLM = gen_ai_variant(
    "litellm",
    lambda df: pl.col("scope_name") == "litellm",
    keys=(USAGE, ROUTED, "llm.is_streaming"),
    prepare=_prepare,
    change=_change,
)
