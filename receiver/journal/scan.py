"""Reads records out of arbitrary bytes: whatever the damage, every intact record comes out and nothing else does."""

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from receiver.journal.errors import Corruption
from receiver.journal.record import HEADER_BYTES, MAX_PAYLOAD_BYTES, RECORD_MAGIC, Header, Record, unpack_header
from receiver.journal.segments import SEGMENT_HEADER_BYTES, unpack_segment_header
from receiver.lookahead import Lookahead, Read


class Found(NamedTuple):
    """An intact record and the file offsets where it starts and ends, with the salt of its segment."""

    record: Record
    start: int
    end: int
    salt: int


def scan(
    read: Read, segment: str, *, offset: int = 0, salt: int | None = None, max_payload: int = MAX_PAYLOAD_BYTES
) -> Iterator[Found | Corruption]:
    """Every intact record of a segment in file order, and a `Corruption` for each stretch between them that is not.

    `offset` is where `read` starts in the file; from 0 on the segment's header is expected first. `salt` is the
    segment's, if known: otherwise the header gives it, or the first intact record does. Memory: one record and a chunk.
    Raises JournalError when the segment was written in another version of the format.
    """
    window = Lookahead(read, offset)
    reason = ""
    if offset == 0 and window.ensure(1):
        window.ensure(SEGMENT_HEADER_BYTES)
        header = unpack_segment_header(window.data[:SEGMENT_HEADER_BYTES], segment)
        if header is None:
            reason = "the segment's header is damaged"
        else:
            salt = header.salt
            window.at = SEGMENT_HEADER_BYTES
    damaged_from: int | None = None
    while window.ensure(1):
        outcome = _record_at(window, salt, max_payload)
        if isinstance(outcome, str):
            if damaged_from is None:
                damaged_from, reason = window.offset, reason or outcome
            window.at += 1
            window.seek(RECORD_MAGIC)
            continue
        if damaged_from is not None:
            yield Corruption(segment, damaged_from, outcome.start - damaged_from, reason)
            damaged_from = None
        reason = ""
        salt = outcome.salt
        window.at += outcome.end - outcome.start
        yield outcome
    if damaged_from is not None:
        yield Corruption(segment, damaged_from, window.offset - damaged_from, reason)


def _record_at(window: Lookahead, salt: int | None, max_payload: int) -> Found | str:
    """The record at the window's place, or why there is none."""
    if not window.ensure(HEADER_BYTES):
        return "a record is cut short"
    header = unpack_header(window.data, window.at)
    if header is None:
        return "a record's header is damaged"
    if salt is not None and header.salt != salt:
        return "a record belongs to another segment"
    if header.length > max_payload:
        return f"record {header.seq} has {header.length} bytes, more than {max_payload}"
    if not window.ensure(HEADER_BYTES + header.length):
        return f"record {header.seq} is cut short"
    return _with_payload(window, header)


def _with_payload(window: Lookahead, header: Header) -> Found | str:
    start = window.at + HEADER_BYTES
    payload = window.data[start : start + header.length]
    if crc32(payload) != header.payload_crc:
        return f"record {header.seq} does not match its checksum"
    record = Record(header.seq, header.kind, header.received_ns, payload)
    return Found(record, window.offset, window.offset + HEADER_BYTES + header.length, header.salt)
