"""Spans that look like model calls and are not understood: found by their attributes' names, without false alarms."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from receiver.decode import decode_traces
from receiver.dialects import DIALECTS, to_calls, to_calls_and_unmapped
from receiver.dialects.custom import custom_dialects
from receiver.dialects.dialect import Dialect
from receiver.dialects.unmapped import MOST_NAMES, UNMAPPED_SCHEMA
from receiver.otlp_json import traces_to_protobuf
from tests.receiver.dialects.material import DATA, WANTED
from tests.receiver.otlp_payloads import payload, span

NOBODY = Dialect("nobody", frozenset(), frozenset(), lambda _: pl.lit(value=False), lambda _: {})
PAID = sorted(path for folder in ("dialects/paid", "paid", "otlp") for path in (DATA / folder).rglob("*.*"))


def unmapped(attributes: dict[str, Any], *, scope: str = "acme-llm", **fields: Any) -> list[tuple[str, str]]:
    """Reason and attribute names of what the span leaves open."""
    spans = decode_traces([(payload(span(attributes, **fields), scope=scope), 0)], WANTED).spans
    return to_calls_and_unmapped(spans)[1].select("reason", "attribute_names").rows()


def test_no_recording_raises_a_false_alarm(capture: str, spans_of: Callable[..., pl.DataFrame]) -> None:
    calls, questions = to_calls_and_unmapped(spans_of(capture))
    assert questions.to_dicts() == []
    assert calls.equals(to_calls(spans_of(capture)))


@pytest.mark.parametrize("path", [path for path in PAID if path.name.endswith((".pb", "body.json"))], ids=str)
def test_no_recording_of_the_paid_sdks_does(path: Any) -> None:
    body = path.read_bytes()
    body = traces_to_protobuf(body) if path.suffix == ".json" else body
    for capture_content in (False, True):
        spans = decode_traces([(body, 0)], WANTED, capture_content=capture_content).spans
        assert to_calls_and_unmapped(spans)[1].to_dicts() == []


def test_without_any_dialect_nearly_every_recorded_call_would_be_noticed(spans_of: Callable[..., pl.DataFrame]) -> None:
    """Langfuse alone keeps model and usage under names that say neither."""
    recordings = sorted(path.stem for path in (DATA / "dialects").glob("*.pb"))
    spans = pl.concat([spans_of(name) for name in recordings], how="diagonal").unique(["trace_id", "span_id"])
    counted = to_calls(spans).filter(pl.col("usage_source") == "reported")
    noticed = to_calls_and_unmapped(spans, [NOBODY])[1]
    missed = counted.join(noticed, on=["trace_id", "span_id"], how="anti")
    assert set(missed["dialect"]) == {"langfuse"}
    assert missed.height < counted.height / 20


@pytest.mark.parametrize(
    "names",
    [
        ["gen_ai.llm.model"],
        ["llm.model"],
        ["ai.model.name"],
        ["acme.llm.model", "acme.tokens.in"],
        ["genai.model_id"],
        ["llm.acme.input_tokens"],
        ["acme.model", "acme.usage.promptTokens"],
        ["model", "tokens.total"],
        ["acme.model", "acme.token_count"],
    ],
)
def test_what_looks_like_a_call(names: list[str]) -> None:
    assert unmapped(dict.fromkeys(names, 5)) == [("no_dialect", ", ".join(sorted(names)))]


@pytest.mark.parametrize(
    "attributes",
    [
        {"http.request.method": "POST", "url.full": "https://api.openai.com/v1/chat/completions"},
        {"db.system": "postgresql", "db.statement": "SELECT model, prompt_tokens FROM llm.calls"},
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.tool.model": "x"},
        {"openinference.span.kind": "CHAIN", "llm.acme.model": "x"},
        {"llm.max_tokens": 100, "ai.settings.maxOutputTokens": 100, "acme.token_limit": 7},
        {"ai.device.model": "Pixel 9"},
        {"device.model": "Pixel 9", "cart.total": 3},
        {"chunk.total_tokens": 400},
        {"note": 'says {"llm.model": "x"} and \\"llm.model\\": 1'},
        {"acme.nested": {"llm.model": "x", "prompt_tokens": 3}},
        {"marginlake.signal.event_name": "sold", "llm.model": "x"},
        {},
    ],
)
def test_what_is_no_question(attributes: dict[str, Any]) -> None:
    assert unmapped(attributes) == []


def test_signals_of_the_paid_sdk_are_none() -> None:
    assert unmapped({"event_name": "sold", "llm.model": "x"}, name="paid.trace.signal") == []


def test_the_resource_says_nothing_about_the_span() -> None:
    sent = payload(span({"a": 1}), resource={"llm.model": "x", "prompt_tokens": 3})
    assert to_calls_and_unmapped(decode_traces([(sent, 0)], WANTED).spans)[1].is_empty()


def test_litellms_raw_exchange_is_none() -> None:
    raw = {"llm.openai.model": "gpt-4o", "llm.openai.max_tokens": 5}
    assert unmapped(raw, scope="litellm", name="raw_gen_ai_request") == []


class TestCallsWithoutUsage:
    def test_counts_under_names_that_nobody_reads_are_shown(self) -> None:
        sent = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.tokens.in": 7}
        assert unmapped(sent) == [("usage_unread", "gen_ai.request.model, gen_ai.usage.tokens.in")]

    def test_so_are_those_of_a_library_that_changed_its_names(self) -> None:
        sent = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.tokens.in": 7}
        assert [reason for reason, _ in unmapped(sent, scope="openlit.otel.tracing")] == ["usage_unread"]

    def test_a_call_with_usage_is_no_question(self) -> None:
        sent = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 7, "acme.prompt_tokens": 7}
        assert unmapped(sent) == []

    def test_a_call_that_failed_or_says_nothing_is_none(self) -> None:
        assert unmapped({"gen_ai.request.model": "gpt-4o", "gen_ai.request.max_tokens": 100}) == []
        assert unmapped({"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 0}) == []


def test_a_dialect_that_recognises_a_span_and_finds_nothing() -> None:
    sent = {"gen_ai.operation.name": "think", "gen_ai.usage.tokens.in": 7}
    assert unmapped(sent) == [("nothing_read", "gen_ai.operation.name, gen_ai.usage.tokens.in")]


def test_all_that_an_own_dialect_recognises_but_cannot_read_is_shown() -> None:
    """Whatever the names: the section is wrong, or takes too many spans."""
    section = {"detect": {"scope": "acme"}, "fields": {"request_model": "acme.modell"}}
    own = custom_dialects({"acme": section})
    sent = [span({"acme.m": "x"}, span_id=b"\x01" * 8), span({}, span_id=b"\x02" * 8)]
    spans = decode_traces([(payload(*sent, scope="acme"), 0)], WANTED).spans
    questions = to_calls_and_unmapped(spans, (*own, *DIALECTS))[1]
    assert questions.select("reason", "attribute_names").rows() == [("nothing_read", "acme.m"), ("nothing_read", None)]
    aggregates = custom_dialects({"acme": {**section, "role": "aggregate"}})
    assert to_calls_and_unmapped(spans, (*aggregates, *DIALECTS))[1].is_empty()


def test_names_only_and_where_it_came_from() -> None:
    secret = 'say "llm.model": {"x": "y"}'
    sent = payload(
        span({"llm.model": secret, 'odd"name': secret, "list": [{"prompt_tokens": secret}]}, name="ask"),
        resource={"service.name": "chat"},
        scope="acme-llm",
    )
    (row,) = to_calls_and_unmapped(decode_traces([(sent, 0)], WANTED).spans)[1].to_dicts()
    assert (row["service_name"], row["scope_name"], row["name"]) == ("chat", "acme-llm", "ask")
    assert row["attribute_names"] == 'list, llm.model, odd\\"name'
    assert list(row) == list(UNMAPPED_SCHEMA)


def test_a_span_with_countless_attributes_shows_some() -> None:
    ((_, names),) = unmapped({"llm.model": "x", **{f"a{number:04}": 1 for number in range(1000)}})
    assert len(names.split(", ")) == MOST_NAMES
