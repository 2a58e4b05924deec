"""Damaged segments: the torn tail is cut, every intact record is read, nothing that was not written ever is."""

import io
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.journal import Corruption, Journal, Kind, Record
from receiver.journal.record import HEADER_BYTES, pack_record
from receiver.journal.scan import Found, scan
from receiver.journal.segments import SEGMENT_HEADER_BYTES, SegmentHeader, pack_segment_header, segment_name
from tests.receiver.journal.disks import CAPTURES, payloads, read_all

FIRST = segment_name(1)
SALT = 0x5EED
RECORDS = [
    Record(1, Kind.TRACES, 1_000, CAPTURES[0]),
    Record(2, Kind.SIGNALS, 2_000, b'{"signals":[]}'),
    Record(3, Kind.TRACES, 3_000, b""),
    Record(4, Kind.TRACES, 4_000, CAPTURES[2]),
    Record(5, Kind.TRACES, 5_000, b"the last"),
]
PACKED = [pack_record(SALT, record) for record in RECORDS]
HEADER = pack_segment_header(SegmentHeader(SALT, 1, 500))
SEGMENT = HEADER + b"".join(PACKED)
STARTS = [SEGMENT_HEADER_BYTES + sum(map(len, PACKED[:at])) for at in range(len(PACKED))]


def journal_of(directory: Path, *segments: bytes) -> Journal:
    """A journal whose segments hold these bytes; the second starts at record 101."""
    for first_seq, content in zip((1, 101), segments, strict=False):
        (directory / segment_name(first_seq)).write_bytes(content)
    return Journal(directory)


@pytest.mark.parametrize("cut", range(STARTS[-1] + 1, len(SEGMENT)))
def test_a_tail_torn_anywhere_is_cut_and_written_over(tmp_path: Path, cut: int) -> None:
    with journal_of(tmp_path, SEGMENT[:cut]) as journal:
        assert journal.cut is not None
        assert (journal.cut.offset, journal.cut.length) == (STARTS[-1], cut - STARTS[-1])
        assert (tmp_path / FIRST).stat().st_size == STARTS[-1]
        assert journal.append(Kind.TRACES, b"new").result(5) == 5
        batch = read_all(journal)
        assert payloads(batch.records) == [*payloads(RECORDS[:4]), b"new"]
        assert not batch.corruptions


@pytest.mark.parametrize("cut", [0, 1, SEGMENT_HEADER_BYTES - 1, SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + 5])
def test_a_segment_torn_before_its_first_record_is_used_anew(tmp_path: Path, cut: int) -> None:
    for _ in range(2):
        with journal_of(tmp_path, SEGMENT[:cut]) as journal:
            assert not read_all(journal).records
            assert journal.append(Kind.TRACES, b"new").result(5) == 1
    with Journal(tmp_path) as journal:
        assert payloads(read_all(journal).records) == [b"new"]
        assert journal.cut is None


@pytest.mark.parametrize("garbage", [b"\0" * 70_000, random.Random(5).randbytes(70_000), SEGMENT[:-3]])
def test_a_tail_of_garbage_is_cut(tmp_path: Path, garbage: bytes) -> None:
    """Some file systems leave zeros, or old blocks, where a crash interrupted a write."""
    stale = garbage.replace(SALT.to_bytes(4, "little"), b"\0\0\0\0")
    with journal_of(tmp_path, SEGMENT + stale) as journal:
        assert read_all(journal).records == RECORDS
        assert (tmp_path / FIRST).stat().st_size == len(SEGMENT)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (STARTS[1], "a record's header is damaged"),
        (STARTS[1] + HEADER_BYTES - 1, "a record's header is damaged"),
        (STARTS[1] + HEADER_BYTES, "record 2 does not match its checksum"),
        (STARTS[2] - 1, "record 2 does not match its checksum"),
    ],
)
def test_damage_in_the_middle_is_reported_and_costs_only_its_record(tmp_path: Path, at: int, reason: str) -> None:
    damaged = bytearray(SEGMENT)
    damaged[at] ^= 0x40
    with journal_of(tmp_path, bytes(damaged)) as journal:
        batch = read_all(journal)
        assert batch.records == [RECORDS[0], *RECORDS[2:]]
        assert batch.corruptions == [Corruption(FIRST, STARTS[1], len(PACKED[1]), reason, lost=(2, 2))]
        assert journal.append(Kind.TRACES, b"new").result(5) == 6


def test_damage_is_reported_once_with_the_batch_that_passes_it(tmp_path: Path) -> None:
    damaged = bytearray(SEGMENT)
    damaged[STARTS[1]] ^= 0xFF
    with journal_of(tmp_path, bytes(damaged)) as journal:
        assert not journal.read_from(1, 1).corruptions
        assert journal.read_from(2, 1).corruptions[0].lost == (2, 2)
        assert journal.read_from(2, 1).corruptions[0].lost == (2, 2)  # asked again, told again
        assert not journal.read_from(4, 1).corruptions


