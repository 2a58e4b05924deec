"""Many appenders share one sync; a lone one waits for nobody; nobody is answered before the sync."""

import threading
from pathlib import Path

from receiver.journal import Journal, Kind
from receiver.journal.disk import MOST_BUFFERS
from receiver.journal.writer import GROUP_BYTES
from tests.receiver.journal.disks import CAPTURES, ScriptedDisk, payloads, read_all, waits_for


def test_a_lone_append_is_one_write_and_one_sync(tmp_path: Path) -> None:
    disk = ScriptedDisk()
    with Journal(tmp_path, disk=disk) as journal:
        journal.append(Kind.TRACES, CAPTURES[0]).result(5)
        assert disk.calls == {"open": 1, "writev": 1, "fdatasync": 1, "fsync_dir": 1}
        journal.append(Kind.TRACES, CAPTURES[0]).result(5)
        assert disk.calls == {"open": 1, "writev": 2, "fdatasync": 2, "fsync_dir": 1}


def test_nothing_is_answered_or_readable_before_the_sync(tmp_path: Path) -> None:
    disk, gate = ScriptedDisk(), threading.Event()
    disk.next("fdatasync", waits_for(gate))
    with Journal(tmp_path, disk=disk) as journal:
        future = journal.append(Kind.TRACES, CAPTURES[0])
        assert not journal.wait(1, 0.1)
        assert not future.done()
        assert not read_all(journal).records
        gate.set()
        assert future.result(5) == 1
        assert journal.wait(1, 0)


def test_what_arrives_during_a_sync_shares_the_next_one(tmp_path: Path) -> None:
    disk, gate = ScriptedDisk(), threading.Event()
    disk.next("fdatasync", waits_for(gate))
    with Journal(tmp_path, disk=disk) as journal:
        first = journal.append(Kind.TRACES, b"first")
        while not disk.calls["fdatasync"]:
            threading.Event().wait(0.001)
        rest = [journal.append(Kind.TRACES, b"%d" % number) for number in range(400)]
        gate.set()
        assert [future.result(5) for future in (first, *rest)] == list(range(1, 402))
        assert disk.calls["fdatasync"] == 2
        assert disk.calls["writev"] == 2


def test_concurrent_threads_need_few_syncs(tmp_path: Path) -> None:
    disk = ScriptedDisk()
    with Journal(tmp_path, disk=disk) as journal:

        def client(name: int) -> None:
            for number in range(50):
                journal.append(Kind.TRACES, b"%d-%d" % (name, number)).result(10)

        clients = [threading.Thread(target=client, args=(name,)) for name in range(16)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        records = read_all(journal).records
    assert len(set(payloads(records))) == len(records) == 16 * 50
    assert disk.calls["fdatasync"] < len(records) / 2


def test_a_group_of_more_buffers_than_one_call_takes(tmp_path: Path) -> None:
    disk, gate = ScriptedDisk(), threading.Event()
    disk.next("fdatasync", waits_for(gate))
    with Journal(tmp_path, disk=disk) as journal:
        futures = [journal.append(Kind.TRACES, b"%d" % number) for number in range(2 * MOST_BUFFERS)]
        gate.set()
        assert [future.result(10) for future in futures] == list(range(1, 2 * MOST_BUFFERS + 1))
        assert payloads(read_all(journal).records) == [b"%d" % number for number in range(2 * MOST_BUFFERS)]
    assert disk.calls["fdatasync"] <= 4


def test_a_group_is_bounded_in_bytes(tmp_path: Path) -> None:
    """Whoever is first in a long queue does not wait for all of it to be written."""
    disk, gate = ScriptedDisk(), threading.Event()
    disk.next("fdatasync", waits_for(gate))
    large = b"x" * (GROUP_BYTES // 2)
    with Journal(tmp_path, disk=disk) as journal:
        futures = [journal.append(Kind.TRACES, large) for _ in range(5)]
        gate.set()
        for future in futures:
            future.result(10)
    assert disk.calls["fdatasync"] >= 3


def test_without_fsync_nothing_is_synced(tmp_path: Path) -> None:
    disk = ScriptedDisk()
    with Journal(tmp_path, fsync=False, disk=disk) as journal:
        journal.append(Kind.TRACES, b"x").result(5)
    assert disk.calls["fdatasync"] == disk.calls["fsync_dir"] == 0
