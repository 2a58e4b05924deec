"""A disk that tells how long its syncs take."""

import time
from collections.abc import Callable

from receiver.journal.disk import LocalDisk


class TimedDisk(LocalDisk):
    """The operating system's files; `synced` is told the seconds of every sync of a file that succeeded."""

    def __init__(self, synced: Callable[[float], None]) -> None:
        self._synced = synced

    def fdatasync(self, descriptor: int) -> None:
        """See `Disk`."""
        began = time.perf_counter()
        super().fdatasync(descriptor)
        self._synced(time.perf_counter() - began)
