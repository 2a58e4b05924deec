"""The segment being written: a group of records becomes durable in it, or leaves no trace that could mislead."""

import errno
import logging
import os
from collections.abc import Sequence
from typing import Final

from receiver.journal.disk import MOST_BUFFERS, Disk
from receiver.journal.segments import Segment, SegmentHeader, pack_segment_header

log = logging.getLogger(__name__)

_NO_PROGRESS: Final = "the disk accepts no more bytes"


class ActiveSegment:
    """An open segment file. Used by the writer thread only.

    `usable` turns False when the file's state beyond its durable end is unknown: then nothing more is written to it.
    """

    def __init__(self, disk: Disk, segment: Segment, descriptor: int, *, fsync: bool, named: bool) -> None:
        """`named`: whether the file's name is durable in its directory already."""
        self._disk = disk
        self._descriptor = descriptor
        self._fsync = fsync
        self._named = named
        self.segment = segment
        self.end = segment.end
        self.usable = True

    def append(self, buffers: Sequence[bytes], created_ns: int) -> int:
        """Write buffers behind the durable end and make them durable; returns the new end.

        Raises OSError after undoing what it can: the file is cut back to the durable end, and when that fails, or when
        the sync failed (the kernel may have dropped the pages and say nothing of it next time), `usable` is False.
        """
        if self.end == 0:
            salt = self.segment.salt or 0
            header = pack_segment_header(SegmentHeader(salt, self.segment.first_seq, created_ns))
            buffers = [header, *buffers]
        try:
            end = self._write(buffers)
        except BaseException:
            self._cut_back()
            raise
        if self._fsync:
            try:
                self._disk.fdatasync(self._descriptor)
                if not self._named:
                    self._disk.fsync_dir(self.segment.path.parent)
                    self._named = True
            except BaseException:
                self._cut_back()
                self.usable = False
                raise
        self.end = end
        return end

    def close(self) -> None:
        """Close the file. One that is given up, and in which nothing ever became durable, is removed."""
        path = self.segment.path
        try:
            self._disk.close(self._descriptor)
            if self.end == 0 and not self.usable:
                self._disk.remove(path)
        except OSError as error:
            log.warning("journal segment %s could not be closed properly: %s", path, error)

    def _write(self, buffers: Sequence[bytes]) -> int:
        """Write all buffers, however little the disk takes at a time; returns the offset behind them."""
        offset = self.end
        for first in range(0, len(buffers), MOST_BUFFERS):
            rest = list(buffers[first : first + MOST_BUFFERS])
            while rest:
                written = self._disk.writev(self._descriptor, rest, offset)
                if written <= 0:
                    raise OSError(errno.EIO, _NO_PROGRESS)
                offset += written
                rest = _unwritten(rest, written)
        return offset

    def _cut_back(self) -> None:
        try:
            self._disk.truncate(self._descriptor, self.end)
        except OSError as error:
            log.warning("journal segment %s could not be cut back: %s", self.segment.path, error)
            self.usable = False


def _unwritten(buffers: list[bytes], written: int) -> list[bytes]:
    """What is left of buffers after their first `written` bytes."""
    for at, buffer in enumerate(buffers):
        if written < len(buffer):
            return [buffer[written:], *buffers[at + 1 :]] if written else buffers[at:]
        written -= len(buffer)
    return []


def new_salt() -> int:
    """A random number that no sender can guess; never 0."""
    return int.from_bytes(os.urandom(4), "little") | 1
