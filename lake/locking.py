"""One writer at a time: an exclusive lock on a file of the data directory, held across threads and processes."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lake.errors import LakeError, LakeLockedError

_POLL_SECONDS = 0.005


class WriteLock:
    """The right to write to one lake.

    Re-entrant within a thread, exclusive between threads and between processes. The kernel releases it when its holder
    dies, so a crash never leaves a lake locked.
    """

    def __init__(self, path: Path):
        self._path = path
        self._threads = threading.RLock()
        self._depth = 0
        self._descriptor = -1

    @contextmanager
    def held(self, timeout: float) -> Iterator[None]:
        """Hold the lock; raises `LakeLockedError` when it is not free within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        if not self._threads.acquire(timeout=max(timeout, 0)):
            raise LakeLockedError(f"another thread has been writing to {self._path.parent} for {timeout:g} s")
        try:
            if self._depth == 0:
                self._lock_file(deadline, timeout)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    os.close(self._descriptor)
                    self._descriptor = -1
        finally:
            self._threads.release()

    def _lock_file(self, deadline: float, timeout: float) -> None:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LakeError(f"cannot write to {self._path.parent}: {error.strerror}") from error
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise LakeLockedError(
                        f"another process has been writing to {self._path.parent} for {timeout:g} s"
                    ) from None
                time.sleep(_POLL_SECONDS)
            except BaseException:
                os.close(descriptor)
                raise
            else:
                self._descriptor = descriptor
                return
