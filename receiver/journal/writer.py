"""The journal: many threads append, one thread writes, and an append is done when its bytes are on the disk.

The writer takes everything that is queued, writes it with one call and syncs once for all of it, so that the cost of a
sync is shared by whoever came in during the last one, and a lone appender waits for nobody.
"""

import errno
import fcntl
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self
from zlib import crc32

from receiver.journal.active import ActiveSegment, new_salt
from receiver.journal.disk import Disk, LocalDisk
from receiver.journal.errors import Corruption, JournalError
from receiver.journal.reader import Batch, TailReader, recover_segment
from receiver.journal.record import HEADER_BYTES, MAX_PAYLOAD_BYTES, Kind, pack_header
from receiver.journal.segments import (
    SEGMENT_HEADER_BYTES,
    Segment,
    SegmentIndex,
    list_segments,
    segment_name,
    unpack_segment_header,
)

__all__ = ["Journal", "JournalError"]

log = logging.getLogger(__name__)

MIB: Final = 1 << 20
GROUP_BYTES: Final = 8 * MIB
"""What one sync covers at most (or one record, if larger): bounds the wait of everyone in the group."""

LOCK_NAME: Final = "lock"


class _Pending(NamedTuple):
    kind: Kind
    payload: bytes
    crc: int
    received_ns: int
    done: "Future[int]"


