"""Agent frameworks that write the conventions themselves: Pydantic AI, Strands, Google ADK and Microsoft's two."""

from typing import Final

import polars as pl

from receiver.dialects.counts import count_attr
from receiver.dialects.dialect import Reading, note_when, present, scope_is, scope_starts
from receiver.dialects.gen_ai import INCLUSIVE, gen_ai_variant
from receiver.wide import first

_AGGREGATED: Final = "gen_ai.aggregated_usage."
AGGREGATED: Final = {
    "input": (_AGGREGATED + "input_tokens",),
    "output": (_AGGREGATED + "output_tokens",),
    "cache_read": (_AGGREGATED + "cache_read.input_tokens", _AGGREGATED + "details.cache_read_tokens"),
    "cache_write": (_AGGREGATED + "cache_creation.input_tokens", _AGGREGATED + "details.cache_write_tokens"),
    "cache_write_1h": (_AGGREGATED + "details.ephemeral_1h_input_tokens",),
    "reasoning": (_AGGREGATED + "details.reasoning_tokens", _AGGREGATED + "details.thoughts_tokens"),
}
_AGGREGATED_KEYS: Final = tuple(key for keys in AGGREGATED.values() for key in keys)


def _run(df: pl.DataFrame, base: Reading) -> Reading:
    summed = {name: pl.coalesce(count_attr(df, *keys), base[name]) for name, keys in AGGREGATED.items()}
    return {
        **summed,
        "role": pl.lit("aggregate"),
        "request_model": pl.coalesce(base["request_model"], first(df, "model_name")),
    }


PYDANTIC_AI_RUN = gen_ai_variant(
    "pydantic_ai",
    lambda df: (
        present(df, *_AGGREGATED_KEYS)
        | (scope_is("pydantic-ai") & pl.col("name").str.contains(r"^(?:agent run|invoke_agent)"))
    ),
    keys=("model_name",),
    counts=_AGGREGATED_KEYS,
    exclusive=INCLUSIVE,
    change=_run,
)
"""Pydantic AI's agent run: the sum of its calls."""

PYDANTIC_AI = gen_ai_variant("pydantic_ai", lambda df: scope_is("pydantic-ai"), exclusive=INCLUSIVE)

STRANDS = gen_ai_variant("strands", lambda df: scope_is("strands.telemetry.tracer"))
"""Names itself in the provider slot; the model id has to tell. Whose rule its input follows depends on that too."""


def _adk(df: pl.DataFrame, base: Reading) -> Reading:
    model, output, reasoning = base["request_model"], base["output"], base["reasoning"]
    routed = model.str.contains("/") & ~model.str.contains(r"^(?:models|projects|publishers)/")
    twice = (routed & (reasoning > 0) & (output > reasoning)).fill_null(value=False)
    return {
        "output": pl.when(twice).then(output - reasoning).otherwise(output),
        "note": note_when(twice, "reasoning_twice"),
    }


GOOGLE_ADK = gen_ai_variant("google_adk", lambda df: scope_starts("gcp.vertex.agent"), exclusive=INCLUSIVE, change=_adk)
"""Adds thoughts to the output as Gemini counts them; LiteLLM (``openai/...``) has them inside already."""

AGENT_FRAMEWORK = gen_ai_variant("agent_framework", lambda df: scope_starts("agent_framework"), exclusive=INCLUSIVE)

SEMANTIC_KERNEL = gen_ai_variant(
    "semantic_kernel",
    lambda df: scope_starts("semantic_kernel", "Microsoft.SemanticKernel"),
    exclusive=INCLUSIVE,
    change=lambda df, base: {"note": note_when(base["input"].is_not_null(), "cache_unknown")},
)
"""Counts totals only."""
