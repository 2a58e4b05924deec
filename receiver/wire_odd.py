"""Values that the scanner sets apart, and what it hands over to be read by message: doubles, resources, scopes.

Rare shapes cost a turn of the interpreter each, but once only: equal bytes are read once a batch.
"""

import ctypes
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.decode_values import json_object, json_value, text_value
from receiver.redact import Disposition, disposition, scrub_url
from receiver.wire_layout import (
    BITS,
    DOUBLES,
    IN_EVENT,
    IN_LINK,
    IN_SPAN,
    IS_ADDRESS,
    JSON_AT,
    JSON_SIZE,
    ODD_AT,
    ODD_PAYLOAD,
    ODD_PLACE,
    ODD_SIZE,
    ODD_VALUES,
    STORE,
    TEXT_AT,
    TEXT_SIZE,
    WIDE,
)
from receiver.wire_tables import Context

_ENCLOSING: Final = {IN_SPAN: b"\x4a\x12\x12\x0a", IN_EVENT: b"\x1a\x5a\x12\x12\x0a", IN_LINK: b"\x22\x6a\x12\x12\x0a"}
"""Tags of the messages around a KeyValue, from inside: how deep a value is nested counts for whether it is valid."""

_Pieces = tuple[bytes, bytes | None]


class Origin(NamedTuple):
    """What the spans of a resource share; ``tail`` ends the JSON of their attributes."""

    service_name: str | None
    text: dict[str, str]
    tail: bytes


def enclosed(raw: bytes, tags: bytes) -> ExportTraceServiceRequest:
    """A request with nothing in it but these bytes, within fields of these tags. Raises ``DecodeError``."""
    for tag in tags:
        size, length = len(raw), bytearray()
        while size >= 0x80:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        raw = bytes((tag, *length, size)) + raw
    return ExportTraceServiceRequest.FromString(raw)


def _key_value(raw: bytes, place: int) -> Any:
    span = enclosed(raw, _ENCLOSING[place]).resource_spans[0].scope_spans[0].spans[0]
    within: Any = span if place == IN_SPAN else span.events[0] if place == IN_EVENT else span.links[0]
    return within.attributes[0]


def read_odd_values(context: Context, rules: Mapping[str, int], *, capture_content: bool) -> set[int]:
    """Say what every odd value is in JSON and in text; returns the payloads that only messages can read."""
    rows = context.rows(ODD_VALUES)
    known: dict[tuple[bytes, int], _Pieces | None] = {}
    found: list[_Pieces] = []
    bad: set[int] = set()
    for at, size, place, payload in rows[:, [ODD_AT, ODD_SIZE, ODD_PLACE, ODD_PAYLOAD]].tolist():
        raw = ctypes.string_at(at, size)
        if (raw, place) not in known:
            known[raw, place] = _read(raw, place, rules, capture_content=capture_content)
        pieces = known[raw, place]
        if pieces is None:
            bad.add(payload)
        found.append(pieces or (b"", None))
    rows[:, [JSON_AT, JSON_SIZE]] = context.texts([json for json, _ in found])
    rows[:, [TEXT_AT, TEXT_SIZE]] = context.texts([text for _, text in found])
    return bad


def _read(raw: bytes, place: int, rules: Mapping[str, int], *, capture_content: bool) -> _Pieces | None:
    """JSON and text of a value, None when it is malformed or not in the encoding that every library writes."""
    if place == IS_ADDRESS:
        return orjson.dumps(scrub_url(raw.decode())), raw
    try:
        pair = _key_value(raw, place)
    except DecodeError:
        return None
    if pair.SerializeToString() != raw:
        return None
    rule = rules[pair.key] if place == IN_SPAN else 0
    json = orjson.dumps(json_value(pair.value, capture_content=capture_content)) if rule & STORE else b""
    text = text_value(pair.value) if rule & WIDE else None
    return json, None if text is None else text.encode()


def write_doubles(context: Context) -> None:
    """Say what every double is in JSON and in text: written alike but for very small and very large ones."""
    rows = context.rows(DOUBLES)
    if not len(rows):
        return
    numbers = rows[:, BITS].copy().view(np.float64)
    written = orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)
    base = context.hold(written)
    commas = np.flatnonzero(np.frombuffer(written, dtype=np.uint8) == ord(","))
    starts = np.concatenate(([1], commas + 1))
    rows[:, JSON_AT] = rows[:, TEXT_AT] = base + starts
    rows[:, JSON_SIZE] = rows[:, TEXT_SIZE] = np.concatenate((commas, [len(written) - 1])) - starts
    sizes: NDArray[np.float64] = np.abs(numbers)
    unlike = np.flatnonzero((numbers != 0) & ((sizes < 1e-3) | (sizes >= 1e15)))
    if len(unlike):
        texts = context.texts([repr(number).encode() for number in numbers[unlike].tolist()])
        rows[unlike, TEXT_AT], rows[unlike, TEXT_SIZE] = texts[:, 0], texts[:, 1]


def read_resource(raw: bytes, wanted: frozenset[str], *, capture_content: bool) -> Origin | None:
    """What a serialized ``Resource`` says; None when it is malformed."""
    try:
        attributes: Any = enclosed(raw, b"\x0a\x0a").resource_spans[0].resource.attributes
    except DecodeError:
        return None
    text: dict[str, str] = {}
    service_name: str | None = None
    for pair in attributes:
        key = pair.key
        if key == "service.name":
            service_name = text_value(pair.value) or None
        if key in wanted and disposition(key) is not Disposition.SECRET:
            rendered = text_value(pair.value)
            if rendered is not None:
                text[key] = rendered
    stored = orjson.dumps(json_object(attributes, capture_content=capture_content))
    return Origin(service_name, text, b'"resource":' + stored + b"}")


def read_scope(raw: bytes) -> tuple[str | None, str | None] | None:
    """Name and version of a serialized ``InstrumentationScope``; None when it is malformed."""
    try:
        scope = enclosed(raw, b"\x0a\x12\x0a").resource_spans[0].scope_spans[0].scope
    except DecodeError:
        return None
    return scope.name or None, scope.version or None
