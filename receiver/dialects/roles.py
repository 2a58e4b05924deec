"""Tell spans that repeat their children's usage (agents, chains, outer SDK spans) from single model calls."""

from typing import Final

import polars as pl

AGGREGATE_OPERATIONS: Final = frozenset(
    {
        "invoke_agent", "create_agent", "invoke_workflow", "agent_step", "execute_tool", "execute_task",
        "execute_event_loop_cycle", "plan", "chain", "fetch_response", "workflow", "task", "agent", "tool",
        "retrieval", "invoke_swarm", "invoke_graph", "run_agent", "handoff", "guardrail",
    }
)  # fmt: skip
"""Values of ``gen_ai.operation.name`` (and kin) under which a span's usage is that of its children."""

OPERATIONS: Final = {
    "chat": "chat", "response": "chat", "responses": "chat", "generate_content": "chat", "message": "chat",
    "llm": "chat", "generation": "chat", "chat_model": "chat", "converse": "chat", "generate": "chat",
    "text_completion": "completion", "completion": "completion", "completions": "completion",
    "embeddings": "embeddings", "embedding": "embeddings", "embed": "embeddings", "aembedding": "embeddings",
    "chat.completions": "chat", "chat.streaming_completions": "chat", "text.completions": "completion",
    "text.streaming_completions": "completion", "acompletion": "chat", "responses_api": "chat", "beta.chat": "chat",
    "image": "image", "image_generation": "image", "generate_images": "image", "images": "image",
    "transcription": "audio", "transcribe": "audio", "speech": "audio", "audio": "audio", "text_to_speech": "audio",
    "rerank": "rerank", "reranker": "rerank", "ocr": "ocr", "moderation": "moderation",
}  # fmt: skip
"""Operation names that mean a model call, and the word the calls frame uses for each."""

_DO_SUFFIX: Final = r"\.do[A-Z]\w*$"


def role_of_operation(operation: pl.Expr) -> pl.Expr:
    """Aggregate for the operations known to repeat others; everything else is a call until its trace says otherwise."""
    lowered = operation.str.to_lowercase()
    return pl.when(lowered.is_in(AGGREGATE_OPERATIONS)).then(pl.lit("aggregate")).otherwise(pl.lit("call"))


def is_inference(operation: pl.Expr) -> pl.Expr:
    """Whether the operation name by itself says "model call"."""
    return operation.str.to_lowercase().is_in(list(OPERATIONS)).fill_null(value=False)


def canonical_operation(operation: pl.Expr) -> pl.Expr:
    """Operation in the calls frame's words; unknown ones stay as they are, in lower case."""
    lowered = operation.str.to_lowercase()
    return lowered.replace(OPERATIONS)


def is_inner_sdk_span(operation_id: pl.Expr) -> pl.Expr:
    """Vercel AI SDK: ``ai.generateText.doGenerate`` is one call, ``ai.generateText`` the loop around calls."""
    return operation_id.str.contains(_DO_SUFFIX).fill_null(value=False)


def role(is_call: pl.Expr) -> pl.Expr:
    """Call where the expression holds, else aggregate."""
    return pl.when(is_call.fill_null(value=False)).then(pl.lit("call")).otherwise(pl.lit("aggregate"))
