"""OpenInference (Arize), also inside the Paid SDK's autoinstrumentation, whose span names begin with ``paid.trace.``.

The prompt count includes cached tokens. ``llm.model_name`` is the response's model in some instrumentations and the
request's in others. Time to live of cache writes, tier and response id are only inside ``output.value``, when shown.
"""

from dataclasses import replace
from typing import Final

import polars as pl

from receiver.dialects.counts import count_attr
from receiver.dialects.dialect import Dialect, Reading, note_when, present, scope_is
from receiver.dialects.gen_ai import BATCH, COST
from receiver.dialects.payload import count_field, field, first_field, json_object, langchain_answer
from receiver.dialects.roles import role
from receiver.wide import attr, attr_bool, first

COUNTS: Final = {
    "input": ("llm.token_count.prompt",),
    "output": ("llm.token_count.completion",),
    "total": ("llm.token_count.total",),
    "cache_read": ("llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input"),
    "cache_write": ("llm.token_count.prompt_details.cache_write",),
    "reasoning": ("llm.token_count.completion_details.reasoning",),
    "audio_input": ("llm.token_count.prompt_details.audio",),
    "audio_output": ("llm.token_count.completion_details.audio",),
}
KINDS: Final = ("LLM", "EMBEDDING", "RERANKER")
KEYS: Final = frozenset(
    {
        "openinference.span.kind", "llm.provider", "llm.system", "llm.model_name", "llm.request.model_name",
        "llm.response.model_name", "embedding.model_name", "reranker.model_name", "llm.invocation_parameters",
        "embedding.invocation_parameters", "output.value", "metadata", "gen_ai.response.id", "error.type",
        *BATCH, *COST,
    }
)  # fmt: skip
COUNT_KEYS: Final = frozenset(key for keys in COUNTS.values() for key in keys)

_SCOPE: Final = "openinference.instrumentation."
_REQUEST_NAMED: Final = tuple(
    _SCOPE + package
    for package in (
        "litellm", "openai_agents", "bedrock", "agno", "smolagents", "crewai", "autogen_agentchat", "beeai", "dspy",
        "google_adk", "instructor", "llama_index", "pydantic_ai", "strands_agents", "agent_framework",
    )
)  # fmt: skip
"""Scopes whose ``llm.model_name`` repeats the request, unless the answer itself says otherwise."""

_TOTALS_ONLY: Final = tuple(_SCOPE + package for package in ("openai_agents", "haystack", "smolagents"))
"""Scopes that leave the cached part out for some or all APIs and write it, if only as zero, for the others."""


def _detect(df: pl.DataFrame) -> pl.Expr:
    return present(df, "openinference.span.kind", *COUNTS["input"], *COUNTS["output"])


def _prepare(df: pl.DataFrame) -> pl.DataFrame:
    """Keep spans of models, and take the answer apart once: the provider's own, or LangChain's metadata about it.

    Only the split of cache writes is missing on the span itself, so other answers are not searched for usage.
    """
    kind = attr(df, "openinference.span.kind").str.to_uppercase()
    models = present(df, "llm.model_name", "embedding.model_name", *COUNTS["input"], *COUNTS["output"])
    calls = df.with_columns(_kind=kind).filter(pl.col("_kind").is_in(KINDS) | models)
    document = json_object(attr(calls, "output.value"))
    langchain = document.str.starts_with('{"generations"')
    answers = calls.with_columns(
        _answer=pl.when(~langchain).then(document),
        _about=langchain_answer(document),
        _written=count_attr(calls, *COUNTS["cache_write"]) > 0,
        _asked=json_object(
            pl.coalesce(attr(calls, "llm.invocation_parameters"), attr(calls, "embedding.invocation_parameters"))
        ),
    )
    written = answers.with_columns(
        _usage=field(pl.when("_written").then(pl.coalesce("_answer", "_about")), "usage"),
    )
    return written.with_columns(_split=field(pl.col("_usage"), "cache_creation"))


def _read(df: pl.DataFrame) -> Reading:
    kind, answer, about = pl.col("_kind"), pl.col("_answer"), pl.col("_about")
    langchain = pl.col("scope_name").str.ends_with("langchain").fill_null(value=False)
    counts = {name: count_attr(df, *keys) for name, keys in COUNTS.items()}
    return {
        "role": role(kind.is_in(KINDS) | kind.is_null()),
        "marker": kind.is_in(KINDS),
        "operation": kind.replace({"LLM": "chat"}),
        "provider": first(df, "llm.provider", "llm.system"),
        "service_tier": pl.coalesce(
            first_field(pl.coalesce(answer, about), "service_tier"),
            field(pl.col("_usage"), "service_tier"),
            field(pl.col("_asked"), "service_tier"),
        ),
        "batch": attr_bool(df, *BATCH),
        "region": field(pl.col("_usage"), "inference_geo"),
        "cache_write_5m": count_field(pl.col("_split"), "ephemeral_5m_input_tokens"),
        "cache_write_1h": count_field(pl.col("_split"), "ephemeral_1h_input_tokens"),
        "search_requests": count_field(pl.col("_usage"), "server_tool_use.web_search_requests"),
        # Inclusive but for LangChain over Bedrock, which depends on the version: there the counts have to tell.
        "exclusive": pl.when(
            ~(langchain & (attr(df, "llm.provider").str.contains("aws|bedrock")).fill_null(value=False))
        ).then(pl.lit(value=False)),
        "reported_cost": first(df, *COST),
        "response_id": pl.coalesce(
            first(df, "gen_ai.response.id"),
            first_field(answer, "id", "response_id"),
            field(about, "id"),
            field(pl.col("_asked"), "id"),
        ),
        "error": first(df, "error.type"),
        "note": note_when(
            scope_is(*_TOTALS_ONLY) & counts["input"].is_not_null() & counts["cache_read"].is_null(), "cache_unknown"
        ),
        **counts,
        **_models(df, counts["output"].is_not_null() | counts["input"].is_not_null()),
    }


def _models(df: pl.DataFrame, answered: pl.Expr) -> Reading:
    """Request and response model; ``llm.model_name`` counts as the response's only where that is sure."""
    said = first(df, "llm.model_name", "embedding.model_name", "reranker.model_name")
    # OpenAI Agents put what was answered, with its id, where others put what was asked.
    echoed = field(pl.col("_asked"), "id").is_not_null()
    named = field(pl.col("_asked"), "model")
    asked = pl.coalesce(
        first(df, "llm.request.model_name"),
        field(json_object(attr(df, "metadata")), "ls_model_name"),
        pl.when(~echoed).then(named),
    )
    shown = pl.coalesce(
        first_field(pl.col("_answer"), "model", "model_version"), first_field(pl.col("_about"), "model_name", "model")
    )
    repeats = (scope_is(*_REQUEST_NAMED) & ~echoed) | ~answered | (said == asked).fill_null(value=False)
    return {
        "request_model": pl.coalesce(asked, pl.when(repeats & (said != shown).fill_null(value=True)).then(said)),
        "response_model": pl.coalesce(
            first(df, "llm.response.model_name"), shown, pl.when(~repeats).then(said), pl.when(echoed).then(named)
        ),
    }


OPENINFERENCE = Dialect("openinference", KEYS, COUNT_KEYS, _detect, _read, _prepare)

PAID_OPENINFERENCE = replace(
    OPENINFERENCE,
    name="paid_openinference",
    detect=lambda df: pl.col("name").str.starts_with("paid.trace.") & _detect(df),
)
"""The Paid SDK's autoinstrumentation."""
