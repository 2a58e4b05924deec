"""OTLP attribute values (``AnyValue``) as JSON values and as the text of wide columns."""

import math
from base64 import b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

import orjson

from receiver.redact import Disposition, disposition, scrub_url

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


def json_value(value: "AnyValue", *, capture_content: bool) -> Json:
    """The value for the ``attributes`` JSON: bytes as base64, NaN and infinities as words, maps redacted by key."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return str(value.string_value)
    if kind == "int_value":
        return int(value.int_value)
    if kind == "double_value":
        return _json_double(value.double_value)
    if kind == "bool_value":
        return bool(value.bool_value)
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    if kind == "array_value":
        return [json_value(item, capture_content=capture_content) for item in value.array_value.values]
    if kind == "kvlist_value":
        return json_object(value.kvlist_value.values, capture_content=capture_content)
    return None  # an empty value, which OTLP allows


def json_object(pairs: Iterable["KeyValue"], *, capture_content: bool) -> dict[str, Json]:
    """Attributes as a JSON object without what must not be stored. Of a repeated key the last value counts.

    OTLP forbids repeated keys; SDKs overwrite when an attribute is set again, so last wins is what a sender means.
    """
    stored: dict[str, Json] = {}
    for pair in pairs:
        key = pair.key
        rule = disposition(key)
        if rule is Disposition.SECRET or (rule is Disposition.CONTENT and not capture_content):
            continue
        converted = json_value(pair.value, capture_content=capture_content)
        stored[key] = scrub_url(converted) if rule is Disposition.ADDRESS and isinstance(converted, str) else converted
    return stored


def text_value(value: "AnyValue") -> str | None:
    """The value as the text of a wide column; None for an empty value.

    Strings as they are, integers in decimal, doubles as Python writes them, booleans ``true``/``false``, bytes in
    base64, lists and maps as JSON. Nothing is redacted inside: wide columns are read by dialects and never stored.
    """
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "string_value":
        return str(value.string_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind in {"int_value", "double_value"}:
        return repr(value.int_value if kind == "int_value" else value.double_value)
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    return orjson.dumps(json_value(value, capture_content=True)).decode()


def _json_double(number: float) -> float | str:
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"
