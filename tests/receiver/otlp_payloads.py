"""Small OTLP payloads for tests, and the recorded ones."""

from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

DATA = Path(__file__).parents[1] / "data"
DIALECT_CAPTURES = sorted((DATA / "dialects").glob("*.pb"))

RECEIVED_NS = 1_795_468_200_000_000_000
START_NS = 1_795_468_100_123_456_789
TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))


def any_value(value: object) -> AnyValue:
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    assert isinstance(value, dict)
    return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))


def attributes(values: dict[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def span(
    values: dict[str, object] | None = None,
    *,
    trace_id: bytes = TRACE_ID,
    span_id: bytes = SPAN_ID,
    parent_span_id: bytes = b"",
    name: str = "work",
    start_ns: int = START_NS,
    end_ns: int = START_NS + 5_000_000,
    events: list[Span.Event] | None = None,
    **fields: object,
) -> Span:
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        name=name,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
        attributes=attributes(values or {}),
        events=events or [],
        **fields,
    )


def event(name: str, values: dict[str, object], time_ns: int = START_NS + 1_000_000) -> Span.Event:
    return Span.Event(name=name, time_unix_nano=time_ns, attributes=attributes(values))


def payload(*spans: Span, resource: dict[str, object] | None = None, scope: str = "lab", version: str = "1.0") -> bytes:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(attributes(resource or {}))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = scope, version
    scope_spans.spans.extend(spans)
    return bytes(request.SerializeToString())
