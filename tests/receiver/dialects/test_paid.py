"""What the unmodified Paid SDKs send, from their recordings, and their wrappers as their sources write them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from receiver.decode import decode_traces
from receiver.dialects import to_calls
from receiver.otlp_json import traces_to_protobuf
from tests.receiver.dialects.material import DATA, WANTED

COUNTS = ["provider", "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "output_tokens", "reasoning_tokens"]


def calls_of(file: str) -> pl.DataFrame:
    payload = (DATA / "dialects" / "paid" / file).read_bytes()
    payload = traces_to_protobuf(payload) if file.endswith(".json") else payload
    return to_calls(decode_traces([(payload, 0)], WANTED).spans)


@pytest.mark.parametrize("file", ["python_autoinstrument.pb", "python_autoinstrument_stored_prompts.pb"])
def test_autoinstrumented_calls_are_openinference_under_paid_names(file: str) -> None:
    calls = calls_of(file).filter(pl.col("operation") == "chat")
    assert calls["dialect"].unique().to_list() == ["paid_openinference"]
    assert calls.select(COUNTS).rows() == [
        ("openai", 50, 16, None, 10, 4),
        ("anthropic", 280, 200, 50, 12, None),
        ("google", 21, 5, None, 17, 10),
    ]


def test_signals_and_the_root_span_are_no_calls() -> None:
    calls = calls_of("python_manual_and_signals.pb")
    assert calls.select("dialect", "response_model", "input_tokens", "output_tokens").rows() == [
        ("paid", "gpt-4o-2024-08-06", 1000, 200)
    ]


@pytest.mark.parametrize(
    ("file", "dialect", "model", "tokens"),
    [
        ("python_0.6_manual.pb", "paid", "gpt-4o", (10, 5)),
        ("node_wrapper.json", "paid", "gpt-4o-mini-2024-07-18", (100, 20)),
        ("node_vercel.json", "vercel", "gpt-4o-x", (10, 5)),
        ("node_anthropic.json", "paid_openinference", "claude-sonnet-4-5-20250929", (280, 12)),
    ],
)
def test_other_versions_and_node(file: str, dialect: str, model: str, tokens: tuple[int, int]) -> None:
    columns = ("dialect", "response_model", "input_tokens", "output_tokens")
    assert calls_of(file).select(columns).rows() == [(dialect, model, *tokens)]


@pytest.mark.parametrize(("system", "total"), [("openai", 100), ("gemini", 100), ("anthropic", 150), ("bedrock", 150)])
def test_wrappers_of_anthropic_and_bedrock_leave_cached_tokens_out_of_input(
    call: Callable[..., dict[str, Any]], system: str, total: int
) -> None:
    row = call(
        {
            "gen_ai.system": system,
            "gen_ai.request.model": "some-model",
            "gen_ai.usage.input_tokens": "100",
            "gen_ai.usage.output_tokens": "20",
            "gen_ai.usage.cached_input_tokens": "30",
            "gen_ai.usage.cache_creation_input_tokens": "20",
            "gen_ai.usage.reasoning_output_tokens": "7",
        },
        name="paid.trace.wrapper",
    )
    assert (row["input_tokens"], row["cache_read_tokens"], row["cache_write_5m_tokens"]) == (total, 30, 20)
    assert row["reasoning_tokens"] == 7


def test_node_anthropic_wrapper_spells_cache_reads_its_own_way(call: Callable[..., dict[str, Any]]) -> None:
    row = call(
        {
            "gen_ai.system": "anthropic",
            "gen_ai.response.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": "30",
            "gen_ai.usage.output_tokens": "12",
            "gen_ai.usage.cache_read_input_tokens": "200",
        },
        name="paid.trace.trace.anthropic.messages",
    )
    assert (row["dialect"], row["input_tokens"], row["cache_read_tokens"]) == ("paid", 230, 200)


@pytest.mark.parametrize(
    ("operation", "attributes", "shown", "unit", "amount"),
    [
        ("image_generation", {"gen_ai.image.count": "2"}, "image", "images", 2),
        (
            "transcription",
            {"gen_ai.audio.input_duration_seconds": "12.5"},
            "audio",
            "audio_seconds",
            Decimal("12.5"),
        ),
        ("ocr", {"gen_ai.ocr.pages_processed": "3", "gen_ai.ocr.annotated": "true"}, "ocr", "pages", 3),
    ],
)
def test_calls_paid_by_other_units_have_their_amount_and_claim_no_tokens(
    call: Callable[..., dict[str, Any]],
    operation: str,
    attributes: dict[str, str],
    shown: str,
    unit: str,
    amount: int | Decimal,
) -> None:
    row = call({"gen_ai.operation.name": operation, "gen_ai.request.model": "m", **attributes}, name="paid.trace.x")
    assert (row["operation"], row["usage_source"], row["usage_note"]) == (shown, "reported", None)
    assert (row[unit], row["input_tokens"]) == (amount, None)


@pytest.mark.parametrize("duration", ["NaN", "-3", "long"])
def test_a_duration_that_is_none_is_no_usage(call: Callable[..., dict[str, Any]], duration: str) -> None:
    attributes = {"gen_ai.operation.name": "transcription", "gen_ai.audio.input_duration_seconds": duration}
    row = call({**attributes, "gen_ai.request.model": "m"}, name="paid.trace.x")
    assert (row["usage_source"], row["audio_seconds"]) == ("missing", None)
