"""Vercel AI SDK 4 to 7: inner spans (``ai.generateText.doGenerate``) are calls, outer ones repeat them.

Since version 6 (``ai.usage.inputTokenDetails``) input includes cached tokens for every provider; before, the provider's
own number was passed on, so Anthropic's and Bedrock's exclude them. What the flat counters lack is often in
``ai.response.providerMetadata``. Version 7's own OpenTelemetry package speaks the conventions under the scope ``ai``.
"""

from typing import Final

import polars as pl

from receiver.dialects.counts import count_attr
from receiver.dialects.dialect import Dialect, Reading, note_when, present, scope_is
from receiver.dialects.gen_ai import BATCH, INCLUSIVE, gen_ai_variant
from receiver.dialects.payload import count_field, field, first_field, json_object
from receiver.dialects.providers import fold_provider
from receiver.dialects.raw_usage import prefer, raw_usage
from receiver.dialects.roles import is_inner_sdk_span, role
from receiver.wide import attr, attr_bool, first

DETAILS: Final = (
    "ai.usage.inputTokenDetails.noCacheTokens",
    "ai.usage.inputTokenDetails.cacheReadTokens",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
)
COUNTS: Final = {
    "input": ("ai.usage.inputTokens", "ai.usage.promptTokens", "gen_ai.usage.input_tokens", "ai.usage.tokens"),
    "output": ("ai.usage.outputTokens", "ai.usage.completionTokens", "gen_ai.usage.output_tokens"),
    "total": ("ai.usage.totalTokens",),
    "cache_read": ("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"),
    "cache_write": ("ai.usage.inputTokenDetails.cacheWriteTokens",),
    "reasoning": ("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
}
KEYS: Final = frozenset(
    {
        "ai.operationId", "ai.model.provider", "ai.model.id", "ai.response.model", "ai.response.id",
        "ai.response.providerMetadata", "gen_ai.system", "gen_ai.request.model", "gen_ai.response.model",
        "gen_ai.response.id", "error.type", *BATCH,
    }
)  # fmt: skip
COUNT_KEYS: Final = frozenset((*DETAILS, *(key for keys in COUNTS.values() for key in keys)))

_NAMELESS: Final = ("google", "aws")
"""Providers whose answers are given the request's model name."""

_OPERATION_WORDS: Final = (
    ("embed", "embeddings"), ("rerank", "rerank"), ("image", "image"), ("transcri", "audio"), ("speech", "audio"),
)  # fmt: skip


def _prepare(df: pl.DataFrame) -> pl.DataFrame:
    metadata = json_object(attr(df, "ai.response.providerMetadata"))
    return df.with_columns(_metadata=metadata).with_columns(_anthropic=field(pl.col("_metadata"), "anthropic.usage"))


def _read(df: pl.DataFrame) -> Reading:
    operation_id = attr(df, "ai.operationId")
    provider = first(df, "ai.model.provider", "gen_ai.system")
    metadata = pl.col("_metadata")
    counts = {name: count_attr(df, *keys) for name, keys in COUNTS.items()}
    detailed = present(df, *DETAILS)
    exclusive = ~detailed & (
        fold_provider(provider).is_in(("anthropic", "aws")).fill_null(value=False)
        | provider.str.contains("anthropic").fill_null(value=False)
    )
    extra = _from_metadata(metadata, raw_usage(pl.col("_anthropic")))
    models = {
        "request_model": first(df, "ai.model.id", "gen_ai.request.model"),
        "response_model": first(df, "ai.response.model", "gen_ai.response.model"),
    }
    bare = ~detailed & counts["cache_read"].is_null() & extra["cache_read"].is_null() & counts["total"].is_null()
    return {
        "role": role(is_inner_sdk_span(operation_id)),
        "marker": is_inner_sdk_span(operation_id),
        "operation": _operation(operation_id),
        "provider": provider,
        "request_model": models["request_model"],
        "response_model": _not_echoed(provider, models),
        "service_tier": first_field(
            metadata, "openai.serviceTier", "azure.serviceTier", "anthropic.usage.service_tier"
        ),
        "batch": attr_bool(df, *BATCH),
        "exclusive": exclusive,
        "note": note_when(bare & (_operation(operation_id) == "chat") & counts["input"].is_not_null(), "cache_unknown"),
        "response_id": first(df, "ai.response.id", "gen_ai.response.id"),
        "error": first(df, "error.type"),
        **prefer(counts, extra),
    }


def _from_metadata(metadata: pl.Expr, anthropic: Reading) -> Reading:
    """Parts of the usage that only the provider's metadata names; never the totals."""
    return {
        "cache_read": pl.coalesce(
            anthropic["cache_read"],
            count_field(
                metadata,
                "openai.cachedPromptTokens",
                "azure.cachedPromptTokens",
                "anthropic.cacheReadInputTokens",
                "bedrock.usage.cacheReadInputTokens",
                "google.usageMetadata.cachedContentTokenCount",
            ),
        ),
        "cache_write": pl.coalesce(
            anthropic["cache_write"],
            count_field(
                metadata,
                "anthropic.cacheCreationInputTokens",
                "bedrock.usage.cacheWriteInputTokens",
                "openai.usage.cacheWriteTokens",
            ),
        ),
        "cache_write_5m": anthropic["cache_write_5m"],
        "cache_write_1h": anthropic["cache_write_1h"],
        "reasoning": count_field(
            metadata, "openai.reasoningTokens", "azure.reasoningTokens", "google.usageMetadata.thoughtsTokenCount"
        ),
        "search_requests": anthropic["search_requests"],
        "region": anthropic["region"],
    }


def _not_echoed(provider: pl.Expr, models: Reading) -> pl.Expr:
    """The response model; the SDK repeats the request's where a provider package does not read one, as Google's."""
    asked, said = models["request_model"], models["response_model"]
    unread = fold_provider(provider).is_in(_NAMELESS) & (asked == said)
    return pl.when(~unread.fill_null(value=False)).then(said)


def _operation(operation_id: pl.Expr) -> pl.Expr:
    lowered = operation_id.str.to_lowercase()
    named = [pl.when(lowered.str.contains(part, literal=True)).then(pl.lit(word)) for part, word in _OPERATION_WORDS]
    return pl.coalesce([*named, pl.lit("chat")])


VERCEL = Dialect("vercel", KEYS, COUNT_KEYS, lambda df: present(df, "ai.operationId"), _read, _prepare)

VERCEL_OTEL = gen_ai_variant(
    "vercel_otel",
    lambda df: scope_is("ai", "gen_ai") & present(df, "gen_ai.operation.name"),
    exclusive=INCLUSIVE,
    change=lambda df, base: {"response_model": _not_echoed(base["provider"], base)},
)
"""Version 7's ``@ai-sdk/otel``; its scope was ``ai`` first and is ``gen_ai`` now."""
