"""OTLP JSON becomes the same protobuf a protobuf exporter would have sent, or an error that names the place."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from receiver.errors import Malformed
from receiver.inspection import inspect_traces
from receiver.otlp_json import DEEPEST_VALUE, traces_to_protobuf
from tests.receiver.receiving import DATA, NODE_CAPTURES, spans_of, to_otlp_json

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"


def read(content: object) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(traces_to_protobuf(json.dumps(content).encode()))


def request_with(**span: object) -> dict:
    whole = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "chat", **span}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [whole]}]}]}


def span_with(**span: object):
    [read_span] = spans_of(read(request_with(**span)))
    return read_span


def value_of(value: object) -> AnyValue:
    return span_with(attributes=[{"key": "k", "value": value}]).attributes[0].value


@pytest.mark.parametrize("path", NODE_CAPTURES, ids=lambda path: path.name)
def test_what_node_sends_is_read_completely(path):
    sent = json.loads(path.read_bytes())
    request = ExportTraceServiceRequest.FromString(traces_to_protobuf(path.read_bytes()))
    [span], [sent_span] = spans_of(request), sent["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span.trace_id.hex() == sent_span["traceId"]
    assert span.span_id.hex() == sent_span["spanId"]
    assert span.parent_span_id.hex() == sent_span.get("parentSpanId", "")
    assert span.start_time_unix_nano == int(sent_span["startTimeUnixNano"])
    assert span.status.code == sent_span["status"]["code"]
    assert [a.key for a in span.attributes] == [a["key"] for a in sent_span["attributes"]]
    assert json.loads(to_otlp_json(request)) == without_zeros(sent)
    assert inspect_traces(request.SerializeToString()).rejected == 0


def without_zeros(value: object) -> object:
    """As protobuf writes JSON: no zero counts, no empty lists or texts, 64-bit integers as strings."""
    if isinstance(value, list):
        return [without_zeros(item) for item in value]
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            if key == "intValue":
                inner = str(inner)
            in_value = key.endswith("Value")
            if in_value or inner not in (0, [], "") or inner is False:
                kept[key] = without_zeros(inner)
        return kept
    return value


@pytest.mark.parametrize("path", sorted((DATA / "dialects").glob("*.pb"))[::4], ids=lambda path: path.name)
def test_captures_survive_the_way_through_json(path):
    request = ExportTraceServiceRequest.FromString(path.read_bytes())
    assert ExportTraceServiceRequest.FromString(traces_to_protobuf(to_otlp_json(request))) == request


def values(depth: int = 3) -> st.SearchStrategy[AnyValue]:
    plain = st.one_of(
        st.text(max_size=20).map(lambda v: AnyValue(string_value=v)),
        st.integers(-(2**63), 2**63 - 1).map(lambda v: AnyValue(int_value=v)),
        st.floats(allow_nan=False).map(lambda v: AnyValue(double_value=v)),
        st.booleans().map(lambda v: AnyValue(bool_value=v)),
        st.binary(max_size=20).map(lambda v: AnyValue(bytes_value=v)),
        st.just(AnyValue()),
        st.just(AnyValue(array_value=ArrayValue())),
    )
    if depth == 0:
        return plain
    inner = st.lists(values(depth - 1), max_size=3)
    return st.one_of(
        plain,
        inner.map(lambda vs: AnyValue(array_value=ArrayValue(values=vs))),
        inner.map(
            lambda vs: AnyValue(
                kvlist_value=KeyValueList(values=[KeyValue(key=str(i), value=v) for i, v in enumerate(vs)])
            )
        ),
    )


@settings(deadline=None, max_examples=150)
@given(st.lists(values(), max_size=4))
def test_every_attribute_value_survives_the_way_through_json(attribute_values: list[AnyValue]):
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="s")
    for index, value in enumerate(attribute_values):
        span.attributes.add(key=f"k{index}").value.CopyFrom(value)
    assert ExportTraceServiceRequest.FromString(traces_to_protobuf(to_otlp_json(request))) == request


def test_ids_are_hex_of_any_case():
    span = span_with(traceId=TRACE_ID.upper(), spanId=SPAN_ID.upper(), parentSpanId="EEE19B7ec3c1b173")
    assert span.trace_id.hex() == TRACE_ID
    assert span.span_id.hex() == SPAN_ID
    assert span.parent_span_id.hex() == "eee19b7ec3c1b173"


def test_ids_of_links_are_hex_too():
    [link] = span_with(links=[{"traceId": TRACE_ID, "spanId": SPAN_ID}]).links
    assert (link.trace_id.hex(), link.span_id.hex()) == (TRACE_ID, SPAN_ID)


@pytest.mark.parametrize(
    "ids",
    [
        {"traceId": TRACE_ID[:-2]},
        {"traceId": TRACE_ID[:-1]},
        {"traceId": "W47/95gDgQPSabYzgT/GDA=="},
        {"traceId": ""},
        {"traceId": None},
        {"traceId": 7},
        {"spanId": "zzzzzzzzzzzzzzzz"},
        {"spanId": TRACE_ID},
        {"parentSpanId": "not hex!"},
        {"parentSpanId": "ab"},
    ],
    ids=str,
)
def test_a_bad_id_costs_its_own_span_only(ids):
    content = request_with(**ids)
    content["resourceSpans"][0]["scopeSpans"][0]["spans"].append({"traceId": TRACE_ID, "spanId": SPAN_ID})
    inspection = inspect_traces(traces_to_protobuf(json.dumps(content).encode()))
    assert (inspection.spans, inspection.rejected) == (2, 1)


@pytest.mark.parametrize("number", ["1700000000000000001", 1700000000000000001])
def test_64_bit_integers_are_strings_or_numbers(number):
    assert span_with(startTimeUnixNano=number).start_time_unix_nano == 1700000000000000001
    assert value_of({"intValue": number}).int_value == 1700000000000000001


def test_integers_may_be_negative_and_may_be_written_as_whole_doubles():
    assert value_of({"intValue": "-5"}).int_value == -5
    assert value_of({"intValue": 3.0}).int_value == 3


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ({"stringValue": "text"}, "string_value", "text"),
        ({"boolValue": False}, "bool_value", False),
        ({"doubleValue": 0.25}, "double_value", 0.25),
        ({"doubleValue": 3}, "double_value", 3.0),
        ({"doubleValue": "1e3"}, "double_value", 1000.0),
        ({"doubleValue": "Infinity"}, "double_value", math.inf),
        ({"doubleValue": "-Infinity"}, "double_value", -math.inf),
        ({"bytesValue": "AAEC/w=="}, "bytes_value", b"\0\1\2\xff"),
        ({"bytesValue": "AAEC_w"}, "bytes_value", b"\0\1\2\xff"),
    ],
)
def test_plain_attribute_values(value, field, expected):
    read_value = value_of(value)
    assert read_value.WhichOneof("value") == field
    assert getattr(read_value, field) == expected


def test_not_a_number_is_a_double():
    assert math.isnan(value_of({"doubleValue": "NaN"}).double_value)


def test_lists_and_maps_are_values_even_when_empty_or_mixed():
    mixed = value_of({"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "a"}, {}]}}).array_value
    assert [v.WhichOneof("value") for v in mixed.values] == ["int_value", "string_value", None]
    nested = value_of({"kvlistValue": {"values": [{"key": "a", "value": {"kvlistValue": {}}}]}}).kvlist_value
    assert nested.values[0].value.WhichOneof("value") == "kvlist_value"
    assert value_of({"arrayValue": {}}).WhichOneof("value") == "array_value"


@pytest.mark.parametrize("empty", [{}, {"stringValue": None}, None])
def test_a_value_may_be_empty(empty):
    assert value_of(empty).WhichOneof("value") is None


def test_unknown_fields_are_ignored():
    span = span_with(someNewField={"deeply": [{"nested": 1}]}, name="kept")
    assert span.name == "kept"
    assert read({"resourceSpans": [], "other_thing": 1}) == ExportTraceServiceRequest()


@pytest.mark.parametrize(
    ("content", "path", "right"),
    [
        ({"resource_spans": []}, "resource_spans", "resourceSpans"),
        (request_with(trace_id=TRACE_ID), "resourceSpans[0].scopeSpans[0].spans[0].trace_id", "traceId"),
        (request_with(start_time_unix_nano="1"), "spans[0].start_time_unix_nano", "startTimeUnixNano"),
        (request_with(attributes=[{"key": "k", "value": {"string_value": "v"}}]), "value.string_value", "stringValue"),
    ],
)
def test_the_snake_case_spelling_of_a_known_field_is_refused_by_name(content, path, right):
    with pytest.raises(Malformed) as refusal:
        read(content)
    assert path in refusal.value.message
    assert right in refusal.value.message
    assert refusal.value.field.endswith(path)


@pytest.mark.parametrize(
    ("span", "path"),
    [
        ({"kind": "SPAN_KIND_CLIENT"}, "spans[0].kind"),
        ({"kind": True}, "spans[0].kind"),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, "spans[0].status.code"),
        ({"status": 1}, "spans[0].status"),
        ({"name": 5}, "spans[0].name"),
        ({"attributes": {}}, "spans[0].attributes"),
        ({"attributes": ["k"]}, "spans[0].attributes[0]"),
        ({"startTimeUnixNano": -1}, "spans[0].startTimeUnixNano"),
        ({"startTimeUnixNano": 2**64}, "spans[0].startTimeUnixNano"),
        ({"startTimeUnixNano": "soon"}, "spans[0].startTimeUnixNano"),
        ({"startTimeUnixNano": 1.5}, "spans[0].startTimeUnixNano"),
        ({"droppedAttributesCount": -1}, "spans[0].droppedAttributesCount"),
        ({"flags": 2**32}, "spans[0].flags"),
        ({"attributes": [{"key": "k", "value": {"boolValue": "true"}}]}, "value.boolValue"),
        ({"attributes": [{"key": "k", "value": {"intValue": True}}]}, "value.intValue"),
        ({"attributes": [{"key": "k", "value": {"intValue": 2**63}}]}, "value.intValue"),
        ({"attributes": [{"key": "k", "value": {"doubleValue": "one"}}]}, "value.doubleValue"),
        ({"attributes": [{"key": "k", "value": {"doubleValue": True}}]}, "value.doubleValue"),
        ({"attributes": [{"key": "k", "value": {"bytesValue": "!"}}]}, "value.bytesValue"),
        ({"attributes": [{"key": "k", "value": {"intValue": 1, "stringValue": "1"}}]}, "attributes[0].value"),
        ({"attributes": [{"key": "k", "value": {"arrayValue": []}}]}, "value.arrayValue"),
    ],
    ids=str,
)
def test_a_value_its_field_cannot_hold_is_refused_with_its_path(span, path):
    with pytest.raises(Malformed) as refusal:
        read(request_with(**span))
    assert path in refusal.value.message


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"not json", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"resourceSpans": [NaN]}', b"[" * 100_000],
    ids=["empty", "cut", "text", "list", "null", "string", "not utf-8", "nan", "bottomless"],
)
def test_a_body_that_is_no_json_object_is_malformed(body: bytes):
    with pytest.raises(Malformed):
        traces_to_protobuf(body)


def test_values_nest_as_deep_as_protobuf_readers_follow_and_no_deeper():
    def nested(levels: int) -> dict:
        value: dict = {"stringValue": "bottom"}
        for _ in range(levels - 1):
            value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
        return request_with(attributes=[{"key": "k", "value": value}])

    assert len(spans_of(read(nested(DEEPEST_VALUE)))) == 1
    with pytest.raises(Malformed, match="nested deeper"):
        read(nested(DEEPEST_VALUE + 1))


@settings(deadline=None, max_examples=200)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    [
                        "resourceSpans",
                        "scopeSpans",
                        "spans",
                        "attributes",
                        "key",
                        "value",
                        "traceId",
                        "kind",
                        "intValue",
                    ]
                ),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=12,
    )
)
def test_any_json_is_either_read_or_malformed(content: object):
    try:
        payload = traces_to_protobuf(json.dumps(content).encode())
    except Malformed:
        return
    inspect_traces(payload)
