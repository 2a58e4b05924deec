"""How one record lies in a segment: a fixed header with two checksums, then the payload.

All integers are little-endian. The header's own checksum lets a reader find the next record after damage; the salt,
random per segment, keeps bytes *inside* a payload from ever passing for a record of the journal.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple
from zlib import crc32

RECORD_MAGIC: Final = b"\xf5MLR"
MAX_PAYLOAD_BYTES: Final = 1 << 30
"""Larger payloads are refused; a header that claims more is damaged."""

_FIELDS: Final = struct.Struct("<4sIIIQQI")  # magic, salt, kind, payload length, seq, received_ns, payload crc
_CHECK: Final = struct.Struct("<I")
HEADER_BYTES: Final = _FIELDS.size + _CHECK.size


class Kind(IntEnum):
    """What a payload is: a protobuf ExportTraceServiceRequest, or UTF-8 JSON `{"signals": [...]}`."""

    TRACES = 1
    SIGNALS = 2


_KINDS: Final = {int(kind): kind for kind in Kind}


class Record(NamedTuple):
    """One journaled payload. `seq` counts from 1 and never repeats; `received_ns` is Unix time in nanoseconds."""

    seq: int
    kind: Kind
    received_ns: int
    payload: bytes


class Header(NamedTuple):
    """The fixed part of a record, its own checksum verified."""

    salt: int
    kind: Kind
    length: int
    seq: int
    received_ns: int
    payload_crc: int


def pack_header(salt: int, kind: Kind, length: int, seq: int, received_ns: int, payload_crc: int) -> bytes:
    """The header bytes that precede a payload of `length` bytes."""
    fields = _FIELDS.pack(RECORD_MAGIC, salt, kind, length, seq, received_ns, payload_crc)
    return fields + _CHECK.pack(crc32(fields))


def pack_record(salt: int, record: Record) -> bytes:
    """A whole record as bytes."""
    header = pack_header(salt, record.kind, len(record.payload), record.seq, record.received_ns, crc32(record.payload))
    return header + record.payload


def unpack_header(data: bytes, at: int) -> Header | None:
    """The header at `data[at:]` (at least `HEADER_BYTES` long), or None when there is none or it is damaged."""
    if not data.startswith(RECORD_MAGIC, at):
        return None
    check = at + _FIELDS.size
    if crc32(data[at:check]) != _CHECK.unpack_from(data, check)[0]:
        return None
    _, salt, kind, length, seq, received_ns, payload_crc = _FIELDS.unpack_from(data, at)
    known = _KINDS.get(kind)
    if known is None or length > MAX_PAYLOAD_BYTES:
        return None
    return Header(salt, known, length, seq, received_ns, payload_crc)
