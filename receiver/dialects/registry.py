"""The order in which dialects are asked: the first that recognises a span reads it.

Attributes that only one instrumentation writes come first, scopes next, the plain conventions last.
"""

from typing import Final

from receiver.dialects.agent_frameworks import (
    AGENT_FRAMEWORK,
    GOOGLE_ADK,
    PYDANTIC_AI,
    PYDANTIC_AI_RUN,
    SEMANTIC_KERNEL,
    STRANDS,
)
from receiver.dialects.dialect import Dialect
from receiver.dialects.direct import DIRECT
from receiver.dialects.gen_ai import GENERIC
from receiver.dialects.langfuse import LANGFUSE
from receiver.dialects.langsmith import LANGSMITH
from receiver.dialects.litellm import LITELLM
from receiver.dialects.logfire import LOGFIRE
from receiver.dialects.mastra import MASTRA
from receiver.dialects.mlflow import MLFLOW, MLFLOW_SEMCONV
from receiver.dialects.openinference import OPENINFERENCE, PAID_OPENINFERENCE
from receiver.dialects.openlit import OPENLIT
from receiver.dialects.otel_official import ANTHROPIC_SDK, AZURE_INFERENCE, OTEL_BEDROCK, OTEL_GENAI, OTEL_OPENAI_V2
from receiver.dialects.paid import PAID
from receiver.dialects.traceloop import TRACELOOP
from receiver.dialects.vercel import VERCEL, VERCEL_OTEL

DIALECTS: Final[tuple[Dialect, ...]] = (
    DIRECT,
    LANGFUSE,
    MLFLOW,
    VERCEL,
    PAID_OPENINFERENCE,
    OPENINFERENCE,
    PYDANTIC_AI_RUN,
    LANGSMITH,
    LITELLM,
    MASTRA,
    STRANDS,
    GOOGLE_ADK,
    PYDANTIC_AI,
    AGENT_FRAMEWORK,
    SEMANTIC_KERNEL,
    OPENLIT,
    ANTHROPIC_SDK,
    OTEL_GENAI,
    OTEL_OPENAI_V2,
    OTEL_BEDROCK,
    AZURE_INFERENCE,
    VERCEL_OTEL,
    MLFLOW_SEMCONV,
    LOGFIRE,
    PAID,
    TRACELOOP,
    GENERIC,
)

COUNT_KEYS: Final[frozenset[str]] = frozenset().union(*(dialect.counts for dialect in DIALECTS))
"""Attributes that are counts wherever they occur."""

WANTED_KEYS: Final[frozenset[str]] = COUNT_KEYS.union(*(dialect.keys for dialect in DIALECTS))
"""Span attributes the decoder has to set apart so that every dialect can be read."""
