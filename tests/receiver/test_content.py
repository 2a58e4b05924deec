"""Prompts and answers of a few spans, looked at once more: what is stored does not change by it."""

import json

import polars as pl

from receiver.content import with_content
from receiver.decode import decode_traces
from receiver.frames import Wanted
from tests.receiver.otlp_payloads import DIALECT_CAPTURES, RECEIVED_NS, event, payload, span

KEY = ["trace_id", "span_id", "content_hash"]


def numbered(count: int, first: int = 1) -> list[bytes]:
    return [bytes([first + number]) * 8 for number in range(count)]


def test_only_the_spans_asked_for_come_back_with_their_text() -> None:
    bodies = [
        payload(*(span({"gen_ai.prompt.0.content": f"text {each.hex()}"}, span_id=each) for each in numbered(3, first)))
        for first in (1, 10)
    ]
    payloads = [(body, RECEIVED_NS) for body in bodies]
    decoded = decode_traces(payloads, Wanted())
    places = decoded.spans.filter(pl.col("span_id").is_in(["02" * 8, "0b" * 8]))

    again = with_content(payloads, places).spans

    assert again["span_id"].to_list() == ["02" * 8, "0b" * 8]
    texts = [json.loads(text)["gen_ai.prompt.0.content"] for text in again["attributes"]]
    assert texts == [f"text {'02' * 8}", f"text {'0b' * 8}"]
    assert not decoded.spans["attributes"].str.contains("text ").any()


def test_secrets_stay_out() -> None:
    body = payload(span({"gen_ai.prompt.0.content": "hello", "openai.api_key": "sk-1"}))
    payloads = [(body, RECEIVED_NS)]
    again = with_content(payloads, decode_traces(payloads, Wanted()).spans).spans
    assert json.loads(again["attributes"].item()) == {"gen_ai.prompt.0.content": "hello", "resource": {}}


def test_events_with_text_come_along_and_others_do_not() -> None:
    sent = span(events=[event("gen_ai.user.message", {"content": "hello"}), event("exception", {"content": "boom"})])
    payloads = [(payload(sent), RECEIVED_NS)]
    events = with_content(payloads, decode_traces(payloads, Wanted()).spans).events
    assert events.select("name", "attributes").rows() == [("gen_ai.user.message", '{"content":"hello"}')]


def test_recorded_spans_are_the_same_spans_again() -> None:
    """Same ids and same content hash, so that what is read of a span belongs to it and to no other version of it."""
    payloads = [(path.read_bytes(), RECEIVED_NS) for path in DIALECT_CAPTURES]
    spans = decode_traces(payloads, Wanted()).spans
    again = with_content(payloads, spans).spans
    assert again.select(KEY).equals(spans.select(KEY))
