"""Disks that fail, hang or count, and helpers to read a journal back."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path

from receiver.journal import Batch, Journal, Record
from receiver.journal.disk import LocalDisk

DATA = Path(__file__).parents[2] / "data" / "otlp_files"
CAPTURES = [path.read_bytes() for path in sorted(DATA.glob("*.pb"))]
ALL = 1 << 40


class ScriptedDisk(LocalDisk):
    """A real disk that counts its operations and runs the next scripted step, if there is one, before each."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._script: dict[str, deque[Callable[[], int | None] | None]] = {}

    def next(self, operation: str, *steps: Callable[[], int | None] | None) -> None:
        """The coming calls of an operation run these steps; None lets a call pass."""
        self._script.setdefault(operation, deque()).extend(steps)

    def _step(self, operation: str) -> int | None:
        self.calls[operation] += 1
        waiting = self._script.get(operation)
        step = waiting.popleft() if waiting else None
        return step() if step else None

    def open(self, path: Path, *, create: bool) -> int:
        self._step("open")
        return super().open(path, create=create)

    def writev(self, descriptor: int, buffers: Sequence[bytes], offset: int) -> int:
        most = self._step("writev")
        if most is None:
            return super().writev(descriptor, buffers, offset)
        return super().writev(descriptor, [b"".join(buffers)[:most]], offset) if most else 0

    def fdatasync(self, descriptor: int) -> None:
        self._step("fdatasync")
        super().fdatasync(descriptor)

    def truncate(self, descriptor: int, length: int) -> None:
        self._step("truncate")
        super().truncate(descriptor, length)

    def fsync_dir(self, path: Path) -> None:
        self._step("fsync_dir")
        super().fsync_dir(path)


def fails(number: int) -> Callable[[], int | None]:
    """A step that raises OSError with this errno."""

    def step() -> int | None:
        raise OSError(number, "scripted")

    return step


def writes_only(size: int) -> Callable[[], int | None]:
    """A step that lets `writev` write at most `size` bytes."""
    return lambda: size


def waits_for(gate: threading.Event) -> Callable[[], int | None]:
    """A step that blocks until the gate opens."""

    def step() -> int | None:
        assert gate.wait(10)
        return None

    return step


def read_all(journal: Journal, seq: int = 1) -> Batch:
    """Everything durable from `seq` on."""
    return journal.read_from(seq, ALL)


def payloads(records: Sequence[Record]) -> list[bytes]:
    return [record.payload for record in records]
