"""The few file operations a journal writes with, behind one small protocol so that tests can make them fail."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

MOST_BUFFERS: Final = os.sysconf("SC_IOV_MAX")
"""Buffers one `writev` may take (IOV_MAX)."""

_sync_data: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # not every system has fdatasync


class Disk(Protocol):
    """Writing side of a file system. Every method raises OSError when the disk refuses."""

    def open(self, path: Path, *, create: bool) -> int:
        """A descriptor for writing; with `create` the file must not exist yet."""
        ...

    def writev(self, descriptor: int, buffers: Sequence[bytes], offset: int) -> int:
        """Write at most `MOST_BUFFERS` buffers at `offset`; returns the bytes written, which may be fewer."""
        ...

    def fdatasync(self, descriptor: int) -> None:
        """Make the file's content durable."""
        ...

    def truncate(self, descriptor: int, length: int) -> None:
        """Cut the file to `length` bytes."""
        ...

    def fsync_dir(self, path: Path) -> None:
        """Make the names in a directory durable."""
        ...

    def remove(self, path: Path) -> None:
        """Delete a file."""
        ...

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        ...


class LocalDisk:
    """The operating system's files."""

    def open(self, path: Path, *, create: bool) -> int:
        """See `Disk`."""
        flags = os.O_CREAT | os.O_EXCL if create else 0
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o640)

    def writev(self, descriptor: int, buffers: Sequence[bytes], offset: int) -> int:
        """See `Disk`."""
        return os.pwritev(descriptor, buffers, offset)

    def fdatasync(self, descriptor: int) -> None:
        """See `Disk`."""
        _sync_data(descriptor)

    def truncate(self, descriptor: int, length: int) -> None:
        """See `Disk`."""
        os.ftruncate(descriptor, length)

    def fsync_dir(self, path: Path) -> None:
        """See `Disk`."""
        sync_directory(path)

    def remove(self, path: Path) -> None:
        """See `Disk`."""
        path.unlink()

    def close(self, descriptor: int) -> None:
        """See `Disk`."""
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
