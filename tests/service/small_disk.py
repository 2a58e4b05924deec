"""A disk that can be full: a small file system where mounting is allowed, else a limit on the size of every file."""

import os
import resource
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BALLAST = "ballast"
KEPT_MIB = 24
"""Size of the file system: enough for a lake and some load."""


class FullDisk(ABC):
    """What fills up in a way of its own. `fill` leaves no room for more than a little, `free` gives it back.

    `fill` may be called again where room came back in between.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    @abstractmethod
    def fill(self, pid: int) -> None:
        """Leave no room to the service with that process id."""

    @abstractmethod
    def free(self, pid: int) -> None:
        """Give the room back."""


class SmallFileSystem(FullDisk):
    """A tmpfs, filled with a file that holds nothing: writes end with ENOSPC."""

    def fill(self, pid: int) -> None:
        del pid
        with (self.data_dir.parent / BALLAST).open("ab", buffering=0) as ballast:
            try:
                while ballast.write(bytes(4096)):
                    pass
            except OSError:
                return

    def free(self, pid: int) -> None:
        del pid
        (self.data_dir.parent / BALLAST).unlink()


class SmallFiles(FullDisk):
    """A limit of the operating system on the size of the service's files: writes past it end with EFBIG."""

    def fill(self, pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        with suppress(ProcessLookupError):  # the limit ends with the process
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def small_file_system(directory: Path) -> Iterator[FullDisk]:
    """A small file system of its own, or the limit on files where this user may not mount one."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={KEPT_MIB}m", "marginlake-test", str(directory)]
    try:
        mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        yield SmallFiles(directory / "data")
        return
    try:
        yield SmallFileSystem(directory / "data")
    finally:
        subprocess.run(["umount", "-l", str(directory)], capture_output=True, check=True)


@contextmanager
def small_files(directory: Path) -> Iterator[FullDisk]:
    """The limit on files, which works for every user."""
    directory.mkdir()
    yield SmallFiles(directory / "data")
