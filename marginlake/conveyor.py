"""The conveyor: two threads carry records from the journal into the lake, one preparing while the other commits.

Order is kept, nothing is dropped: a batch that cannot be committed (disk full, lake locked) is tried again until it
can, and meanwhile the journal's backlog grows until admission tells senders to come back later. A record that cannot
be prepared, or that the lake refuses for what is in it, is put among the `rejected` with its reason; its bytes stay in
the journal's archive.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import duckdb
import structlog

from lake.errors import LakeLockedError
from marginlake.pipeline import Prepared, damage_of, merge, prepare_or_reject, put_aside
from marginlake.rules import Rules
from receiver.journal.reader import Batch

log = structlog.get_logger("conveyor")

CHUNK_BYTES = 32 << 20
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
PATIENCE = 3
"""Failures after which a batch that the lake refuses for what is in it is taken apart."""


class Source(Protocol):
    """What the conveyor needs of the journal."""

    def read_from(self, seq: int, max_bytes: int) -> Batch:
        """Durable records from `seq` on."""

    def wait(self, seq: int, timeout: float) -> bool:
        """Whether a durable record at or after `seq` is there within `timeout` seconds."""


class Conveyor:
    """Runs between a journal and a lake. `commit(prepared, position)` is one transaction, retried if it raises."""

    def __init__(
        self,
        source: Source,
        start_at: int,
        rules: Callable[[], Rules],
        commit: Callable[[Prepared, int], None],
        *,
        interval_seconds: float,
        max_batch_bytes: int,
        visible: Callable[[Sequence[int]], None] = lambda received: None,
    ) -> None:
        """`visible` is told when the records that a commit made readable were received (Unix nanoseconds)."""
        self._source = source
        self._rules = rules
        self._commit = commit
        self._interval = interval_seconds
        self._max_batch = max_batch_bytes
        self._lock = threading.Condition()
        self._visible = visible
        self._received: deque[tuple[int, list[int]]] = deque()
        self._pieces: list[tuple[Prepared, int]] = []
        self._pending_bytes = 0
        self._read_position = start_at
        self._committed = start_at
        self._draining = False
        self._stopped = False
        self._last_chunk = 0.0
        self._read_error: str | None = None
        self._commit_error: str | None = None
        self._threads = [
            threading.Thread(target=self._prepare_loop, name="marginlake-prepare", daemon=True),
            threading.Thread(target=self._commit_loop, name="marginlake-commit", daemon=True),
        ]

    @property
    def committed(self) -> int:
        """The next journal sequence number that is not in the lake yet."""
        return self._committed

    @property
    def oldest_waiting_ns(self) -> int | None:
        """When the oldest record that is read and not in the lake yet was received; None when none waits."""
        with self._lock:
            return self._received[0][1][0] if self._received else None

    @property
    def last_error(self) -> str | None:
        """Why nothing moves: the latest commit or read failed. None while all is well."""
        return self._commit_error or self._read_error

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    def drain(self, until: int, timeout: float) -> bool:
        """Commit all below sequence `until` without waiting for the interval; False if `timeout` seconds pass first."""
        deadline = time.monotonic() + timeout
        with self._lock:
            self._draining = True
            self._lock.notify_all()
            while self._committed < until and (left := deadline - time.monotonic()) > 0:
                self._lock.wait(min(left, 0.2))
            return self._committed >= until

    def stop(self, timeout: float) -> None:
        """Stop both threads; what is not committed stays in the journal and is taken up at the next start."""
        with self._lock:
            self._stopped = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join(timeout)

    def _prepare_loop(self) -> None:
        failures = 0
        while self._wait_for_room():
            try:
                self._prepare_next()
                failures, self._read_error = 0, None
            except Exception as error:  # noqa: BLE001 (a thread that ends in silence would hold everything up for good)
                self._read_error = f"{type(error).__name__}: {error}"
                log.error("journal cannot be read, will try again", error=self._read_error, failures=failures + 1)
                self._pause_after_failure(failures)
                failures += 1

    def _wait_for_room(self) -> bool:
        """Wait until another piece may be prepared; False when the conveyor is to stop."""
        with self._lock:
            while self._pending_bytes >= self._max_batch and not self._stopped:
                self._lock.wait(1.0)
            pause = self._last_chunk + self._interval / 5 - time.monotonic()
            if pause > 0 and not self._draining and not self._stopped:
                self._lock.wait(pause)
            return not self._stopped

    def _prepare_next(self) -> None:
        if not self._source.wait(self._read_position, 0.2):
            return
        self._last_chunk = time.monotonic()
        batch = self._source.read_from(self._read_position, min(CHUNK_BYTES, self._max_batch))
        if batch.next_seq == self._read_position:
            return
        prepared = prepare_or_reject(batch.records, damage_of(batch.corruptions), self._rules())
        with self._lock:
            if batch.records:
                self._received.append((batch.next_seq, [record.received_ns for record in batch.records]))
            self._pieces.append((prepared, batch.next_seq))
            self._pending_bytes += max(prepared.payload_bytes, 1)
            self._read_position = batch.next_seq
            self._lock.notify_all()

    def _commit_loop(self) -> None:
        last_start = 0.0
        while True:
            with self._lock:
                while not self._stopped and not self._due(last_start):
                    self._lock.wait(0.02 if self._pieces else 0.5)
                if self._stopped:
                    return
                pieces, self._pieces = self._pieces, []
                self._pending_bytes = 0
                self._lock.notify_all()
            last_start = time.monotonic()
            if not self._commit_until_done(pieces):
                return

    def _due(self, last_start: float) -> bool:
        if not self._pieces:
            return False
        full = self._pending_bytes >= self._max_batch
        return self._draining or full or time.monotonic() >= last_start + self._interval

    def _commit_until_done(self, pieces: Sequence[tuple[Prepared, int]]) -> bool:
        position = pieces[-1][1]
        prepared = merge([piece for piece, _ in pieces])
        failures = 0
        while not self._stopped:
            error = self._try_commit(prepared, position)
            if error is None:
                return True
            self._pause_after_failure(failures)
            failures += 1
            if failures >= PATIENCE and not may_pass(error):
                return self._commit_one_by_one(position)
        return False

    def _commit_one_by_one(self, position: int) -> bool:
        """Commit the journal record by record up to `position`, so that one the lake refuses holds up no other.

        Such a record becomes a row of `rejected`; if not even that row can be committed, the lake is at fault and the
        record is tried again.
        """
        failures = 0
        while self._committed < position and not self._stopped:
            error = self._commit_next(position)
            if error is not None:
                self._pause_after_failure(failures)
                failures += 1
        return not self._stopped

    def _commit_next(self, position: int) -> Exception | None:
        try:
            batch = self._source.read_from(self._committed, 1)
        except OSError as error:
            return error
        end = min(max(batch.next_seq, self._committed + 1), position)
        prepared = prepare_or_reject(batch.records, damage_of(batch.corruptions), self._rules())
        refusal = self._try_commit(prepared, end)
        for attempt in range(1, PATIENCE):
            if refusal is None or may_pass(refusal) or self._stopped:
                return refusal
            self._pause_after_failure(attempt)
            refusal = self._try_commit(prepared, end)
        if refusal is None or may_pass(refusal):
            return refusal
        log.error("the lake refuses a record, it is put aside", seq=end - 1, error=str(refusal))
        return self._try_commit(put_aside(batch.records, refusal, self._rules()), end)

    def _try_commit(self, prepared: Prepared, position: int) -> Exception | None:
        try:
            self._commit(prepared, position)
        except Exception as error:  # noqa: BLE001 (whatever it is, the rows must not be lost: the caller tries again)
            self._commit_error = f"{type(error).__name__}: {error}"
            log.error("commit failed, will try again", error=self._commit_error)
            return error
        received: list[int] = []
        with self._lock:
            self._commit_error = None
            self._committed = position
            while self._received and self._received[0][0] <= position:
                received += self._received.popleft()[1]
            self._lock.notify_all()
        try:
            self._visible(received)
        except Exception as error:  # noqa: BLE001 (what is counted of a commit must not undo it)
            log.error("a commit was not counted", error=f"{type(error).__name__}: {error}")
        return None

    def _pause_after_failure(self, failures: int) -> None:
        with self._lock:
            if not self._stopped:
                self._lock.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])


def may_pass(error: Exception) -> bool:
    """Whether the same commit may succeed later: disk, memory or another writer was in the way, not the rows."""
    return isinstance(error, OSError | MemoryError | LakeLockedError | duckdb.OperationalError)
