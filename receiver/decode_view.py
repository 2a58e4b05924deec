"""OTLP trace requests parsed with the attributes of their spans left as bytes.

Most of the time of reading a span in Python is spent on objects for its attributes and their values, and most
attributes say again what another span said. This view is the installed OTLP schema with one change: an element of
``Span.attributes`` is the serialized ``KeyValue`` and not the message. The wire format of both is the same.
"""

from typing import Any, Final, Protocol, cast

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

_PACKAGE: Final = "marginlake.view"
_COPIED: Final = ("TracesData", "ResourceSpans", "ScopeSpans", "Span")

_SHALLOW_BYTES: Final = 150
"""A message nested so deep that a parser gives up (100 levels) takes two bytes a level: fewer bytes cannot be one."""


class SpanView(Protocol):
    """A span as the decoder reads it; fields that have no use here are kept for ``SerializeToString``."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    trace_state: str
    name: str
    kind: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    attributes: list[bytes]  # serialized KeyValues, not looked into
    events: list[Any]  # ordinary Span.Event messages
    status: Any  # an ordinary Status message

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """The span on the wire, as its ordinary message writes it if every attribute is in canonical form."""
        ...


def parse_view(payload: bytes) -> Any:
    """Parse an ``ExportTraceServiceRequest``, attributes of spans aside. Raises ``DecodeError``.

    ``TracesData`` and the request are the same on the wire. What stands in an attribute is not checked here.
    """
    return _REQUEST.FromString(payload)


def parse_attribute(raw: bytes) -> "KeyValue":
    """Parse one element of ``SpanView.attributes``. Raises ``DecodeError`` exactly when parsing its request would."""
    if len(raw) < _SHALLOW_BYTES:
        return KeyValue.FromString(raw)
    around = _REQUEST()
    around.resource_spans.add().scope_spans.add().spans.add().attributes.append(raw)
    request = ExportTraceServiceRequest.FromString(around.SerializeToString())
    return request.resource_spans[0].scope_spans[0].spans[0].attributes[0]


def plain_bytes(span: SpanView) -> bytes:
    """The span as its ordinary message writes it, whatever encoding its attributes came in."""
    return bytes(trace_pb2.Span.FromString(span.SerializeToString()).SerializeToString())


def _view() -> Any:
    """Build the message class from the installed schema, so that fields a later version adds are followed."""
    schema = FileDescriptorProto.FromString(trace_pb2.DESCRIPTOR.serialized_pb)
    names = {f".{schema.package}.{name}": f".{_PACKAGE}.{name}" for name in _COPIED}
    view = FileDescriptorProto(
        name="marginlake/view.proto",
        package=_PACKAGE,
        syntax=schema.syntax,
        dependency=[schema.name, *schema.dependency],
    )
    for message in schema.message_type:
        if message.name not in _COPIED:
            continue
        copy = view.message_type.add()
        copy.CopyFrom(message)
        del copy.nested_type[:], copy.enum_type[:]  # fields go on referring to those of the schema itself
        for field in copy.field:
            field.type_name = names.get(field.type_name, field.type_name)
            if message.name == "Span" and field.name == "attributes":
                field.type = FieldDescriptorProto.TYPE_BYTES
            if not field.type_name or field.type == FieldDescriptorProto.TYPE_BYTES:
                field.ClearField("type_name")
    pool = cast(Any, Default())
    pool.Add(view)
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.TracesData"))


_REQUEST: Final = _view()
