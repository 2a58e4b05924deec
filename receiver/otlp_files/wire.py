"""As much of the protobuf wire format as it takes to find where the parts of a request begin and end."""

from collections.abc import Callable
from typing import Final

RESOURCE_SPANS_TAG: Final = 0x0A
"""Field 1, length-delimited: the only field of an ExportTraceServiceRequest."""

VARINT_BYTES: Final = 10

_RESOURCE_SPANS_FIELDS: Final = frozenset({0x0A, 0x12, 0x1A, 1000 << 3 | 2})  # resource, scope_spans, schema_url, old
_FIXED_WIDTHS: Final = {1: 8, 5: 4}
_VARINT: Final = 0
_LENGTH: Final = 2


class WireError(ValueError):
    """Bytes that are not what protobuf writes."""


def varint(data: bytes, at: int) -> tuple[int, int] | None:
    """The varint at `at` and the place behind it; None when the data end first. Raises WireError for one too long."""
    value = 0
    for position in range(at, min(at + VARINT_BYTES, len(data))):
        byte = data[position]
        value |= (byte & 0x7F) << (7 * (position - at))
        if byte < 0x80:
            return value, position + 1
    if len(data) - at >= VARINT_BYTES:
        raise WireError("a number is longer than 10 bytes")
    return None


def field_end(data: bytes, at: int) -> tuple[int, int] | None:
    """The tag of the field at `at` and where the field ends (maybe behind the data); None when the data end first."""
    tagged = varint(data, at)
    if tagged is None:
        return None
    tag, behind = tagged
    wire_type = tag & 7
    if tag >> 3 == 0:
        raise WireError("a field has number 0")
    if wire_type in _FIXED_WIDTHS:
        return tag, behind + _FIXED_WIDTHS[wire_type]
    if wire_type not in (_VARINT, _LENGTH):
        raise WireError(f"a field has wire type {wire_type}")
    number = varint(data, behind)
    if number is None:
        return None
    value, behind = number
    return tag, behind + value if wire_type == _LENGTH else behind


def looks_like_request(data: bytes, whole: bool) -> bool:
    """Whether these bytes can be a request, or with `whole=False` the start of one, down to its resources' fields."""
    return _walks(data, whole, _is_resource_spans)


def _is_resource_spans(tag: int, content: bytes, whole: bool) -> bool:
    return tag == RESOURCE_SPANS_TAG and _walks(content, whole, lambda tag, _, __: tag in _RESOURCE_SPANS_FIELDS)


def _walks(data: bytes, whole: bool, allowed: Callable[[int, bytes, bool], bool]) -> bool:
    at = 0
    while at < len(data):
        try:
            field = field_end(data, at)
            if field is None:
                return not whole
            tag, end = field
            if end > len(data) and whole:
                return False
            length_at = varint(data, at)
            content_at = varint(data, length_at[1]) if length_at else None
        except WireError:
            return False
        if content_at is None or not allowed(tag, data[content_at[1] : end], end <= len(data)):
            return False
        at = end
    return True
