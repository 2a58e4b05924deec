"""The generator's requests: patched bytes must still be what an exporter would have sent."""

from collections import Counter

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.payloads import SPANS, TRACES, Template, templates
from benchmarks.spans import CALLS_PER_TRACE, SIGNALS_PER_TRACE, SPANS_PER_TRACE

NOW = 1_795_000_000_000_000_000


@pytest.fixture(scope="module")
def template():
    return Template(seed=1)


def spans_of(payload):
    request = ExportTraceServiceRequest.FromString(payload)
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def values(span, key):
    return [pair.value.string_value for pair in span.attributes if pair.key == key]


def test_a_request_has_512_spans_of_64_traces_with_three_calls_and_one_signal_each(template):
    spans = spans_of(template.fill(NOW))

    assert len(spans) == SPANS == TRACES * SPANS_PER_TRACE
    assert set(Counter(span.trace_id for span in spans).values()) == {SPANS_PER_TRACE}
    calls = [span for span in spans if any(pair.key == "gen_ai.usage.input_tokens" for pair in span.attributes)]
    assert len(calls) == TRACES * CALLS_PER_TRACE
    assert sum(span.name == "paid.trace.signal" for span in spans) == TRACES * SIGNALS_PER_TRACE


def test_spans_have_15_to_20_attributes_and_about_1200_bytes(template):
    spans = spans_of(template.fill(NOW))

    assert all(15 <= len(span.attributes) <= 20 for span in spans)
    assert 1_100 < template.size / SPANS < 1_300


def test_every_filling_has_ids_of_its_own_and_parents_within_its_traces(template):
    first, second = spans_of(template.fill(NOW)), spans_of(template.fill(NOW))

    assert not {span.trace_id for span in first} & {span.trace_id for span in second}
    assert not {span.span_id for span in first} & {span.span_id for span in second}
    for spans in (first, second):
        by_id = {span.span_id: span for span in spans}
        assert len(by_id) == SPANS
        children = [span for span in spans if span.parent_span_id]
        assert len(children) == SPANS - TRACES
        assert all(by_id[span.parent_span_id].trace_id == span.trace_id for span in children)


def test_response_ids_are_never_repeated_so_that_no_call_looks_like_a_twin(template):
    fillings = [spans_of(template.fill(NOW)) for _ in range(3)]
    ids = [one for spans in fillings for span in spans for one in values(span, "gen_ai.response.id")]

    assert len(ids) == len(set(ids)) == 3 * TRACES * 2


def test_spans_ended_now_and_lie_within_their_trace(template):
    spans = spans_of(template.fill(NOW))
    roots = {span.trace_id: span for span in spans if not span.parent_span_id}

    assert max(span.end_time_unix_nano for span in spans) == NOW
    for span in spans:
        root = roots[span.trace_id]
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano


def test_templates_differ_in_customers_and_tokens():
    first, second = (spans_of(each.fill(NOW)) for each in templates(2, seed=5))

    customers = [{one for span in spans for one in values(span, "external_customer_id")} for spans in (first, second)]
    assert customers[0] != customers[1]
