"""The inclusive-total rule and its evidence, token by token and as properties."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.dialects import to_calls
from tests.receiver.dialects.material import span_frame

USAGE = "gen_ai.usage."
BASE = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.system": "acme"}
COUNTS = [
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "audio_input_tokens", "audio_output_tokens",
]  # fmt: skip


def usage(**counts: int | str) -> dict[str, str]:
    names = {
        "read": "cache_read.input_tokens",
        "write": "cache_creation.input_tokens",
        "reasoning": "reasoning.output_tokens",
        "audio": "audio.input_tokens",
    }
    return BASE | {USAGE + names.get(name, f"{name}_tokens"): str(value) for name, value in counts.items()}


def test_input_smaller_than_its_cached_parts_cannot_include_them(call: Callable[..., dict[str, Any]]) -> None:
    row = call(usage(input=13, output=89, read=2048, write=768))
    assert row["input_tokens"] == 13 + 2048 + 768
    assert row["usage_note"] == "ttl_assumed"


def test_a_total_that_needs_the_cached_parts_on_top_proves_them_exclusive(call: Callable[..., dict[str, Any]]) -> None:
    assert call(usage(input=500, output=10, read=100, total=610))["input_tokens"] == 600


def test_a_total_of_input_and_output_proves_nothing(call: Callable[..., dict[str, Any]]) -> None:
    row = call(usage(input=500, output=10, read=100, total=510))
    assert (row["input_tokens"], row["usage_note"]) == (500, "inclusive_assumed")


def test_no_assumption_is_noted_where_nothing_was_cached(call: Callable[..., dict[str, Any]]) -> None:
    assert call(usage(input=500, output=10, read=0))["usage_note"] is None


def test_a_total_beats_what_is_known_of_the_library(call: Callable[..., dict[str, Any]]) -> None:
    row = call(usage(input=500, output=10, read=100, total=610), scope="com.anthropic.sdk.python")
    assert row["input_tokens"] == 600


def test_geminis_total_has_thoughts_on_top_even_when_they_equal_the_cached_part(
    call: Callable[..., dict[str, Any]],
) -> None:
    row = call(usage(input=500, output=10, read=100, total=610) | {"gen_ai.system": "gemini"})
    assert (row["input_tokens"], row["output_tokens"], row["reasoning_tokens"]) == (500, 110, 100)


@pytest.mark.parametrize("nonsense", ["NaN", "-5", "Infinity", "1.5", "many", ""])
def test_what_is_no_count_is_missing(call: Callable[..., dict[str, Any]], nonsense: str) -> None:
    row = call(usage(input=nonsense, output=nonsense))
    assert (row["usage_source"], row["input_tokens"], row["output_tokens"]) == ("missing", None, None)


def test_doubles_and_text_count_when_whole(call: Callable[..., dict[str, Any]]) -> None:
    row = call(usage(input="1125.0", output="3e2"))
    assert (row["input_tokens"], row["output_tokens"]) == (1125, 300)


def test_zero_everywhere_is_missing_not_free(call: Callable[..., dict[str, Any]]) -> None:
    row = call(usage(input=0, output=0))
    assert (row["usage_source"], row["usage_note"], row["input_tokens"]) == ("missing", "zero_suspect", None)


def test_half_a_usage_says_which_half_is_missing(call: Callable[..., dict[str, Any]]) -> None:
    assert call(usage(output=5))["usage_note"] == "input_missing"
    assert call(usage(input=5))["usage_note"] == "output_missing"


def test_a_failed_call_without_usage_is_marked(call: Callable[..., dict[str, Any]]) -> None:
    row = call(BASE | {"error.type": "RateLimitError"}, status="error")
    assert (row["failed"], row["usage_source"]) == (True, "missing")


def test_a_part_larger_than_its_whole_is_cut_and_noted(call: Callable[..., dict[str, Any]]) -> None:
    row = call(usage(input=10, output=5, reasoning=9, audio=20))
    assert (row["reasoning_tokens"], row["audio_input_tokens"], row["usage_note"]) == (5, 10, "clamped")


def test_synonyms_are_alternatives_and_never_added(call: Callable[..., dict[str, Any]]) -> None:
    row = call(
        usage(input=100, prompt=100, output=20, completion=20, read=40) | {USAGE + "cache_read_input_tokens": "40"}
    )
    assert (row["input_tokens"], row["output_tokens"], row["cache_read_tokens"]) == (100, 20, 40)


def test_a_fine_tuned_one_hour_share_leaves_the_rest_at_five_minutes(call: Callable[..., dict[str, Any]]) -> None:
    row = call(usage(input=1000, output=5, write=300) | {USAGE + "details.ephemeral_1h_input_tokens": "100"})
    assert (row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (200, 100)


def test_gemini_thoughts_left_out_of_the_output_show_in_the_total(call: Callable[..., dict[str, Any]]) -> None:
    gemini = usage(input=4307, output=141, total=4704, read=4096) | {"gen_ai.system": "gcp.gen_ai"}
    row = call(gemini, scope="opentelemetry.instrumentation.google_generativeai")
    assert (row["output_tokens"], row["reasoning_tokens"], row["usage_note"]) == (397, 256, "reasoning_gap")


def test_a_sender_without_a_price_reports_zero_which_is_no_figure(call: Callable[..., dict[str, Any]]) -> None:
    assert call(usage(input=5, output=5) | {USAGE + "cost": "0.0"})["reported_cost_usd"] is None
    assert str(call(usage(input=5, output=5) | {"operation.cost": "1.54e-06"})["reported_cost_usd"]) == "0.000001540000"


PARTS = ("input", "output", "read", "write", "total", "reasoning", "audio")
COUNT = st.one_of(st.none(), st.integers(0, 10**7))


@given(
    st.lists(
        st.fixed_dictionaries(dict.fromkeys(PARTS, COUNT)),
        min_size=1,
    ),
    st.sampled_from(["test", "openlit.x", "opentelemetry.instrumentation.bedrock", "com.anthropic.sdk.python"]),
    st.sampled_from(["openai", "anthropic", "gemini"]),
)
def test_parts_never_exceed_wholes(spans: list[dict[str, int | None]], scope: str, provider: str) -> None:
    written = [
        usage(**{k: v for k, v in span.items() if v is not None}) | {"gen_ai.system": provider} for span in spans
    ]
    calls = to_calls(span_frame(written, scope=scope)).with_columns(pl.col(COUNTS).fill_null(0))
    cached = pl.col("cache_read_tokens") + pl.col("cache_write_5m_tokens") + pl.col("cache_write_1h_tokens")
    assert calls.height == len(spans)
    assert calls.select((pl.col("input_tokens") >= cached).all()).item()
    assert calls.select((pl.col("input_tokens") >= pl.col("audio_input_tokens")).all()).item()
    assert calls.select((pl.col("output_tokens") >= pl.col("reasoning_tokens")).all()).item()


@given(
    uncached=st.integers(0, 10**6),
    read=st.integers(0, 10**6),
    write=st.integers(0, 10**6),
    output=st.integers(1, 10**6),
)
def test_an_exclusive_scope_adds_up_whatever_the_sizes(uncached: int, read: int, write: int, output: int) -> None:
    span = usage(input=uncached, output=output, read=read, write=write)
    row = to_calls(span_frame([span], scope="opentelemetry.instrumentation.bedrock")).row(0, named=True)
    assert row["input_tokens"] == uncached + read + write
