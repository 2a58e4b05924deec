"""Closed and committed segments move to the archive, whatever interrupts it, and can be read from there."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from receiver.journal import Corruption, Journal, Kind, Record, archive
from receiver.journal.archive import archive_closed, drop_closed, expire, list_archives, read_archive
from receiver.journal.segments import list_segments
from tests.receiver.journal.disks import CAPTURES, payloads, read_all


@pytest.fixture
def directories(tmp_path: Path) -> tuple[Path, Path]:
    """A journal of four segments (records 1-2, 3-4, 5-6, 7) and an archive that is not there yet."""
    with Journal(tmp_path / "journal", segment_bytes=10_000, clock=lambda: 77) as journal:
        for number in range(1, 8):
            journal.append(Kind.TRACES, b"%d" % number + CAPTURES[2]).result(5)
    assert [first for first, _ in list_segments(tmp_path / "journal")] == [1, 3, 5, 7]
    return tmp_path / "journal", tmp_path / "archive"


def expected(first: int, last: int) -> list[Record]:
    return [Record(number, Kind.TRACES, 77, b"%d" % number + CAPTURES[2]) for number in range(first, last + 1)]


def archived(directory: Path) -> list[Record]:
    return [record for path in list_archives(directory) for record in read_archive(path)]


@pytest.mark.parametrize(("committed", "kept"), [(1, 7), (2, 7), (3, 5), (6, 3), (7, 1), (8, 1), (100, 1)])
def test_only_closed_segments_below_the_committed_position_go(
    directories: tuple[Path, Path], committed: int, kept: int
) -> None:
    journal_dir, archive_dir = directories
    archive_closed(journal_dir, archive_dir, committed)
    assert archived(archive_dir) == expected(1, 7 - kept)
    with Journal(journal_dir) as journal:
        assert read_all(journal, committed).records == expected(committed, 7)
        assert read_all(journal, 8 - kept).records == expected(8 - kept, 7)
        assert not read_all(journal, committed).corruptions


def test_archiving_beside_a_running_journal(directories: tuple[Path, Path]) -> None:
    journal_dir, archive_dir = directories
    with Journal(journal_dir, segment_bytes=10_000) as journal:
        first = journal.read_from(1, 1_000_000)
        before = journal.backlog_bytes(first.next_seq)
        assert len(archive_closed(journal_dir, archive_dir, first.next_seq)) == 3
        assert journal.backlog_bytes(first.next_seq) == before == 0
        for _ in range(5):
            journal.append(Kind.TRACES, CAPTURES[2]).result(5)
        batch = read_all(journal, first.next_seq)
        assert len(batch.records) == 5
        assert not batch.corruptions


def test_the_sequence_goes_on_when_everything_is_archived(directories: tuple[Path, Path]) -> None:
    journal_dir, archive_dir = directories
    archive_closed(journal_dir, archive_dir, 8)
    with Journal(journal_dir) as journal:
        assert journal.append(Kind.TRACES, b"x").result(5) == 8


def test_archives_are_smaller_and_keep_the_time_of_their_segment(directories: tuple[Path, Path]) -> None:
    journal_dir, archive_dir = directories
    segment = journal_dir / "00000000000000000001.mlj"
    os.utime(segment, (1_000_000, 1_000_000))
    size = segment.stat().st_size
    (target,) = archive_closed(journal_dir, archive_dir, 3)
    assert target.name == "00000000000000000001.mlj.zst"
    assert target.stat().st_size < size
    assert target.stat().st_mtime == 1_000_000


STEPS = ["compress", "fsync", "rename", "sync_directory", "unlink"]


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_anywhere_loses_nothing_and_a_rerun_finishes(
    directories: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, step: str, when: str, call: int
) -> None:
    class Crash(BaseException):
        pass

    calls = 0

    def crashing(real: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == call and when == "before":
                raise Crash
            result = real(*args, **named)
            if calls == call:
                raise Crash
            return result

        return run

    journal_dir, archive_dir = directories
    with monkeypatch.context() as patch:
        match step:
            case "compress":
                patch.setattr(archive, "_compress", crashing(archive._compress))
            case "fsync":
                patch.setattr(os, "fsync", crashing(os.fsync))
            case "rename":
                patch.setattr(Path, "replace", crashing(Path.replace))
            case "sync_directory":
                patch.setattr(archive, "sync_directory", crashing(archive.sync_directory))
            case "unlink":
                patch.setattr(Path, "unlink", crashing(Path.unlink))
        with pytest.raises(Crash):
            archive_closed(journal_dir, archive_dir, 8)
    with Journal(journal_dir) as journal:
        left = {record.seq: record for record in read_all(journal).records}
    both = left | {record.seq: record for record in archived(archive_dir)}
    assert [both[seq] for seq in sorted(both)] == expected(1, 7)

    archive_closed(journal_dir, archive_dir, 8)
    assert archived(archive_dir) == expected(1, 6)
    assert [first for first, _ in list_segments(journal_dir)] == [7]
    assert [path.suffix for path in archive_dir.iterdir()] == [".zst"] * 3


def test_a_journal_started_anew_does_not_overwrite_the_earlier_archive(tmp_path: Path) -> None:
    for run in (b"first", b"second"):
        directory = tmp_path / run.decode()
        with Journal(directory, segment_bytes=100) as journal:
            for _ in range(2):
                journal.append(Kind.TRACES, run * 30).result(5)
        archive_closed(directory, tmp_path / "archive", 3)
    assert payloads(archived(tmp_path / "archive")) == [b"second" * 30, b"first" * 30]


def test_damage_is_archived_as_it_is_and_told_when_read(directories: tuple[Path, Path]) -> None:
    journal_dir, archive_dir = directories
    segment = journal_dir / "00000000000000000003.mlj"
    damaged = bytearray(segment.read_bytes())
    damaged[100] ^= 1
    segment.write_bytes(damaged)
    archive_closed(journal_dir, archive_dir, 8)
    told: list[Corruption] = []
    records = [record for path in list_archives(archive_dir) for record in read_archive(path, told.append)]
    assert [record.seq for record in records] == [1, 2, 4, 5, 6]
    assert [damage.reason for damage in told] == ["record 3 does not match its checksum"]


def test_an_archive_cut_short_gives_what_it_has(directories: tuple[Path, Path]) -> None:
    journal_dir, archive_dir = directories
    (first, *_) = archive_closed(journal_dir, archive_dir, 8)
    first.write_bytes(first.read_bytes()[:-1])
    told: list[Corruption] = []
    assert list(read_archive(first, told.append)) == expected(1, 2)
    assert [damage.reason for damage in told] == ["the zstd data is cut short"]


def test_plain_segments_are_read_as_well(directories: tuple[Path, Path]) -> None:
    journal_dir, _ = directories
    assert list(read_archive(journal_dir / "00000000000000000005.mlj")) == expected(5, 6)


def test_old_archives_expire(directories: tuple[Path, Path]) -> None:
    journal_dir, archive_dir = directories
    for _, segment in list_segments(journal_dir)[:2]:
        os.utime(segment, (1_000_000, 1_000_000))
    archive_closed(journal_dir, archive_dir, 8)
    assert len(expire(archive_dir, datetime(2001, 1, 1, tzinfo=UTC))) == 2
    assert archived(archive_dir) == expected(5, 6)
    assert expire(archive_dir / "nowhere", datetime(2001, 1, 1, tzinfo=UTC)) == []


def test_without_an_archive_closed_segments_are_dropped(directories: tuple[Path, Path]) -> None:
    journal_dir, _ = directories
    assert len(drop_closed(journal_dir, 5)) == 2
    with Journal(journal_dir) as journal:
        assert read_all(journal, 5).records == expected(5, 7)
