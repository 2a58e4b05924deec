"""MLflow tracing: every attribute is JSON text, usage one object, the answer is in ``mlflow.spanOutputs``.

With its semantic-convention export on, MLflow writes inclusive totals only and drops every part of them.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Dialect, Reading, note_when, present
from receiver.dialects.gen_ai import BATCH, INCLUSIVE, gen_ai_variant
from receiver.dialects.payload import count_field, field, first_field, json_object, unquoted
from receiver.dialects.raw_usage import raw_usage
from receiver.dialects.roles import role
from receiver.wide import attr, attr_bool, first

USAGE: Final = "mlflow.chat.tokenUsage"
COST: Final = "mlflow.llm.cost"
KINDS: Final = ("CHAT_MODEL", "LLM", "EMBEDDING", "RERANKER")
KEYS: Final = frozenset(
    {
        USAGE, COST, "mlflow.spanType", "mlflow.spanOutputs", "mlflow.llm.model", "mlflow.llm.provider", "model",
        "service_tier", "mlflow.message.format", *BATCH,
    }
)  # fmt: skip


def _prepare(df: pl.DataFrame) -> pl.DataFrame:
    """Keep spans of models and with usage, and take the provider's usage out of the answer once."""
    kind = unquoted(attr(df, "mlflow.spanType")).str.to_uppercase()
    calls = df.with_columns(_kind=kind).filter(pl.col("_kind").is_in(KINDS) | attr(df, USAGE).is_not_null())
    answer = json_object(attr(calls, "mlflow.spanOutputs"))
    return calls.with_columns(_answer=answer, _native=field(answer, "usage"))


def _read(df: pl.DataFrame) -> Reading:
    usage, answer, kind = json_object(attr(df, USAGE)), pl.col("_answer"), pl.col("_kind")
    native = raw_usage(pl.col("_native"))
    written = count_field(usage, "cache_creation_input_tokens")
    said, asked = unquoted(first(df, "mlflow.llm.model")), unquoted(first(df, "model"))
    return {
        "role": role(kind.is_in(KINDS)),
        "marker": kind.is_in(KINDS),
        "operation": kind,
        "provider": first(df, "mlflow.llm.provider", "mlflow.message.format"),
        "request_model": pl.coalesce(asked, said),
        "response_model": pl.coalesce(field(answer, "model"), pl.when(asked.is_not_null()).then(said)),
        "service_tier": pl.coalesce(
            first_field(answer, "service_tier", "usage.service_tier"), first(df, "service_tier")
        ),
        "batch": attr_bool(df, *BATCH),
        "region": native["region"],
        "input": count_field(usage, "input_tokens"),
        "output": count_field(usage, "output_tokens"),
        "total": count_field(usage, "total_tokens"),
        "cache_read": count_field(usage, "cache_read_input_tokens"),
        "cache_write": written,
        "cache_write_5m": native["cache_write_5m"],
        "cache_write_1h": pl.coalesce(
            count_field(usage, "cache_creation_input_tokens_above_1hr"), native["cache_write_1h"]
        ),
        "reasoning": native["reasoning"],
        "audio_input": native["audio_input"],
        "audio_output": native["audio_output"],
        "search_requests": native["search_requests"],
        "exclusive": pl.lit(value=False),
        "reported_cost": first_field(json_object(attr(df, COST)), "total_cost", "total"),
        "response_id": field(answer, "id"),
    }


MLFLOW = Dialect("mlflow", KEYS, frozenset(), lambda df: present(df, USAGE, "mlflow.spanType"), _read, _prepare)


def _semconv(df: pl.DataFrame, base: Reading) -> Reading:
    # Once there is an answer, its model takes the request's place as well; what was asked stays as JSON text.
    overwritten = (base["request_model"] == base["response_model"]).fill_null(value=False)
    return {
        "request_model": pl.coalesce(unquoted(first(df, "model")), pl.when(~overwritten).then(base["request_model"])),
        "service_tier": pl.coalesce(base["service_tier"], first(df, "service_tier")),
        "note": note_when(base["operation"] == "chat", "cache_unknown"),
    }


MLFLOW_SEMCONV = gen_ai_variant(
    "mlflow_semconv",
    lambda df: pl.col("scope_name") == "mlflow.tracing.provider",
    keys=("service_tier", "model"),
    exclusive=INCLUSIVE,
    change=_semconv,
)
