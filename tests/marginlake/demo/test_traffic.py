"""The demo's traffic as it goes over the wire, seen by a throw-away collector."""

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from marginlake.demo import dialects, story, traffic

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def values(span):
    """A span's attributes as a dict of text and numbers."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


@pytest.fixture
def plan():
    return story.tell(NOW, share=0.1)


def test_every_planned_span_arrives_once_as_itself_by_grpc_and_by_http(sink, plan):
    sent = traffic.send(plan, grpc=sink.grpc, http=sink.http)

    arrived = sink.spans()
    planned = Counter(span.name for trace in plan.traces for span in trace.spans())
    assert Counter(span.name for _, _, span in arrived.values()) == planned
    assert sent.spans == dict(Counter(service for service, _, _ in arrived.values()))
    assert {way for way, _ in sink.requests} == {"grpc", "http"}


def test_one_batch_is_sent_twice_by_each_way_with_the_very_same_bytes(sink, plan):
    sent = traffic.send(plan, grpc=sink.grpc, http=sink.http)

    repeated = {payload: count for payload, count in Counter(sink.requests).items() if count > 1}
    assert {way for way, _ in repeated} == {"grpc", "http"}
    assert sent.repeated_spans > 0


def test_spans_keep_their_planned_times_and_parents(sink, plan):
    traffic.send(plan, grpc=sink.grpc, http=sink.http)

    arrived = sink.spans()
    for trace_id, span_id in arrived:
        _, _, span = arrived[trace_id, span_id]
        assert span.end_time_unix_nano > span.start_time_unix_nano
        assert span.end_time_unix_nano < NOW.timestamp() * 1e9
        assert span.start_time_unix_nano > (NOW - timedelta(hours=40)).timestamp() * 1e9
        if span.parent_span_id:
            assert (trace_id, span.parent_span_id) in arrived
    roots = [span for _, _, span in arrived.values() if not span.parent_span_id]
    assert len(roots) == len({trace_id for trace_id, _ in arrived}) == len(plan.traces)


def test_a_refused_call_has_an_error_status_and_no_usage_one_that_broke_off_has_both(sink):
    plan = story.tell(NOW, share=0.4)
    traffic.send(plan, grpc=sink.grpc, http=sink.http)

    failed = [span for _, _, span in sink.spans().values() if span.status.code == Status.STATUS_CODE_ERROR]
    with_usage = {"RateLimitError": set(), "APIConnectionError": set()}
    for span in failed:
        with_usage[values(span)["error.type"]].add(any("usage" in key for key in values(span)))
    assert with_usage == {"RateLimitError": {False}, "APIConnectionError": {True}}


def test_signals_come_before_inside_and_after_their_calls_and_late_ones_in_the_last_requests(sink, plan):
    traffic.send(plan, grpc=sink.grpc, http=sink.http)

    spans = [(service, scope, span, values(span)) for service, scope, span in sink.spans().values()]
    starts = {span.trace_id: [] for _, _, span, _ in spans}
    for _, _, span, attributes in spans:
        if any("usage.input_tokens" in key for key in attributes):
            starts[span.trace_id].append(span.start_time_unix_nano)
    before = [s for service, _, s, _ in spans if s.name == "paid.trace.signal" and service == "web-storefront"]
    after = [s for service, _, s, _ in spans if s.name == "paid.trace.signal" and service == "sales-writer"]
    assert before
    assert all(signal.start_time_unix_nano < min(starts[signal.trace_id]) for signal in before)
    assert after
    assert all(signal.start_time_unix_nano > max(starts[signal.trace_id]) for signal in after)
    assert any("marginlake.signal.event_name" in attributes for _, _, _, attributes in spans)
    assert any(e.name == "ticket.resolved" for _, _, span, _ in spans for e in span.events)

    last = sink.requests[-1][1]
    assert b"email_sent" in last
    assert b"openai.chat" not in last


def test_support_spans_leave_the_customer_to_their_root(sink, plan):
    traffic.send(plan, grpc=sink.grpc, http=sink.http)

    support = [span for service, _, span in sink.spans().values() if service == "support-api"]
    named = [span for span in support if {"customer.id", "enduser.id"} & values(span).keys()]
    assert named
    assert all(not span.parent_span_id for span in named)


def test_rest_signals_claim_the_scope_their_spans_carry(sink, plan):
    sent = traffic.send(plan, grpc=sink.grpc, http=sink.http)

    claims = {
        signal["data"]["paid"]["paid_scope_id"] for signal in sink.signals if signal["eventName"] == "contract_reviewed"
    }
    carried = {values(span).get("paid_scope_id") for _, _, span in sink.spans().values()} - {None}
    assert claims == carried
    assert sent.api_ingested == len(sink.signals)
    assert sent.api_duplicates >= 1
    assert all(signal["customer"]["externalCustomerId"] for signal in sink.signals)


def test_prompts_and_keys_do_travel_so_that_the_lake_can_prove_it_drops_them(sink, plan):
    traffic.send(plan, grpc=sink.grpc, http=sink.http)

    wire = b"".join(payload for _, payload in sink.requests)
    assert dialects.PROMPT.encode() in wire
    assert dialects.KEY.encode() in wire


def test_the_same_seed_plans_the_same_traffic_and_another_seed_another(plan):
    assert story.tell(NOW, share=0.1) == plan
    assert story.tell(NOW, share=0.1, seed=1) != plan


def test_the_users_own_telemetry_settings_are_left_alone_and_have_no_effect(sink, plan, monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    before = dict(os.environ)

    traffic.send(plan, grpc=sink.grpc, http=sink.http)

    assert len(sink.spans()) == sum(len(trace.spans()) for trace in plan.traces)
    assert dict(os.environ) == before


def test_a_service_that_counts_signals_wrongly_stops_the_demo(sink, plan, monkeypatch):
    monkeypatch.setattr(sink, "take_signals", lambda signals: {"ingested": 0, "duplicates": 0, "failed": len(signals)})

    with pytest.raises(traffic.TrafficError, match="signals by REST"):
        traffic.send(plan, grpc=sink.grpc, http=sink.http)


def test_the_data_of_paid_signals_asks_for_cost_tracing(sink, plan):
    traffic.send(plan, grpc=sink.grpc, http=sink.http)

    signals = [span for _, _, span in sink.spans().values() if span.name == "paid.trace.signal"]
    assert signals
    assert all(json.loads(values(span)["data"])["paid"] == {"enable_cost_tracing": True} for span in signals)
