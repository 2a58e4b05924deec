"""Import files: what other programs wrote as OTLP, and journal segments, read as payloads for the conveyor.

Formats are told by content, each also as .gz or .zst:
- a protobuf ExportTraceServiceRequest, or several one after another (which is again a request),
- the same with a length before each: a varint, or 4 bytes big-endian as the Collector's file exporter writes it (also
  with zstd messages),
- OTLP JSON, one request a line or one document,
- journal segments, with the signals in them.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from receiver.journal.errors import JournalError
from receiver.lookahead import Lookahead
from receiver.otlp_files.detect import HEAD_BYTES, Format, detect
from receiver.otlp_files.items import BadPayload, ImportFileError, Payload
from receiver.otlp_files.json_files import json_payloads
from receiver.otlp_files.protobuf_files import SPLIT_BYTES, Delimiter, delimited_payloads, raw_payloads
from receiver.otlp_files.segment_files import segment_payloads
from receiver.otlp_json import traces_to_protobuf
from receiver.packed_files import PackedError, open_unpacked

__all__ = ["BadPayload", "ImportFileError", "Payload", "content_sha256", "read_payloads"]

KNOWN: Final = "OTLP traces (protobuf, length-delimited protobuf or JSON) or a journal segment"


def read_payloads(
    path: Path, *, max_payload_bytes: int, to_protobuf: Callable[[bytes], bytes] = traces_to_protobuf
) -> Iterator[Payload | BadPayload]:
    """What a file holds, in order; indices grow and are the same at every reading, so that an import can resume.

    A part that cannot be read comes as a `BadPayload`, and the rest still follows. `max_payload_bytes` bounds one
    message, line, record or `resource_spans`; it must be at least `SPLIT_BYTES`. `to_protobuf` converts a JSON request
    and raises ValueError or `receiver.errors.Malformed`. An empty file holds nothing. Raises ImportFileError.
    """
    if max_payload_bytes < SPLIT_BYTES:
        raise ValueError(f"max_payload_bytes must be at least {SPLIT_BYTES}")
    try:
        with open_unpacked(path) as read:
            yield from _payloads(path, _Stream(read), max_payload_bytes, to_protobuf)
    except OSError as error:
        raise ImportFileError(f"{path}: {error.strerror or error}") from error
    except JournalError as error:
        raise ImportFileError(f"{path}: {error}") from error


def content_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes as they are, in hex: the key an import's progress is kept under."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImportFileError(f"{path}: {error.strerror or error}") from error


class _Stream:
    """The plain bytes of a file. Where they cannot be unpacked any further they end, and `failure` says why."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.failure: str | None = None

    def __call__(self, size: int) -> bytes:
        if self.failure is not None:
            return b""
        try:
            return self._read(size)
        except PackedError as error:
            self.failure = str(error)
            return b""


def _payloads(
    path: Path, stream: _Stream, limit: int, to_protobuf: Callable[[bytes], bytes]
) -> Iterator[Payload | BadPayload]:
    source = Lookahead(stream)
    head = source.peek(HEAD_BYTES)
    if not head:
        if stream.failure is not None:
            raise ImportFileError(f"{path}: {stream.failure}")
        return
    next_index = 0
    for item in _read_as(detect(head), path, source, limit, to_protobuf):
        next_index = item.index + 1
        yield item
    if stream.failure is not None:
        yield BadPayload(next_index, f"nothing more can be read: {stream.failure}")


def _read_as(
    form: Format | None, path: Path, source: Lookahead, limit: int, to_protobuf: Callable[[bytes], bytes]
) -> Iterator[Payload | BadPayload]:
    match form:
        case Format.SEGMENT:
            return segment_payloads(source, path.name, limit)
        case Format.JSON:
            return json_payloads(source, path, limit, to_protobuf)
        case Format.PROTOBUF:
            return raw_payloads(source, limit)
        case Format.FIXED_DELIMITED:
            return delimited_payloads(source, limit, Delimiter.FIXED, to_protobuf)
        case Format.VARINT_DELIMITED:
            return delimited_payloads(source, limit, Delimiter.VARINT, to_protobuf)
        case None:
            raise ImportFileError(f"{path}: byte 0: this is not {KNOWN}")
