"""Requests in OTLP JSON: one a line, as the Collector's file exporter writes them, or one document."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import orjson

from receiver.errors import Malformed
from receiver.journal.record import Kind
from receiver.lookahead import Lookahead
from receiver.otlp_files.detect import BOM
from receiver.otlp_files.items import BadPayload, ImportFileError, Payload

_OTHER_SIGNALS: Final = frozenset({"resourceMetrics", "resourceLogs", "resourceProfiles"})
_OTLP_KEYS: Final = _OTHER_SIGNALS | {"resourceSpans"}
_STEP: Final = 1 << 16

Convert = Callable[[bytes], bytes]


def json_payloads(source: Lookahead, path: Path, limit: int, to_protobuf: Convert) -> Iterator[Payload | BadPayload]:
    """The requests of a JSON file. Lines of other OTLP signals are passed over; blank lines are not counted."""
    if source.peek(len(BOM)) == BOM:
        source.skip(len(BOM))
    first = _next_line(source, limit)
    if first is not None and _parsed(first) is None:
        document = source.peek(limit + 1)
        if len(document) <= limit and _parsed(document) is not None:
            return iter(_document(document, path, to_protobuf))
        if not any(_is_request(line) for line in document.splitlines()):
            raise ImportFileError(f"{path}: {_no_json(document, limit)}")
    return _lines(source, limit, to_protobuf)


def _document(document: bytes, path: Path, to_protobuf: Convert) -> list[Payload | BadPayload]:
    try:
        payload = _converted(document, to_protobuf)
    except (ValueError, Malformed) as error:
        raise ImportFileError(f"{path}: {error}") from error
    return [Payload(Kind.TRACES, payload, 0, None)] if payload else []


def _lines(source: Lookahead, limit: int, to_protobuf: Convert) -> Iterator[Payload | BadPayload]:
    index = -1
    number = 0
    while source.ensure(1):
        number += 1
        line = _take_line(source, limit)
        if line is not None and not line.strip():
            continue
        index += 1
        if line is None:
            yield BadPayload(index, f"line {number}: more than {limit} bytes")
            continue
        try:
            payload = _converted(line, to_protobuf)
        except (ValueError, Malformed) as error:
            yield BadPayload(index, f"line {number}: {error}")
            continue
        if payload:
            yield Payload(Kind.TRACES, payload, index, None)


def _take_line(source: Lookahead, limit: int) -> bytes | None:
    """Consume one line; None for one longer than `limit`."""
    line = _next_line(source, limit)
    if line is None:
        source.seek(b"\n")
        source.skip(1)
    else:
        source.skip(len(line) + 1)
    return line


def _next_line(source: Lookahead, limit: int) -> bytes | None:
    """The next line without its end, not consumed; None when it is longer than `limit`."""
    size = _STEP
    while True:
        more = source.ensure(size)
        end = source.data.find(b"\n", source.at)
        if end < 0 and not more:
            end = len(source.data)
        if end >= 0:
            return source.data[source.at : end] if end - source.at <= limit else None
        if size > limit:
            return None
        size *= 2


def _converted(text: bytes, to_protobuf: Convert) -> bytes:
    """The protobuf request; empty for other signals and for a request without spans. Raises ValueError, Malformed."""
    payload = to_protobuf(text)
    if not payload:
        keys = _parsed(text) or {}
        if keys and not _OTLP_KEYS & keys.keys():
            raise ValueError("no resourceSpans in it")
    return payload


def _is_request(line: bytes) -> bool:
    content = _parsed(line)
    return content is not None and bool(_OTLP_KEYS & content.keys())


def _parsed(text: bytes) -> dict[str, object] | None:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _no_json(document: bytes, limit: int) -> str:
    if len(document) > limit:
        return f"a JSON document of more than {limit} bytes; write one request a line instead"
    try:
        orjson.loads(document)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
    return "not a JSON object"
