"""Reading a journal: recovery of its last segment at start, and batches of durable records while it is written."""

import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from receiver.journal.errors import Corruption
from receiver.journal.record import Record
from receiver.journal.scan import Found, scan
from receiver.journal.segments import SEGMENT_HEADER_BYTES, Segment, SegmentIndex, unpack_segment_header

__all__ = ["Batch", "Corruption", "Recovered", "TailReader", "recover_segment", "scan_file"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in sequence order, the number to read from next, and the damage met on the way to the last of them."""

    records: list[Record]
    next_seq: int
    corruptions: list[Corruption] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the last segment holds: its good bytes, its last number (None: no record), its salt, the torn tail."""

    end: int
    last_seq: int | None
    salt: int | None
    tail: Corruption | None


def scan_file(
    path: Path, *, start: int = 0, end: int | None = None, salt: int | None = None
) -> Iterator[Found | Corruption]:
    """`scan` over the bytes [start, end) of a segment file."""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        yield from scan(_Reads(file, None if end is None else end - start), path.name, offset=start, salt=salt)


def recover_segment(path: Path) -> Recovered:
    """Read a whole segment and tell where its good part ends. Damage between records is left to the readers."""
    with path.open("rb") as file:
        header = unpack_segment_header(file.read(SEGMENT_HEADER_BYTES), path.name)
    end = SEGMENT_HEADER_BYTES if header else 0
    salt = header.salt if header else None
    last_seq: int | None = None
    tail: Corruption | None = None
    for item in scan_file(path):
        if isinstance(item, Corruption):
            tail = item
        else:
            tail = None
            end, salt = item.end, item.salt
            last_seq = max(last_seq or 0, item.record.seq)
    return Recovered(end, last_seq, salt, tail)


class _Reads:
    """Reads a file on, but not past its durable end."""

    def __init__(self, file: BinaryIO, left: int | None) -> None:
        self._file = file
        self._left = left

    def __call__(self, size: int) -> bytes:
        if self._left is None:
            return self._file.read(size)
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


@dataclass(frozen=True, slots=True)
class _Place:
    """A file offset in the segment `first_seq`, right behind the last record before `seq`."""

    seq: int
    first_seq: int
    offset: int


class TailReader:
    """Reads durable records in order, resuming where it stopped; safe beside the writer and from several threads."""

    def __init__(self, index: SegmentIndex) -> None:
        self._index = index
        self._reading = threading.Lock()
        self._place: _Place | None = None
        self._marking = threading.Lock()
        self._marks: list[tuple[int, int]] = []

    def read_from(self, seq: int, max_bytes: int) -> Batch:
        """Durable records from `seq` on, up to `max_bytes` of payload but at least one if there is one.

        A damaged stretch is reported with the batch that goes past it. Numbers that were never durable are passed over.
        Raises OSError when a file cannot be read.
        """
        with self._reading:
            segments, durable_seq = self._index.from_seq(seq)
            if seq > durable_seq:
                return Batch([], seq)
            batch, segment, offset = self._read(segments, durable_seq, seq, max_bytes)
            self._place = _Place(batch.next_seq, segment.first_seq, offset)
            self._mark(batch.next_seq, segment.base + offset)
            return batch

    def bytes_before(self, seq: int) -> int:
        """Bytes of the journal before record `seq`: exact where a batch ended, else those before its segment."""
        with self._marking:
            at = bisect_right(self._marks, seq, key=lambda mark: mark[0]) - 1
            if at >= 0:
                del self._marks[:at]  # what is committed only grows: older marks are not asked for again
                return self._marks[0][1]
        segments, _ = self._index.from_seq(seq + 1)
        return segments[0].base if segments else 0

    def _mark(self, seq: int, bytes_before: int) -> None:
        with self._marking:
            if not self._marks or seq > self._marks[-1][0]:
                self._marks.append((seq, bytes_before))

    def _read(self, segments: list[Segment], durable_seq: int, seq: int, max_bytes: int) -> tuple[Batch, Segment, int]:
        """The batch, and the segment and offset behind its last record."""
        records: list[Record] = []
        corruptions: list[Corruption] = []
        passed: list[Corruption] = []  # damage since the last record, until the next one bounds what it held
        expected, size = seq, 0
        segments, start = self._starting_place(segments, seq)
        behind = (segments[0], start)
        for at, segment in enumerate(segments):
            following = segments[at + 1].first_seq if at + 1 < len(segments) else durable_seq + 1
            for item in _items(segment, start, wanted=following > expected):
                if isinstance(item, Corruption):
                    passed.append(item)
                    continue
                record = item.record
                if record.seq < expected:
                    if not records:
                        passed.clear()  # damage before what was asked for
                        behind = (segment, item.end)
                    continue
                if records and size + len(record.payload) > max_bytes:
                    return (Batch(records, expected, corruptions), *behind)
                corruptions.extend(_bounded(damage, expected, record.seq - 1) for damage in passed)
                passed.clear()
                records.append(record)
                size += len(record.payload)
                expected, behind = record.seq + 1, (segment, item.end)
                if size >= max_bytes:
                    return (Batch(records, expected, corruptions), *behind)
            start = 0
        corruptions.extend(_bounded(damage, expected, durable_seq) for damage in passed)
        return Batch(records, max(expected, durable_seq + 1), corruptions), segments[-1], segments[-1].end

    def _starting_place(self, segments: list[Segment], seq: int) -> tuple[list[Segment], int]:
        """Where to start reading: the place the last batch ended at, or the start of the first segment."""
        place = self._place
        if place is not None and place.seq == seq:
            for at, segment in enumerate(segments):
                if segment.first_seq == place.first_seq:
                    return segments[at:], place.offset
        return segments, 0


def _items(segment: Segment, start: int, *, wanted: bool) -> Iterator[Found | Corruption]:
    """What a segment holds from `start` on. `wanted`: whether it may hold a record that is still to be read."""
    try:
        yield from scan_file(segment.path, start=start, end=segment.end, salt=segment.salt)
    except FileNotFoundError:
        if wanted:  # else it was archived, as it should be
            yield Corruption(segment.path.name, 0, segment.end, "the segment file is gone")


def _bounded(damage: Corruption, first: int, last: int) -> Corruption:
    """The damage with the numbers it may have held."""
    return damage._replace(lost=(first, last)) if first <= last else damage
