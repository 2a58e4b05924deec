"""Which dialect claims which span, and what makes a row at all."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from receiver.dialects import CALL_SCHEMA, DIALECTS, to_calls
from receiver.dialects.calls import calls_of
from receiver.dialects.dialect import Dialect

LIBRARIES = {
    "agent-framework": {"agent_framework", "anthropic_sdk"},
    "anthropic-sdk-native": {"anthropic_sdk"},
    "azure-ai-inference": {"azure_inference"},
    "google-adk": {"google_adk"},
    "langfuse": {"langfuse"},
    "langsmith-otel": {"langsmith", "anthropic_sdk"},
    "litellm-otel": {"litellm"},
    "logfire": {"logfire", "anthropic_sdk"},
    "mlflow-semconv": {"mlflow_semconv"},
    "mlflow": {"mlflow", "mlflow_semconv"},
    "openinference": {"openinference", "anthropic_sdk"},
    "openlit": {"openlit"},
    "otel-botocore": {"otel_bedrock"},
    "otel-genai": {"otel_genai", "anthropic_sdk"},
    "otel-google-genai": {"otel_genai"},
    "otel-openai-v2": {"otel_openai_v2"},
    "paid-python": {"paid_openinference"},
    "pydantic-ai": {"pydantic_ai", "anthropic_sdk"},
    "semantic-kernel": {"semantic_kernel"},
    "strands": {"strands"},
    "traceloop": {"traceloop", "anthropic_sdk"},
    "vercel-ai-v7-legacy": {"vercel"},
    "vercel-ai-v7": {"vercel_otel", "vercel"},
    "vercel-ai": {"vercel", "vercel_otel"},
}


def test_every_recording_is_claimed_by_its_own_dialect(capture: str, calls_in: Callable[..., pl.DataFrame]) -> None:
    allowed = next(dialects for library, dialects in LIBRARIES.items() if capture.startswith(library))
    assert set(calls_in(capture)["dialect"]) <= allowed


def test_agents_and_outer_spans_are_aggregates_of_their_calls(calls_in: Callable[..., pl.DataFrame]) -> None:
    for capture in (
        "vercel-ai-v6_generateText_tools_openai",
        "pydantic-ai-v3_agent_openai",
        "strands_anthropic_agent",
        "vercel-ai-v7_generateText_tools_openai",
    ):
        by_role = calls_in(capture).group_by("role").agg(pl.col("input_tokens").sum(), rows=pl.len())
        sums = {role: (total, rows) for role, total, rows in by_role.iter_rows()}
        assert sums["call"][1] == 2, capture
        assert sums["aggregate"] == (sums["call"][0], 1), capture


def test_many_dialects_in_one_batch_read_as_they_do_alone(
    spans_of: Callable[..., pl.DataFrame], calls_in: Callable[..., pl.DataFrame]
) -> None:
    names = (
        "vercel-ai-v5_streamText_anthropic",
        "traceloop-bedrock_converse",
        "openinference-openai_audio",
        "langfuse-openai_embed",
        "litellm-otel_anthropic",
        "logfire-anthropic_amsg",
    )
    together = to_calls(spans_of(*names))
    assert together.equals(pl.concat([calls_in(name) for name in names]))


def test_spans_that_are_no_model_calls_make_no_rows(frame_of: Callable[..., pl.DataFrame]) -> None:
    plain = [
        {"http.method": "POST"},
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather"},
        {"openinference.span.kind": "CHAIN"},
        {"gen_ai.provider.name": "openai"},
        {},
    ]
    assert to_calls(frame_of(plain)).is_empty()


def test_an_empty_batch_has_the_schema(frame_of: Callable[..., pl.DataFrame]) -> None:
    for calls in (to_calls(frame_of([{}])), to_calls(frame_of([{"gen_ai.request.model": "m"}]).clear())):
        assert dict(calls.schema) == dict(CALL_SCHEMA)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_survives_whatever_its_keys_hold(dialect: Dialect, frame_of: Callable[..., pl.DataFrame]) -> None:
    """Text that is neither a document nor a number, or a document of another shape: no usage, no error."""
    keys = dialect.keys | dialect.counts
    calls = calls_of(
        frame_of([dict.fromkeys(keys, text) for text in ("{", "[]", "nan", "", '{"usage": 5}', "None")]),
        [replace(dialect, detect=lambda _: pl.lit(value=True))],
    )
    assert calls["input_tokens"].null_count() == calls.height
    assert calls["output_tokens"].null_count() == calls.height


def test_a_batch_cut_in_pieces_reads_the_same(
    calls_in: Callable[..., pl.DataFrame], spans_of: Callable[..., pl.DataFrame]
) -> None:
    spans = spans_of("traceloop-langchain_agent")
    pieces = pl.concat([to_calls(spans[i : i + 1]) for i in range(spans.height)])
    assert pieces.equals(calls_in("traceloop-langchain_agent"))


def test_the_documentation_names_every_dialect() -> None:
    documented = (Path(__file__).parents[3] / "docs" / "dialects.md").read_text()
    assert [dialect.name for dialect in DIALECTS if f"`{dialect.name}`" not in documented] == []
