"""Requests in protobuf: bare, however long, or with a length before each."""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Final

from receiver.errors import Malformed
from receiver.journal.record import Kind
from receiver.lookahead import Lookahead
from receiver.otlp_files.detect import LENGTH_BYTES, looks_like_json
from receiver.otlp_files.items import BadPayload, Payload
from receiver.otlp_files.wire import RESOURCE_SPANS_TAG, VARINT_BYTES, WireError, field_end, starts_like_request, varint
from receiver.packed_files import ZSTD_MAGIC, unpack_zstd

SPLIT_BYTES: Final = 1 << 20
"""A bare request is cut between `resource_spans` into payloads of about this size. Fixed: the indices depend on it."""

_TAG_AND_LENGTH: Final = 2 * VARINT_BYTES


class Delimiter(Enum):
    """How the length before a message is written."""

    FIXED = auto()
    VARINT = auto()


def raw_payloads(source: Lookahead, limit: int) -> Iterator[Payload | BadPayload]:
    """One request of any length, cut at its top-level fields. Where it cannot be walked any further, it ends."""
    index = 0
    parts: list[bytes] = []
    size = 0
    for part in _parts(source, limit):
        if parts and (isinstance(part, _Problem) or size + len(part) > SPLIT_BYTES):
            yield Payload(Kind.TRACES, b"".join(parts), index, None)
            index, parts, size = index + 1, [], 0
        if isinstance(part, _Problem):
            yield BadPayload(index, part)
            index += 1
        else:
            parts.append(part)
            size += len(part)
    if parts:
        yield Payload(Kind.TRACES, b"".join(parts), index, None)


class _Problem(str):
    """Why a part of a request is not there."""

    __slots__ = ()


def _parts(source: Lookahead, limit: int) -> Iterator[bytes | _Problem]:
    """The `resource_spans` fields of a request, tag and length included. Unknown fields are passed over."""
    while source.ensure(1):
        start = source.offset
        try:
            field = field_end(source.peek(_TAG_AND_LENGTH), 0)
        except WireError as error:
            yield _Problem(f"byte {start}: {error}; what follows cannot be read")
            return
        if field is None:
            yield _Problem(f"byte {start}: the file is cut short")
            return
        tag, length = field
        wanted = tag == RESOURCE_SPANS_TAG
        if wanted and length <= limit:
            part = source.take(length)
            yield part if len(part) == length else _Problem(f"byte {start}: {length} bytes of spans are cut short")
        elif source.skip(length) < length:
            yield _Problem(f"byte {start}: the file is cut short")
        elif wanted:
            yield _Problem(f"byte {start}: resource_spans of {length} bytes, more than {limit}")


def delimited_payloads(
    source: Lookahead, limit: int, delimiter: Delimiter, to_protobuf: Callable[[bytes], bytes]
) -> Iterator[Payload | BadPayload]:
    """One message after another; each is protobuf or JSON, and may be compressed with zstd. Empty ones are counted."""
    index = -1
    while source.ensure(1):
        index += 1
        start = source.offset
        length = _length(source, delimiter)
        if length is None:
            yield BadPayload(index, f"byte {start}: the length of a message is cut short or damaged")
            return
        if length > limit:
            complete = source.skip(length) == length
            reason = f"{length} bytes, more than {limit}" if complete else f"{length} bytes are not there"
            yield BadPayload(index, f"byte {start}: a message of {reason}")
            continue
        message = source.take(length)
        if len(message) < length:
            yield BadPayload(index, f"byte {start}: a message of {length} bytes is cut short")
        elif message:
            try:
                payload = _plain(message, limit, to_protobuf)
            except (ValueError, Malformed) as error:
                yield BadPayload(index, f"byte {start}: {error}")
                continue
            if payload:
                yield Payload(Kind.TRACES, payload, index, None)


def _length(source: Lookahead, delimiter: Delimiter) -> int | None:
    """Consume the length of the next message; None when there is no such thing."""
    if delimiter is Delimiter.FIXED:
        written = source.take(LENGTH_BYTES)
        return int.from_bytes(written, "big") if len(written) == LENGTH_BYTES else None
    try:
        number = varint(source.peek(VARINT_BYTES), 0)
    except WireError:
        return None
    if number is None:
        return None
    length, size = number
    source.skip(size)
    return length


def _plain(message: bytes, limit: int, to_protobuf: Callable[[bytes], bytes]) -> bytes:
    """The protobuf request in a message."""
    if message.startswith(ZSTD_MAGIC):
        message = unpack_zstd(message, limit)
    if looks_like_json(message):
        return to_protobuf(message)
    if message and not starts_like_request(message, whole=True):
        raise ValueError("a message is not an OTLP trace request")
    return message