def test_a_closed_segment_with_a_lost_end(tmp_path: Path) -> None:
    second = HEADER + pack_record(SALT, Record(101, Kind.TRACES, 1, b"next"))
    with journal_of(tmp_path, SEGMENT[:-1], second) as journal:
        first = journal.read_from(1, 1)
        assert first.next_seq == 2
        batch = read_all(journal, 2)
        assert payloads(batch.records) == [*payloads(RECORDS[1:4]), b"next"]
        (lost,) = batch.corruptions
        assert (lost.offset, lost.reason, lost.lost) == (STARTS[4], "record 5 is cut short", (5, 100))
    with Journal(tmp_path) as journal:  # the same for a reader that starts right behind the damage
        assert [damage.lost for damage in read_all(journal, 5).corruptions] == [(5, 100)]


def test_when_all_that_is_left_is_damaged_the_reader_still_gets_past_it(tmp_path: Path) -> None:
    with journal_of(tmp_path, SEGMENT) as journal:
        path = tmp_path / FIRST
        path.write_bytes(SEGMENT[: STARTS[3]] + b"\xff" * (len(SEGMENT) - STARTS[3]))
        assert journal.read_from(4, 100).next_seq == 6
        assert [damage.lost for damage in journal.read_from(4, 100).corruptions] == [(4, 5)]
        journal.append(Kind.TRACES, b"new").result(5)
        assert payloads(journal.read_from(6, 100).records) == [b"new"]


def test_a_segment_file_that_is_gone(tmp_path: Path) -> None:
    second = HEADER + pack_record(SALT, Record(101, Kind.TRACES, 1, b"next"))
    with journal_of(tmp_path, SEGMENT, second) as journal:
        (tmp_path / FIRST).unlink()
        batch = read_all(journal)
        assert payloads(batch.records) == [b"next"]
        assert batch.corruptions == [Corruption(FIRST, 0, len(SEGMENT), "the segment file is gone", lost=(1, 100))]
        assert not read_all(journal, 101).corruptions  # archived: nothing in it was wanted


def test_a_damaged_segment_header_costs_no_record(tmp_path: Path) -> None:
    with journal_of(tmp_path, b"\xff" * SEGMENT_HEADER_BYTES + SEGMENT[SEGMENT_HEADER_BYTES:]) as journal:
        journal.append(Kind.TRACES, b"new").result(5)
        batch = read_all(journal)
        assert payloads(batch.records) == [*payloads(RECORDS), b"new"]
        assert [damage.reason for damage in batch.corruptions] == ["the segment's header is damaged"]
        assert batch.corruptions[0].lost is None


def test_records_inside_a_damaged_payload_are_not_taken_for_records(tmp_path: Path) -> None:
    """A payload may carry journal bytes, be it by accident or by intent; no sender knows a segment's salt."""
    forged = pack_record(SALT + 1, Record(2, Kind.TRACES, 1, b"forged"))
    carrier = bytearray(pack_record(SALT, Record(1, Kind.TRACES, 1, b"carrying " + forged)))
    carrier[HEADER_BYTES] ^= 1
    with journal_of(tmp_path, HEADER + bytes(carrier) + PACKED[3]) as journal:
        batch = read_all(journal)
        assert batch.records == [RECORDS[3]]
        assert batch.corruptions[0].lost == (1, 3)


def damage(draw: st.DrawFn) -> bytes:
    data = bytearray(SEGMENT)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(("flip", "cut", "insert", "overwrite"))):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at : at + draw(st.integers(1, 3_000))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=60))
            case _:
                noise = draw(st.binary(min_size=1, max_size=60))
                data[at : at + len(noise)] = noise
    return bytes(data)


@settings(max_examples=400, deadline=None)
@given(data=st.composite(damage)(), step=st.sampled_from((1, 7, 64, 4096, 1 << 20)))
def test_whatever_the_damage_intact_records_are_read_and_no_others(data: bytes, step: int) -> None:
    file = io.BytesIO(data)
    items = list(scan(lambda size: file.read(min(size, step)), "segment"))
    found = [item.record for item in items if isinstance(item, Found)]
    intact = [record for record, packed in zip(RECORDS, PACKED, strict=True) if packed in data]
    assert found == intact
    # Records and damage together account for every byte behind the header.
    stretches = [(i.start, i.end) if isinstance(i, Found) else (i.offset, i.offset + i.length) for i in items]
    assert all(end == start for (_, end), (start, _) in pairwise(stretches))
    assert not stretches or stretches[-1][1] == len(data)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=2_000))
def test_bytes_that_never_were_a_segment_hold_no_records(data: bytes) -> None:
    items = list(scan(io.BytesIO(data).read, "segment"))
    assert all(isinstance(item, Corruption) for item in items)
