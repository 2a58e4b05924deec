"""The files of a journal: their names, their header, and which bytes of them are durable.

A segment is named by the first sequence number it may hold, so that sorted names are the order of the records and the
successor's name bounds what a closed segment holds.
"""

import re
import struct
import threading
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from receiver.journal.errors import JournalError

SUFFIX: Final = ".mlj"
SEGMENT_MAGIC: Final = b"MLJSEGMT"
VERSION: Final = 1

_NAME: Final = re.compile(r"(\d{20})\.mlj")
_FIELDS: Final = struct.Struct("<8sIIQQ")  # magic, version, salt, first seq, created_ns
_CHECK: Final = struct.Struct("<I")
SEGMENT_HEADER_BYTES: Final = _FIELDS.size + _CHECK.size


class SegmentHeader(NamedTuple):
    """What a segment says about itself."""

    salt: int
    first_seq: int
    created_ns: int


def segment_name(first_seq: int) -> str:
    """The file name of the segment that starts at `first_seq`."""
    return f"{first_seq:020d}{SUFFIX}"


def list_segments(directory: Path) -> list[tuple[int, Path]]:
    """(first sequence number, path) of every segment in a directory, in order; other files are not looked at."""
    found = ((_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def pack_segment_header(header: SegmentHeader, version: int = VERSION) -> bytes:
    """The first bytes of a segment file."""
    fields = _FIELDS.pack(SEGMENT_MAGIC, version, header.salt, header.first_seq, header.created_ns)
    return fields + _CHECK.pack(crc32(fields))


def unpack_segment_header(data: bytes, name: str) -> SegmentHeader | None:
    """The header, or None when it is damaged or cut. Raises JournalError for an intact one of another version."""
    if len(data) < SEGMENT_HEADER_BYTES:
        return None
    magic, version, salt, first_seq, created_ns = _FIELDS.unpack_from(data)
    if magic != SEGMENT_MAGIC or crc32(data[: _FIELDS.size]) != _CHECK.unpack_from(data, _FIELDS.size)[0]:
        return None
    if version != VERSION:
        raise JournalError(f"{name}: journal format {version} is not known here (this version reads {VERSION})")
    return SegmentHeader(salt, first_seq, created_ns)


@dataclass(slots=True)
class Segment:
    """One file. `salt`: None if not known. `end`: its durable bytes. `base`: those of all segments before it."""

    path: Path
    first_seq: int
    salt: int | None = None
    end: int = 0
    base: int = 0


class SegmentIndex:
    """Which bytes are durable, shared by the one writer and the readers. Every method may be called from any thread."""

    def __init__(self, segments: Iterable[Segment], durable_seq: int) -> None:
        """`segments` in order, with their ends; their bases are worked out here."""
        self._segments: list[Segment] = []
        self._durable_seq = durable_seq
        self._grown = threading.Condition()
        for segment in segments:
            self.grow(segment, segment.end, durable_seq)

    @property
    def durable_seq(self) -> int:
        """The last durable sequence number; one less than the first to come when there is none."""
        return self._durable_seq

    @property
    def total_bytes(self) -> int:
        """Durable bytes since the journal was opened, plus what its files held then."""
        with self._grown:
            return self._segments[-1].base + self._segments[-1].end if self._segments else 0

    def grow(self, segment: Segment, end: int, last_seq: int) -> None:
        """Everything in `segment` before `end` is durable now, up to `last_seq`; wakes who waits for it.

        A segment that is not known yet comes after all that are.
        """
        with self._grown:
            last = self._segments[-1] if self._segments else None
            if last is not segment:
                segment.base = last.base + last.end if last else 0
                self._segments.append(segment)
            segment.end = end
            self._durable_seq = last_seq
            self._grown.notify_all()

    def wait(self, seq: int, timeout: float) -> bool:
        """Whether a record at or after `seq` is durable within `timeout` seconds."""
        with self._grown:
            return self._grown.wait_for(lambda: self._durable_seq >= seq, timeout)

    def from_seq(self, seq: int) -> tuple[list[Segment], int]:
        """Copies of the segments that may hold `seq` or later ones, and the last durable number at that moment.

        The first of them is the one that holds `seq - 1`, because damage behind that record counts as before `seq`.
        """
        with self._grown:
            at = bisect_right(self._segments, seq - 1, key=lambda segment: segment.first_seq) - 1
            return [replace(segment) for segment in self._segments[max(at, 0) :]], self._durable_seq
