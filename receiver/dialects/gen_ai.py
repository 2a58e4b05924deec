"""OpenTelemetry's GenAI conventions: every spelling that was ever standard, and the base other dialects build on.

Synonyms are alternatives for one number, never parts of it: the first that is present is taken.
Source: the semantic conventions up to 1.41, the separate genai repository after it, and recorded traffic.
"""

from collections.abc import Callable
from typing import Final

import polars as pl

from receiver.dialects.counts import count_attr
from receiver.dialects.dialect import Dialect, Reading, present, unchanged
from receiver.dialects.providers import fold_provider
from receiver.dialects.roles import is_inference, role_of_operation
from receiver.wide import attr_bool, first

OPERATION: Final = ("gen_ai.operation.name", "llm.request.type")
PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.vendor")
HOST: Final = ("gen_ai.openai.api_base", "openai.api_base", "server.address")
REQUEST_MODEL: Final = ("gen_ai.request.model", "llm.request.model")
RESPONSE_MODEL: Final = ("gen_ai.response.model", "llm.response.model")
SERVED_TIER: Final = (
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "anthropic.response.service_tier",
    "gen_ai.response.service_tier",
)
REQUESTED_TIER: Final = (
    "openai.request.service_tier",
    "gen_ai.openai.request.service_tier",
    "gen_ai.request.service_tier",
)
INFERENCE_GEO: Final = "anthropic.response.inference_geo"
REGION: Final = ("aws.region", "cloud.region")
BATCH: Final = ("marginlake.batch", "gen_ai.request.batch")
COST: Final = (
    "gen_ai.usage.cost",
    "operation.cost",
    "gen_ai.usage.total_cost",
    "gen_ai.cost.total_cost",
    "llm.cost.total",
)

COUNTS: Final = {
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
    "total": ("gen_ai.usage.total_tokens", "llm.usage.total_tokens"),
    "cache_read": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cached_input_tokens",
        "gen_ai.usage.cache_read_tokens",
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.input_cached_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cache_read_input_tokens",
        "gen_ai.usage.details.cached_tokens",
    ),
    "cache_write": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.cache_write_tokens",
        "gen_ai.usage.input_tokens.cache_write",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.details.cache_creation_input_tokens",
    ),
    "cache_write_5m": (
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
        "gen_ai.usage.details.ephemeral_5m_input_tokens",
    ),
    "cache_write_1h": (
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
        "gen_ai.usage.details.ephemeral_1h_input_tokens",
    ),
    "reasoning": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.reasoning_output_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "gen_ai.usage.details.thoughts_tokens",
        "llm.usage.reasoning_tokens",
    ),
    "audio_input": (
        "gen_ai.usage.audio.input_tokens",
        "gen_ai.usage.audio_input_tokens",
        "gen_ai.usage.details.input_audio_tokens",
        "gen_ai.usage.details.audio_prompt_tokens",
    ),
    "audio_output": (
        "gen_ai.usage.audio.output_tokens",
        "gen_ai.usage.audio_output_tokens",
        "gen_ai.usage.details.output_audio_tokens",
        "gen_ai.usage.details.audio_candidates_tokens",
    ),
    "image_input": ("gen_ai.usage.image.input_tokens", "gen_ai.usage.image_input_tokens"),
    "image_output": ("gen_ai.usage.image.output_tokens", "gen_ai.usage.image_output_tokens"),
    "search_requests": (
        "gen_ai.usage.web_search_requests",
        "gen_ai.usage.details.web_search_requests",
        "anthropic.usage.server_tool_use.web_search_requests",
    ),
}

KEYS: Final = frozenset(
    {
        "gen_ai.response.id", "error.type", *OPERATION, *PROVIDER, *HOST, *REQUEST_MODEL, *RESPONSE_MODEL,
        *SERVED_TIER, *REQUESTED_TIER, *REGION, *BATCH, *COST,
        INFERENCE_GEO,
    }
)  # fmt: skip
COUNT_KEYS: Final = frozenset(key for keys in COUNTS.values() for key in keys)


def read_gen_ai(df: pl.DataFrame) -> Reading:
    """What the conventions say, in any of their versions."""
    operation, provider = first(df, *OPERATION), first(df, *PROVIDER)
    through_aws = (fold_provider(provider) == "aws").fill_null(value=False)
    return {
        "role": role_of_operation(operation),
        "marker": is_inference(operation),
        "operation": operation,
        "provider": provider,
        "host": first(df, *HOST),
        "request_model": first(df, *REQUEST_MODEL),
        "response_model": first(df, *RESPONSE_MODEL),
        "service_tier": first(df, *SERVED_TIER, *REQUESTED_TIER),
        "batch": attr_bool(df, *BATCH),
        "region": pl.coalesce(first(df, INFERENCE_GEO), pl.when(through_aws).then(first(df, *REGION))),
        "reported_cost": first(df, *COST),
        "response_id": first(df, "gen_ai.response.id"),
        "error": first(df, "error.type"),
        **{name: count_attr(df, *keys) for name, keys in COUNTS.items()},
    }


def gen_ai_variant(
    name: str,
    detect: Callable[[pl.DataFrame], pl.Expr],
    *,
    keys: tuple[str, ...] = (),
    counts: tuple[str, ...] = (),
    exclusive: pl.Expr | None = None,
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = unchanged,
    change: Callable[[pl.DataFrame, Reading], Reading] | None = None,
) -> Dialect:
    """A dialect that speaks the conventions but for the fields that ``change`` answers with.

    ``exclusive``: whether its input counter is known to leave out (true) or include (false) cached tokens.
    """

    def read(df: pl.DataFrame) -> Reading:
        base = read_gen_ai(df)
        stated = {} if exclusive is None else {"exclusive": exclusive}
        return {**base, **stated, **(change(df, base) if change else {})}

    return Dialect(name, KEYS | frozenset(keys), COUNT_KEYS | frozenset(counts), detect, read, prepare)


INCLUSIVE: Final = pl.lit(value=False)
EXCLUSIVE: Final = pl.lit(value=True)

GENERIC = gen_ai_variant(
    "gen_ai",
    lambda df: present(df, *COUNTS["input"], *COUNTS["output"], *OPERATION, *REQUEST_MODEL, *RESPONSE_MODEL),
)
"""Last in the registry: any span with the conventions' usage, operation or model."""
