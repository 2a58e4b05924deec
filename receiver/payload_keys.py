"""API keys inside of trace payloads, where clients that send no `Authorization` header put them.

paid-python before 1.1 has it as the resource attribute `api.key`, paid-node 0.5 as the span attribute `token`. Neither
is ever stored: `receiver.redact` takes both out. Only payloads without a header are looked at.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

_RESOURCE_KEY: Final = "api.key"
_SPAN_KEY: Final = "token"


def payload_key(payload: bytes) -> str | None:
    """The one key that all of a serialized ExportTraceServiceRequest was sent with; None for none, or for several.

    A payload that is none has no key: whoever takes it in says what is wrong with it.
    """
    try:
        request = ExportTraceServiceRequest.FromString(payload)
    except DecodeError:
        return None
    found = set(_keys(request))
    return found.pop() if len(found) == 1 else None


def _keys(request: ExportTraceServiceRequest) -> Iterator[str]:
    for spans in request.resource_spans:
        yield from _values(spans.resource.attributes, _RESOURCE_KEY)
        for scope in spans.scope_spans:
            for span in scope.spans:
                yield from _values(span.attributes, _SPAN_KEY)


def _values(attributes: Iterable[KeyValue], key: str) -> Iterator[str]:
    return (each.value.string_value for each in attributes if each.key == key and each.value.string_value)
