"""OpenTelemetry's own instrumentations, where they need more than the plain conventions."""

import polars as pl

from receiver.dialects.dialect import Reading, note_when, scope_is, scope_starts
from receiver.dialects.gen_ai import EXCLUSIVE, INCLUSIVE, PROVIDER, gen_ai_variant
from receiver.wide import attr, first

ANTHROPIC_SDK = gen_ai_variant("anthropic_sdk", lambda df: scope_starts("com.anthropic.sdk."), exclusive=INCLUSIVE)
"""The Anthropic SDK's built-in spans: inclusive input, cache writes split by time to live."""

OTEL_GENAI = gen_ai_variant(
    "otel_genai",
    lambda df: (
        scope_starts("opentelemetry.instrumentation.genai.") | scope_is("opentelemetry.instrumentation.google_genai")
    ),
    exclusive=INCLUSIVE,
)
"""The instrumentations of the separate genai repository."""


def _openai_v2(df: pl.DataFrame, base: Reading) -> Reading:
    return {"note": note_when(base["operation"] == "chat", "cache_unknown")}


OTEL_OPENAI_V2 = gen_ai_variant(
    "otel_openai_v2",
    lambda df: scope_is("opentelemetry.instrumentation.openai_v2", "opentelemetry.util.genai.handler"),
    exclusive=INCLUSIVE,
    change=_openai_v2,
)
"""Counts totals only: cached, reasoning and audio parts are not on the wire."""


AZURE_INFERENCE = gen_ai_variant(
    "azure_inference",
    lambda df: (
        scope_starts("azure.") & first(df, *PROVIDER).is_in(("az.ai.inference", "azure.ai.inference"))
    ).fill_null(value=False),
    exclusive=INCLUSIVE,
    change=lambda df, base: {
        "note": note_when((base["operation"] == "chat") & base["input"].is_not_null(), "cache_unknown")
    },
)
"""Azure's inference SDK counts totals only."""


def _bedrock(df: pl.DataFrame, base: Reading) -> Reading:
    lost = attr(df, "rpc.method").str.starts_with("InvokeModel") & base["cache_read"].is_null()
    return {"note": note_when(lost & base["input"].is_not_null(), "cached_input_lost")}


OTEL_BEDROCK = gen_ai_variant(
    "otel_bedrock",
    lambda df: scope_starts("opentelemetry.instrumentation.botocore", "@opentelemetry/instrumentation-aws-sdk"),
    keys=("rpc.method",),
    exclusive=EXCLUSIVE,
    change=_bedrock,
)
"""The botocore (Node: aws-sdk) instrumentation passes Bedrock's numbers on: input without cached tokens."""
