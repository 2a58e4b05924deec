"""What goes into the journal comes out: in order, numbered from 1 without repeats, across segments and restarts."""

import errno
import threading
from pathlib import Path

import pytest

from receiver.journal import Journal, JournalError, Kind, Record
from receiver.journal.segments import SegmentHeader, list_segments, pack_segment_header, segment_name
from tests.receiver.journal.disks import ALL, CAPTURES, ScriptedDisk, fails, payloads, read_all

SIGNALS = b'{"signals":[{"signal_id":"sig_1","event_name":"email_sent"}]}'


def test_records_come_back_as_they_went_in(tmp_path: Path) -> None:
    ticks = iter(range(1_000, 2_000))
    with Journal(tmp_path, clock=lambda: next(ticks)) as journal:
        assert journal.append(Kind.TRACES, CAPTURES[0]).result(5) == 1
        assert journal.append(Kind.SIGNALS, SIGNALS).result(5) == 2
        assert journal.append(Kind.TRACES, b"").result(5) == 3
        batch = read_all(journal)
    assert batch.records == [
        Record(1, Kind.TRACES, 1_000, CAPTURES[0]),
        Record(2, Kind.SIGNALS, 1_001, SIGNALS),
        Record(3, Kind.TRACES, 1_002, b""),
    ]
    assert (batch.next_seq, batch.corruptions) == (4, [])


def test_a_reopened_journal_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        with Journal(tmp_path) as journal:
            assert journal.durable_seq == expected - 1
            assert journal.append(Kind.TRACES, b"%d" % expected).result(5) == expected
    with Journal(tmp_path) as journal:
        assert payloads(read_all(journal).records) == [b"1", b"2", b"3"]
    assert len(list_segments(tmp_path)) == 1


def test_segments_are_closed_at_their_size_and_named_by_their_first_record(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=1_000) as journal:
        for number in range(10):
            journal.append(Kind.TRACES, b"%d" % number * 300).result(5)
        assert payloads(read_all(journal).records) == [b"%d" % number * 300 for number in range(10)]
    names = [path.name for _, path in list_segments(tmp_path)]
    assert names == [f"{first:020d}.mlj" for first in (1, 3, 5, 7, 9)]


def test_a_record_larger_than_a_segment_has_one_to_itself(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=1_000) as journal:
        for payload in (b"small", b"x" * 5_000, b"small"):
            journal.append(Kind.TRACES, payload).result(5)
        assert len(list_segments(tmp_path)) == 3
        assert len(read_all(journal).records) == 3


def test_reading_in_small_steps_sees_every_record_once(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=20_000) as journal:
        for number in range(60):
            journal.append(Kind.TRACES, CAPTURES[number % 3]).result(5)
        seq, seen = 1, []
        while (batch := journal.read_from(seq, 8_000)).next_seq != seq:
            assert sum(len(record.payload) for record in batch.records) <= 8_000 or len(batch.records) == 1
            seen += [record.seq for record in batch.records]
            seq = batch.next_seq
        assert seen == list(range(1, 61))


@pytest.mark.parametrize("seq", [1, 7, 8, 20])
def test_reading_may_start_anywhere(tmp_path: Path, seq: int) -> None:
    with Journal(tmp_path, segment_bytes=1_000) as journal:
        for number in range(1, 21):
            journal.append(Kind.TRACES, b"%03d" % number * 100).result(5)
        journal.read_from(3, 500)
        assert [record.seq for record in read_all(journal, seq).records] == list(range(seq, 21))


