"""One writer at a time, among threads and among processes, and none is locked out by the dead."""

import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lake.connect import Lake
from lake.errors import LakeError, LakeLockedError
from lake.locking import WriteLock
from lake.migrate import known_migrations

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = multiprocessing.get_context("spawn")


HOLDER = """
import sys
from pathlib import Path
from lake.locking import WriteLock
with WriteLock(Path(sys.argv[1])).held(5):
    print("holding", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its standard input is closed."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "holding\n"
        yield process
        process.stdin.close()


def test_another_process_is_waited_for_and_then_named_as_the_reason(data_dir: Path) -> None:
    with Lake.open(data_dir, lock_timeout=0.1) as lake, another_process_holding(data_dir / "write.lock") as process:
        assert process.stdin is not None
        with pytest.raises(LakeLockedError, match=r"another process has been writing to .* for 0\.1 s"):
            lake.run(lambda tx: tx.set_progress("journal", 1))
        threading.Timer(0.2, process.stdin.close).start()
        with lake.write_lock(20):
            pass


def test_a_killed_process_holds_nothing(lake: Lake, data_dir: Path) -> None:
    with another_process_holding(data_dir / "write.lock") as process:
        process.kill()
        process.wait(30)
        with lake.write_lock(1):
            pass


def test_another_thread_is_waited_for(lake: Lake) -> None:
    failures: list[LakeLockedError] = []

    def try_it() -> None:
        try:
            with lake.write_lock(0.1):
                pass
        except LakeLockedError as error:
            failures.append(error)

    with lake.write_lock():
        other = threading.Thread(target=try_it)
        other.start()
        other.join(10)
    assert [str(error).startswith("another thread") for error in failures] == [True]
    with lake.write_lock(0.1):
        pass


def test_a_thread_may_take_the_lock_again(lake: Lake) -> None:
    with lake.write_lock(), lake.write_lock(0):
        lake.run(lambda tx: tx.set_progress("journal", 1))
    assert lake.progress("journal") == 1


def add_one_by_one(data_dir: Path, times: int) -> None:
    with Lake.open(data_dir, threads=1) as lake:
        for _ in range(times):
            lake.run(lambda tx: tx.set_progress("journal", (tx.progress("journal") or 0) + 1))
            time.sleep(0)


def test_processes_that_start_and_write_at_once_lose_nothing(data_dir: Path) -> None:
    workers = [PROCESSES.Process(target=add_one_by_one, args=(data_dir, 8)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with Lake.open(data_dir) as lake:
        assert lake.progress("journal") == 24
        assert lake.read("SELECT count(*) FROM schema_migrations").item() == len(known_migrations())


def test_a_directory_we_may_not_write_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "write.lock").mkdir()
    with pytest.raises(LakeError, match="cannot write to"), WriteLock(tmp_path / "write.lock").held(0):
        pass
