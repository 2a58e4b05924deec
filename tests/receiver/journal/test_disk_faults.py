"""A disk that fails costs the records of that moment only: their senders hear of it, what follows is sound."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from receiver.journal import Journal, Kind
from receiver.journal.segments import list_segments
from tests.receiver.journal.disks import CAPTURES, ScriptedDisk, fails, payloads, read_all, writes_only

Script = Callable[[ScriptedDisk], None]

FAULTS: dict[str, Script] = {
    "full before a byte is written": lambda disk: disk.next("writev", fails(errno.ENOSPC)),
    "full after some bytes": lambda disk: disk.next("writev", writes_only(100), fails(errno.ENOSPC)),
    "full inside a header": lambda disk: disk.next("writev", writes_only(7), fails(errno.ENOSPC)),
    "broken while writing": lambda disk: disk.next("writev", writes_only(900), fails(errno.EIO)),
    "takes no more bytes": lambda disk: disk.next("writev", writes_only(60), writes_only(0)),
    "sync fails": lambda disk: disk.next("fdatasync", fails(errno.EIO)),
    "sync finds the disk full": lambda disk: disk.next("fdatasync", fails(errno.ENOSPC)),
    "full, and cannot be cut back": lambda disk: (
        disk.next("writev", writes_only(100), fails(errno.ENOSPC)),
        disk.next("truncate", fails(errno.EIO)),
    )[0],
    "sync fails, and cannot be cut back": lambda disk: (
        disk.next("fdatasync", fails(errno.EIO)),
        disk.next("truncate", fails(errno.EIO)),
    )[0],
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("before", [0, 2], ids=["in a new journal", "after good records"])
def test_the_group_fails_and_the_next_one_works(tmp_path: Path, fault: Script, before: int) -> None:
    disk = ScriptedDisk()
    good = [b"good %d" % number for number in range(before)]
    with Journal(tmp_path, disk=disk) as journal:
        for payload in good:
            journal.append(Kind.TRACES, payload).result(5)
        fault(disk)
        failed = journal.append(Kind.TRACES, CAPTURES[1])
        with pytest.raises(OSError, match="the journal could not be written"):
            failed.result(5)
        # Running on, the failed record is not seen ...
        assert payloads(read_all(journal).records) == good
        late = [journal.append(Kind.TRACES, b"late %d" % number) for number in range(3)]
        numbers = [future.result(5) for future in late]
        assert numbers == sorted(set(numbers))
        assert numbers[0] > before
        batch = read_all(journal)
        assert payloads(batch.records) == [*good, b"late 0", b"late 1", b"late 2"]
        assert not batch.corruptions
    # ... after a restart it may be, as it may have reached the disk, but once and whole.
    with Journal(tmp_path) as journal:
        survivors = payloads(read_all(journal).records)
        assert [payload for payload in survivors if payload != CAPTURES[1]] == [
            *good, b"late 0", b"late 1", b"late 2",
        ]  # fmt: skip
        assert survivors.count(CAPTURES[1]) <= 1
        assert journal.append(Kind.TRACES, b"on").result(5) > numbers[-1]


@pytest.mark.parametrize("sizes", [(1,) * 50, (35, 1, 41, 3), (10_000,)])
def test_short_writes_are_completed(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    disk = ScriptedDisk()
    disk.next("writev", *(writes_only(size) for size in sizes))
    with Journal(tmp_path, disk=disk) as journal:
        futures = [journal.append(Kind.TRACES, capture) for capture in CAPTURES]
        assert [future.result(5) for future in futures] == [1, 2, 3]
        assert payloads(read_all(journal).records) == CAPTURES


def test_a_full_disk_that_empties_again(tmp_path: Path) -> None:
    disk = ScriptedDisk()
    with Journal(tmp_path, disk=disk) as journal:
        journal.append(Kind.TRACES, b"before").result(5)
        disk.next("writev", *[fails(errno.ENOSPC)] * 20)
        for _ in range(20):
            with pytest.raises(OSError) as failure:
                journal.append(Kind.TRACES, CAPTURES[0]).result(5)
            assert failure.value.errno == errno.ENOSPC
        journal.append(Kind.TRACES, b"after").result(5)
        assert payloads(read_all(journal).records) == [b"before", b"after"]
    assert len(list_segments(tmp_path)) == 1


def test_after_a_failed_sync_the_file_is_not_written_to_again(tmp_path: Path) -> None:
    """The kernel may have dropped the pages and report the next sync of the same file as a success."""
    disk = ScriptedDisk()
    with Journal(tmp_path, disk=disk) as journal:
        journal.append(Kind.TRACES, b"before").result(5)
        disk.next("fdatasync", fails(errno.EIO))
        with pytest.raises(OSError, match="could not be written"):
            journal.append(Kind.TRACES, b"lost").result(5)
        journal.append(Kind.TRACES, b"after").result(5)
    assert len(list_segments(tmp_path)) == 2


def test_no_new_segment_can_be_made(tmp_path: Path) -> None:
    disk = ScriptedDisk()
    with Journal(tmp_path, disk=disk, segment_bytes=100) as journal:
        journal.append(Kind.TRACES, b"x" * 100).result(5)
        disk.next("open", fails(errno.EMFILE))
        disk.next("fsync_dir", fails(errno.EIO))
        for _ in range(2):
            with pytest.raises(OSError, match="could not be written"):
                journal.append(Kind.TRACES, b"y" * 100).result(5)
        journal.append(Kind.TRACES, b"z" * 100).result(5)
        assert payloads(read_all(journal).records) == [b"x" * 100, b"z" * 100]
    assert len(list_segments(tmp_path)) == 2


def test_an_unexpected_error_fails_the_group_but_not_the_writer(tmp_path: Path) -> None:
    def surprise() -> int | None:
        raise MemoryError("no buffer")

    disk = ScriptedDisk()
    disk.next("writev", surprise)
    with Journal(tmp_path, disk=disk) as journal:
        with pytest.raises(OSError, match="no buffer"):
            journal.append(Kind.TRACES, b"x").result(5)
        assert journal.append(Kind.TRACES, b"y").result(5) == 2
        assert payloads(read_all(journal).records) == [b"y"]