def test_reading_past_the_end_gives_nothing_and_stays(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert read_all(journal) == journal.read_from(1, 10)
        assert journal.read_from(1, 10).next_seq == 1
        journal.append(Kind.TRACES, b"x").result(5)
        assert journal.read_from(2, 10).next_seq == 2


def test_a_reader_waits_for_the_record_it_wants(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert not journal.wait(1, 0.01)
        woken: list[bool] = []
        reader = threading.Thread(target=lambda: woken.append(journal.wait(2, 10)))
        reader.start()
        journal.append(Kind.TRACES, b"1")
        journal.append(Kind.TRACES, b"2")
        reader.join(10)
        assert woken == [True]


def test_a_reader_follows_the_writers_and_misses_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=50_000) as journal:
        writers = [
            threading.Thread(
                target=lambda name=name: [journal.append(Kind.TRACES, b"%d-%d" % (name, n)) for n in range(500)]
            )
            for name in range(4)
        ]
        for writer in writers:
            writer.start()
        seq, seen = 1, []
        while len(seen) < 2_000:
            assert journal.wait(seq, 10)
            batch = journal.read_from(seq, 5_000)
            assert not batch.corruptions
            seen += batch.records
            seq = batch.next_seq
        for writer in writers:
            writer.join()
    assert [record.seq for record in seen] == list(range(1, 2_001))
    assert set(payloads(seen)) == {b"%d-%d" % (name, n) for name in range(4) for n in range(500)}


def test_the_backlog_is_what_is_durable_and_not_committed(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=100_000) as journal:
        assert journal.backlog_bytes(1) == 0
        for _ in range(100):
            journal.append(Kind.TRACES, b"x" * 2_000).result(5)
        everything = journal.backlog_bytes(1)
        assert everything >= 200_000
        half = journal.read_from(1, 100_000)
        assert journal.backlog_bytes(half.next_seq) == pytest.approx(everything / 2, rel=0.01)
        assert journal.backlog_bytes(101) == 0
    with Journal(tmp_path, start_at=51) as journal:
        # Not read yet: at worst the bytes of one segment too many.
        assert everything / 2 <= journal.backlog_bytes(51) <= everything / 2 + 100_000
        assert journal.backlog_bytes(101) == 0


def test_the_sequence_never_falls_behind_what_was_committed(tmp_path: Path) -> None:
    """A journal whose files were lost must not give out numbers that its reader takes for read."""
    with Journal(tmp_path, start_at=42) as journal:
        assert journal.durable_seq == 41
        assert journal.append(Kind.TRACES, b"x").result(5) == 42
        assert payloads(read_all(journal, 42).records) == [b"x"]


def test_closing_writes_what_is_queued_and_then_refuses(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    futures = [journal.append(Kind.TRACES, b"x" * 1_000) for _ in range(200)]
    assert journal.close()
    assert [future.result(0) for future in futures] == list(range(1, 201))
    with pytest.raises(JournalError, match="is closed"):
        journal.append(Kind.TRACES, b"late")
    assert journal.close()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(JournalError, match=f"another marginlake serve is using {tmp_path}"):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_a_file_in_the_directorys_place(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("not a directory")
    with pytest.raises(JournalError, match=r"cannot use .*/journal: File exists"):
        Journal(tmp_path / "journal")


def test_no_permission(tmp_path: Path) -> None:
    Journal(tmp_path).append(Kind.TRACES, b"x").result(5)
    disk = ScriptedDisk()
    disk.next("open", fails(errno.EACCES))
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "00000000000000000001.mlj").write_bytes((tmp_path / "00000000000000000001.mlj").read_bytes())
    with pytest.raises(JournalError, match="the journal cannot use"):
        Journal(copy, disk=disk)
    Journal(copy).close()  # the lock is free again


def test_a_segment_of_another_version(tmp_path: Path) -> None:
    (tmp_path / segment_name(1)).write_bytes(pack_segment_header(SegmentHeader(1, 1, 0), version=9))
    with pytest.raises(JournalError, match=r"00000000000000000001\.mlj: journal format 9 is not known"):
        Journal(tmp_path)


def test_files_that_are_not_segments_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "1.mlj").write_text("not by us")
    with Journal(tmp_path) as journal:
        journal.append(Kind.TRACES, b"x").result(5)
        assert len(journal.read_from(1, ALL).records) == 1
    assert (tmp_path / "1.mlj").read_text() == "not by us"
