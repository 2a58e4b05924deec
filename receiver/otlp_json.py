"""OTLP JSON to OTLP protobuf, by the rules of the OTLP specification rather than those of protobuf's own JSON mapping.

The differences: trace and span ids are hex (any case), enums are integers only, and keys are lowerCamelCase only: the
snake_case spelling of a known field is refused by name, because ignoring it would lose data without a word. Unknown
keys are ignored, 64-bit integers may be strings or numbers, null means absent.

What is known is read from the protobuf descriptors, so this follows the installed `opentelemetry-proto`.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.errors import Malformed

DEEPEST_VALUE: Final = 30
"""Attribute values inside attribute values. Protobuf readers stop at 100 messages and a map takes three a level."""

UNREADABLE_ID: Final = b"\x00"
"""What an id that is no hex becomes: of a length no id has, so that only the span that carries it is rejected."""

_HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_ANY_VALUE: Final = "opentelemetry.proto.common.v1.AnyValue"
_SPECIAL_DOUBLES: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_EXACT_IN_DOUBLE: Final = 2**53
_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

Scalar = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message: exactly one of `scalar` (JSON value to Python value) and `message` is there."""

    name: str
    repeated: bool
    scalar: Scalar | None
    message: Descriptor | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A message: its fields by JSON key, the refused spellings with the right one, and whether it is an AnyValue."""

    fields: Mapping[str, _Field]
    refused: Mapping[str, str]
    is_value: bool


def traces_to_protobuf(body: bytes) -> bytes:
    """Convert a JSON ExportTraceServiceRequest to its protobuf bytes.

    A span whose trace, span or parent id is not hex is kept with `UNREADABLE_ID` in its place, for the inspection to
    reject. Raises Malformed, naming the path, for anything else that is wrong.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    request = ExportTraceServiceRequest()
    _fill(request, content, _plan(request.DESCRIPTOR), "", 0)
    return request.SerializeToString()


def _fill(message: Message, content: object, plan: _Plan, path: str, depth: int) -> None:
    if not isinstance(content, dict):
        raise _wrong(path, "must be a JSON object")
    if plan.is_value:
        depth += 1
        _check_value(content, plan, path, depth)
    for key, value in content.items():
        field = plan.fields.get(key)
        if field is None:
            if key in plan.refused:
                raise _wrong(_join(path, key), f"snake_case keys are not OTLP JSON; write {plan.refused[key]}")
        elif value is not None:
            where = _join(path, key)
            if field.repeated:
                _fill_list(message, field, value, where, depth)
            elif field.message is not None:
                inner = getattr(message, field.name)
                inner.SetInParent()
                _fill(inner, value, _plan(field.message), where, depth)
            else:
                _assign(field, value, where, partial(setattr, message, field.name))


def _fill_list(message: Message, field: _Field, items: object, path: str, depth: int) -> None:
    if not isinstance(items, list):
        raise _wrong(path, "must be a JSON array")
    target = getattr(message, field.name)
    for index, item in enumerate(items):
        where = f"{path}[{index}]"
        if field.message is not None:
            _fill(target.add(), item, _plan(field.message), where, depth)
        else:
            _assign(field, item, where, target.append)


def _assign(field: _Field, value: object, path: str, put: Callable[[Any], None]) -> None:
    """Convert and store one scalar; protobuf itself refuses numbers out of the field's range."""
    assert field.scalar is not None
    try:
        put(field.scalar(value))
    except (ValueError, TypeError) as error:
        raise _wrong(path, str(error)) from error


def _check_value(content: Mapping[str, object], plan: _Plan, path: str, depth: int) -> None:
    if depth > DEEPEST_VALUE:
        raise _wrong(path, f"attribute values are nested deeper than {DEEPEST_VALUE} levels")
    if len(content) > 1 and sum(key in plan.fields and value is not None for key, value in content.items()) > 1:
        raise _wrong(path, "an attribute value must have one type only")


@cache
def _plan(message: Descriptor) -> _Plan:
    fields = {field.json_name: _field(field) for field in message.fields}
    refused = {field.name: field.json_name for field in message.fields if field.name != field.json_name}
    return _Plan(fields, refused, message.full_name == _ANY_VALUE)


def _field(field: FieldDescriptor) -> _Field:
    scalar = None
    if field.message_type is None:
        scalar = _hex_id if field.name in _HEX_FIELDS else _SCALARS[field.type]
    return _Field(field.name, field.is_repeated, scalar, field.message_type)


def _hex_id(value: object) -> bytes:
    """Never fails: an unreadable id costs its own span only, not the request."""
    if not isinstance(value, str):
        return UNREADABLE_ID
    try:
        return binascii.unhexlify(value)
    except ValueError:
        return UNREADABLE_ID


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _base64(value: object) -> bytes:
    """Standard or URL alphabet, padded or not, as protobuf's JSON mapping allows."""
    text = _text(value).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ValueError("must be base64") from None


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _integer(value: object) -> int:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_IN_DOUBLE:
        return int(value)
    raise ValueError("must be an integer, as a number or a string")


def _enumeration(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be the integer of the enum value, not its name")


def _double(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")
    if isinstance(value, str) and value not in _SPECIAL_DOUBLES and not _NUMBER.fullmatch(value):
        raise ValueError("must be a number, NaN, Infinity or -Infinity")
    return float(value)


_SCALARS: Final[Mapping[int, Scalar]] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BYTES: _base64,
    FieldDescriptor.TYPE_BOOL: _boolean,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_ENUM: _enumeration,
    FieldDescriptor.TYPE_INT32: _integer,
    FieldDescriptor.TYPE_INT64: _integer,
    FieldDescriptor.TYPE_UINT32: _integer,
    FieldDescriptor.TYPE_UINT64: _integer,
    FieldDescriptor.TYPE_FIXED32: _integer,
    FieldDescriptor.TYPE_FIXED64: _integer,
}


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _wrong(path: str, what: str) -> Malformed:
    return Malformed(f"{path or 'body'}: {what}", path)
