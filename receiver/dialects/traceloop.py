"""OpenLLMetry (Traceloop), from 0.40's ``llm.*`` names to today's conventions, Python and Node.

Bedrock passes uncached input on. Gemini counts candidates only; the total gives the thoughts away (usage.py adds
them). LangChain reports zero cache writes when it knows their time to live, and no cache counts at all on other tiers.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading, note_when, present, scope_is, scope_starts
from receiver.dialects.gen_ai import gen_ai_variant
from receiver.dialects.payload import unquoted
from receiver.dialects.providers import fold_provider
from receiver.wide import first

SCOPES: Final = tuple(
    "opentelemetry.instrumentation." + package
    for package in (
        "openai.v0", "openai.v1", "anthropic", "bedrock", "google_generativeai", "langchain", "openai_agents",
        "cohere", "mistralai", "groq", "ollama", "together", "vertexai", "watsonx", "sagemaker", "replicate",
        "llamaindex", "crewai", "haystack", "alephalpha", "transformers", "writer", "agno", "voyageai",
    )
)  # fmt: skip
BEDROCK: Final = "opentelemetry.instrumentation.bedrock"
OPENAI: Final = "opentelemetry.instrumentation.openai.v1"
WRITES_CHARGED: Final = r"gpt-5\.[6-9]|gpt-[6-9]"
"""OpenAI's models that charge for cache writes, which this scope drops."""

KEYS: Final = (
    "llm.is_streaming",
    "gen_ai.is_streaming",
    "traceloop.span.kind",
    "traceloop.workflow.name",
    "traceloop.entity.name",
    "traceloop.entity.path",
    "traceloop.association.properties.ls_provider",
    "traceloop.association.properties.ls_model_name",
)


def _detect(df: pl.DataFrame) -> pl.Expr:
    return (
        scope_is(*SCOPES)
        | scope_starts("@traceloop/")
        | present(df, *KEYS, "llm.usage.total_tokens", "llm.usage.reasoning_tokens", "llm.usage.prompt_tokens")
    )


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    langchain = pl.col("scope_name").str.ends_with("langchain").fill_null(value=False)
    written, model = base["cache_write"], base["response_model"]
    through_bedrock = (fold_provider(base["provider"]) == "aws").fill_null(value=False)
    unsure = langchain & (written == 0).fill_null(value=False)
    dropped = (
        scope_is(OPENAI) & written.is_null() & pl.coalesce(model, base["request_model"]).str.contains(WRITES_CHARGED)
    )
    # Streamed LangChain answers and Gemini repeat the request's model as the response's.
    repeats = scope_is("opentelemetry.instrumentation.google_generativeai") | (
        langchain & base["response_id"].is_null()
    )
    echo = (repeats & (model == base["request_model"])).fill_null(value=False)
    # LangChain always says how much was cached, but for calls with a service tier Traceloop does not find it.
    unread = langchain & base["cache_read"].is_null() & base["input"].is_not_null()
    return {
        "exclusive": pl.when(scope_is(BEDROCK) | ~through_bedrock).then(scope_is(BEDROCK)),
        "cache_write": pl.when(~unsure).then(written),
        "note": pl.coalesce(
            note_when(unread, "cache_unknown"),
            note_when((unsure | dropped) & base["input"].is_not_null(), "cache_write_unknown"),
        ),
        "provider": pl.coalesce(first(df, "traceloop.association.properties.ls_provider"), base["provider"]),
        "request_model": pl.coalesce(
            base["request_model"], unquoted(first(df, "traceloop.association.properties.ls_model_name"))
        ),
        "response_model": pl.when(~echo).then(model),
    }


TRACELOOP = gen_ai_variant("traceloop", _detect, keys=KEYS, change=_change)