class Journal:
    """A directory of segment files, opened by one process at a time; every method may be called from any thread.

    `cut` is the torn tail that was removed at opening, if any: the bytes of records that were never acknowledged.
    """

    cut: Corruption | None

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = 64 * MIB,
        fsync: bool = True,
        clock: Callable[[], int] = time.time_ns,
        start_at: int = 1,
        disk: Disk | None = None,
    ) -> None:
        """Open or create. Raises JournalError, in one line, when the directory cannot be used.

        `segment_bytes`: size at which a segment is closed. `fsync=False`: an append is done when the kernel has it.
        `clock`: Unix time in nanoseconds. `start_at`: the sequence continues at this number or later; give it what the
        reader has committed, so that a journal that lost its files never reuses a number that counts as read.
        """
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._fsync = fsync
        self._clock = clock
        self._disk = disk or LocalDisk()
        self._queue: deque[_Pending] = deque()
        self._queued = threading.Condition()
        self._closing = False
        self._active: ActiveSegment | None = None
        self._lock_descriptor = _lock(directory)
        try:
            self._index = self._recover(start_at)
        except OSError as error:
            os.close(self._lock_descriptor)
            raise _unusable(directory, error) from error
        except JournalError:
            os.close(self._lock_descriptor)
            raise
        self._reader = TailReader(self._index)
        self._writer = threading.Thread(target=self._write_groups, name="marginlake-journal", daemon=True)
        self._writer.start()

    @property
    def durable_seq(self) -> int:
        """The last durable sequence number, or the one before the first when there is none."""
        return self._index.durable_seq

    def append(self, kind: Kind, payload: bytes) -> "Future[int]":
        """Queue one record; the future gives its sequence number once it is durable, or fails with OSError.

        After a failure the record may or may not be read back. Raises JournalError when the journal is closed, and
        ValueError for a payload over `MAX_PAYLOAD_BYTES`.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"a journal record holds at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
        done: Future[int] = Future()
        done.set_running_or_notify_cancel()  # what is queued is written: it cannot be cancelled any more
        pending = _Pending(kind, payload, crc32(payload), self._clock(), done)
        with self._queued:
            if self._closing:
                raise JournalError(f"the journal in {self._directory} is closed")
            self._queue.append(pending)
            self._queued.notify()
        return done

    def read_from(self, seq: int, max_bytes: int) -> Batch:
        """Durable records from `seq` on, up to `max_bytes` of payload but at least one if there is one.

        `Batch.next_seq` is where to go on; it is past `seq` whenever `wait(seq, 0)` is true. Raises OSError.
        """
        return self._reader.read_from(seq, max_bytes)

    def wait(self, seq: int, timeout: float) -> bool:
        """Whether a record at or after `seq` is durable within `timeout` seconds."""
        return self._index.wait(seq, timeout)

    def backlog_bytes(self, committed_seq: int) -> int:
        """Durable bytes from record `committed_seq` on (the next one to commit). Cheap; exact where a batch ended."""
        if committed_seq > self._index.durable_seq:
            return 0
        return self._index.total_bytes - self._reader.bytes_before(committed_seq)

    def close(self, timeout: float = 10.0) -> bool:
        """Write what is queued, stop, and let another process open the directory; False if the disk took too long."""
        with self._queued:
            self._closing = True
            self._queued.notify()
        self._writer.join(timeout)
        return not self._writer.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _recover(self, start_at: int) -> SegmentIndex:
        """Find the segments, cut the last one's torn tail, and be ready to write behind it."""
        files = list_segments(self._directory)
        segments = [_known_segment(first_seq, path) for first_seq, path in files]
        self.cut = None
        self._next_seq = start_at
        if segments:
            last = segments[-1]
            recovered = recover_segment(last.path)
            self.cut = recovered.tail
            last.end = recovered.end
            last.salt = recovered.salt if recovered.end and recovered.salt is not None else new_salt()
            self._next_seq = max(start_at, last.first_seq, (recovered.last_seq or 0) + 1)
            self._active = self._reopen(last)
        return SegmentIndex((segment for segment in segments if segment.end), self._next_seq - 1)

    def _reopen(self, segment: Segment) -> ActiveSegment:
        if self.cut is not None:
            log.warning("journal segment %s: torn tail of %d bytes cut", segment.path, self.cut.length)
        descriptor = self._disk.open(segment.path, create=False)
        try:
            self._disk.truncate(descriptor, segment.end)
            # A process that died leaves records in the kernel's memory only: they count as durable from here on.
            self._disk.fdatasync(descriptor)
            self._disk.fsync_dir(self._directory)
        except OSError:
            self._disk.close(descriptor)
            raise
        return ActiveSegment(self._disk, segment, descriptor, fsync=self._fsync, named=True)

    def _write_groups(self) -> None:
        try:
            while group := self._next_group():
                self._store(group)
        finally:
            if self._active is not None:
                self._active.close()
            os.close(self._lock_descriptor)

    def _next_group(self) -> list[_Pending]:
        """Everything that is queued, up to `GROUP_BYTES`; empty when the journal is closed and all is written."""
        with self._queued:
            self._queued.wait_for(lambda: self._queue or self._closing)
            group: list[_Pending] = []
            size = 0
            while self._queue and (not group or size + len(self._queue[0].payload) <= GROUP_BYTES):
                pending = self._queue.popleft()
                group.append(pending)
                size += len(pending.payload)
            return group

    def _store(self, group: list[_Pending]) -> None:
        """Make a group durable and tell its appenders. The numbers of a group that failed are not used again."""
        first = self._next_seq
        self._next_seq += len(group)
        try:
            self._write(group, first)
        except Exception as error:  # noqa: BLE001 (whatever it was, the appenders must hear and the writer must live)
            number = error.errno if isinstance(error, OSError) and error.errno else errno.EIO
            log.error("journal in %s: %d records not written: %s", self._directory, len(group), error)
            for pending in group:
                pending.done.set_exception(OSError(number, f"the journal could not be written: {error}"))
            return
        for seq, pending in enumerate(group, first):
            pending.done.set_result(seq)

    def _write(self, group: list[_Pending], first: int) -> None:
        active = self._writable(first, sum(HEADER_BYTES + len(pending.payload) for pending in group))
        salt = active.segment.salt or 0
        buffers: list[bytes] = []
        for seq, (kind, payload, crc, received_ns, _) in enumerate(group, first):
            buffers.append(pack_header(salt, kind, len(payload), seq, received_ns, crc))
            if payload:
                buffers.append(payload)
        end = active.append(buffers, group[0].received_ns)
        self._index.grow(active.segment, end, first + len(group) - 1)

    def _writable(self, first_seq: int, size: int) -> ActiveSegment:
        """The active segment, or a fresh one when it is full or given up."""
        active = self._active
        if active is not None:
            full = active.end > SEGMENT_HEADER_BYTES and active.end + size > self._segment_bytes
            if active.usable and not full:
                return active
            self._active = None
            active.close()
        path = self._directory / segment_name(first_seq)
        descriptor = self._disk.open(path, create=True)
        segment = Segment(path, first_seq, new_salt())
        self._active = ActiveSegment(self._disk, segment, descriptor, fsync=self._fsync, named=False)
        return self._active


def _lock(directory: Path) -> int:
    """Create the directory if need be and take the lock that keeps other processes out; returns its descriptor."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise JournalError(f"another marginlake serve is using {directory}") from error
        raise _unusable(directory, error) from error
    return descriptor


def _known_segment(first_seq: int, path: Path) -> Segment:
    with path.open("rb") as file:
        header = unpack_segment_header(file.read(SEGMENT_HEADER_BYTES), str(path))
    return Segment(path, first_seq, header.salt if header else None, path.stat().st_size)


def _unusable(directory: Path, error: OSError) -> JournalError:
    where = error.filename or directory
    return JournalError(f"the journal cannot use {where}: {error.strerror or error}")
