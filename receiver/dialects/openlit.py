"""OpenLIT passes each provider's own counters on: cached tokens are not in Anthropic's and Bedrock's input, and
Gemini's output is the candidates without the thoughts. Its spans about frameworks have the framework's counters.

Until 1.33 no cache count was written: OpenAI's are somewhere in the input, Anthropic's are nowhere. When an OpenAI
stream brings no usage (until 1.33: for every OpenAI stream), OpenLIT writes its own guess into the same attributes.
Real usage of a later stream always comes with its cache counters, so a streamed chat without them is an estimate.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading, scope_is, scope_starts
from receiver.dialects.gen_ai import gen_ai_variant
from receiver.dialects.providers import fold_provider
from receiver.wide import attr_bool

STREAM: Final = ("gen_ai.request.stream", "gen_ai.request.is_stream")
_SCOPES: Final = "openlit.instrumentation."
OLD_SCOPE: Final = "openlit.otel.tracing"
"""The one scope of all instrumentations until 1.33."""

_INCLUSIVE: Final = tuple(
    _SCOPES + package
    for package in (
        "openai", "azure_ai_inference", "langchain", "langgraph", "litellm", "google_ai_studio", "vertexai", "groq",
        "mistral", "cohere", "ai21", "claude_agent_sdk",
    )
)  # fmt: skip


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    provider, chat = fold_provider(base["provider"]), base["operation"] == "chat"
    native = scope_is(OLD_SCOPE, _SCOPES + "anthropic", _SCOPES + "bedrock")
    exclusive = native & provider.is_in(("anthropic", "aws")).fill_null(value=False)
    inclusive = scope_is(*_INCLUSIVE) | (provider == "openai")
    uncounted = base["cache_read"].is_null() & base["cache_write"].is_null()
    estimated = attr_bool(df, *STREAM) & uncounted & (provider == "openai") & chat
    reported = uncounted & chat & base["input"].is_not_null() & ~estimated.fill_null(value=False)
    thoughts = pl.when(scope_is(_SCOPES + "google_ai_studio")).then(base["reasoning"])
    return {
        "exclusive": pl.when(exclusive | inclusive.fill_null(value=False)).then(exclusive),
        "output": base["output"] + thoughts.fill_null(0),
        "estimated": estimated,
        "note": pl.when(reported & exclusive)
        .then(pl.lit("cached_input_lost"))
        .when(reported & scope_is(OLD_SCOPE))
        .then(pl.lit("cache_unknown")),
    }


OPENLIT = gen_ai_variant("openlit", lambda df: scope_starts("openlit"), keys=STREAM, change=_change)
