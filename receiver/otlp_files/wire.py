"""As much of the protobuf wire format as it takes to find where the parts of a request begin and end."""

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


def starts_like_request(data: bytes, whole: bool) -> bool:
    """Whether these bytes, or with `whole=False` the bytes they are the start of, begin with a `resource_spans`.

    Looks no further than that first field, so that damage or later additions behind it change nothing.
    """
    content = _content(data)
    if data[:1] != bytes([RESOURCE_SPANS_TAG]) or content is None:
        return False
    start, end = content
    if end > len(data) and whole:
        return False
    inner = data[start:end]
    return _are_fields(inner, whole=end <= len(data)) and (not inner or _tag(inner) in _RESOURCE_SPANS_FIELDS)


def _content(data: bytes) -> tuple[int, int] | None:
    """Where the content of the first, length-delimited field starts and ends."""
    try:
        length = varint(data, 1)
    except WireError:
        return None
    return (length[1], length[0] + length[1]) if length else None


def _tag(data: bytes) -> int | None:
    tagged = varint(data, 0)
    return tagged[0] if tagged else None


def _are_fields(data: bytes, whole: bool) -> bool:
    """Whether these bytes are fields of any message, one after another."""
    at = 0
    while at < len(data):
        try:
            field = field_end(data, at)
        except WireError:
            return False
        if field is None:
            return not whole
        at = field[1]
    return at == len(data) or not whole
