"""Kill -9 under load: everything acknowledged is read back, once, under the number that was acknowledged."""

import subprocess
import sys
import threading
from pathlib import Path

from receiver.journal import Journal
from tests.receiver.journal.disks import read_all

ROOT = Path(__file__).parents[3]


def acknowledged_until_killed(directory: Path, name: str, seconds: float) -> dict[int, str]:
    """Run the load for a while, kill it without warning, and return what it had been told is durable."""
    command = [sys.executable, "-m", "tests.receiver.journal.load_process", str(directory), name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        threading.Timer(seconds, process.kill).start()
        lines = [first, *process.stdout]
    assert process.returncode == -9
    complete = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return {int(seq): label for seq, label in complete}


def test_kill_nine(tmp_path: Path) -> None:
    acknowledged: dict[int, str] = {}
    for round_number in range(4):
        told = acknowledged_until_killed(tmp_path, f"round{round_number}", 0.2 + 0.13 * round_number)
        assert told
        assert not acknowledged.keys() & told.keys(), "a number was given out twice"
        acknowledged |= told
    with Journal(tmp_path) as journal:
        batch = read_all(journal)
    assert not batch.corruptions
    stored = {record.seq: record.payload.rstrip(b".").decode() for record in batch.records}
    assert len(stored) == len(batch.records)
    assert len(set(stored.values())) == len(stored), "a record was stored twice"
    assert acknowledged.items() <= stored.items()
