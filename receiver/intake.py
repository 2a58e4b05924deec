"""The one door every server brings a request to: admission, a quick look, the journal, the answer once durable."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from receiver.admission import Admission, Room
from receiver.errors import Malformed, Overloaded, Refusal, shorten
from receiver.inspection import Inspection, MalformedPayload, inspect_traces
from receiver.journal.errors import JournalError
from receiver.journal.record import Kind
from receiver.limits import Limits
from receiver.signals.claims import Claim, Claims
from receiver.signals.rest import NormalSignal, journal_payload, parse_signals

log = logging.getLogger(__name__)

T = TypeVar("T")


class Appender(Protocol):
    """The journal, as far as the intake knows it."""

    def append(self, kind: Kind, payload: bytes) -> "Future[int]":
        """Queue one record; the future gives its number once it is on the disk, or fails with OSError.

        Raises JournalError when the journal is closed.
        """
        ...


class IntakeMetrics:
    """What the intake counts; this one counts nothing. Override what you need.

    Called from server threads and from the journal's: overrides must be quick and must not raise.
    """

    def spans_accepted(self, count: int) -> None:
        """Spans that are durable."""

    def spans_rejected(self, count: int) -> None:
        """Spans with broken ids in requests that are durable."""

    def signals_accepted(self, count: int) -> None:
        """REST signals that are durable and new."""

    def signals_duplicate(self, count: int) -> None:
        """REST signals that were known already."""

    def request_refused(self, reason: str) -> None:
        """A whole request refused, by `Refusal.reason`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A durable request: spans kept, spans rejected, and a sentence about those (empty when there are none)."""

    accepted: int
    rejected: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class SignalOutcome:
    """A durable body of signals: how many were new, and how many were known already. fresh: the new ones."""

    ingested: int
    duplicates: int
    fresh: tuple[NormalSignal, ...] = field(default=(), compare=False)


def _no_backlog() -> int:
    return 0


def _none_seen(ids: list[str]) -> set[str]:
    del ids
    return set()


class Intake:
    """Accepts trace payloads and signal bodies; what it accepted is durable.

    Every refusal is a `receiver.errors.Refusal`. A fault of the storage, or of our own code, is always an `Overloaded`:
    the sender keeps its data and comes again, where any other error would make it drop them.

    The service tells `claims` what it found in the journal at start (`remember`) and what it committed (`committed`).
    """

    def __init__(
        self,
        journal: Appender,
        *,
        limits: Limits | None = None,
        backlog: Callable[[], int] = _no_backlog,
        inspect: Callable[[bytes], Inspection] = inspect_traces,
        seen: Callable[[list[str]], set[str]] = _none_seen,
        metrics: IntakeMetrics | None = None,
    ) -> None:
        """`backlog`: journal bytes not committed yet. `seen`: which of these signal ids the lake holds already."""
        self.limits = limits or Limits()
        self.metrics = metrics or IntakeMetrics()
        self.admission = Admission(self.limits, backlog)
        self.claims = Claims(seen)
        self._journal = journal
        self._inspect = inspect
        self._one_large = threading.Lock()

    def submit_traces(self, payload: bytes, room: Room | None = None) -> "Future[Outcome]":
        """Check and journal a serialized ExportTraceServiceRequest; the future answers when it is durable.

        A payload without spans succeeds and is not journaled; one whose spans are all rejected is, so that the reasons
        reach the lake. Raises Malformed or Overloaded at once; the future fails with Overloaded only. `room` is the
        memory the caller already holds for these bytes: it is released when the request is settled, in every case.
        """
        room = room or self._room_for(payload)
        try:
            inspection = self._look(payload)
            written = [self._append(Kind.TRACES, payload)] if inspection.spans else []
        except BaseException:
            room.release()
            raise
        good = inspection.spans - inspection.rejected
        outcome = Outcome(good, inspection.rejected, shorten(inspection.reason or ""))
        return self._when_durable(written, outcome, self._count_spans, room)

    def accept_traces(self, payload: bytes, room: Room | None = None, wait_seconds: float | None = None) -> Outcome:
        """`submit_traces`, waiting for the disk (at most `wait_seconds`). Raises Malformed or Overloaded."""
        return self._wait(self.submit_traces(payload, room), wait_seconds)

    def submit_signals(self, body: bytes, room: Room | None = None) -> "Future[SignalOutcome]":
        """Check and journal the body of `POST /api/v2/signals/bulk`; the future answers when all of it is durable.

        Duplicates wait for the request that brought the original, so that "duplicate" never means "perhaps lost".
        Raises Malformed or Overloaded at once; the future fails with Overloaded only. `room` as in `submit_traces`.
        """
        room = room or self._room_for(body)
        try:
            signals = parse_signals(body, datetime.now(UTC))
            made = frozenset(signal.signal_id for signal in signals if not signal.has_key)
            claim = self._guarded(lambda: self.claims.claim((signal.signal_id for signal in signals), made))
            fresh = _first_of_each(signals, claim.fresh)
            self._store_claimed(claim, fresh)
        except BaseException:
            room.release()
            raise
        outcome = SignalOutcome(len(fresh), len(signals) - len(fresh), tuple(fresh))
        return self._when_durable([claim.written, *claim.elsewhere], outcome, self._count_signals, room)

    def accept_signals(self, body: bytes, room: Room | None = None, wait_seconds: float | None = None) -> SignalOutcome:
        """`submit_signals`, waiting for the disk (at most `wait_seconds`). Raises Malformed or Overloaded."""
        return self._wait(self.submit_signals(body, room), wait_seconds)

    def overloaded(self, message: str) -> Overloaded:
        """The retryable refusal, with the delay from the limits."""
        return Overloaded(message, self.limits.retry_after_seconds)

    def fault(self, error: BaseException) -> Refusal:
        """What a sender is told about an error that is not its own: come again. A Refusal is passed through."""
        if isinstance(error, Refusal):
            return error
        if isinstance(error, OSError | JournalError):
            log.error("a request could not be stored: %s", error)
            return self.overloaded("the receiver cannot store data at the moment; send the same again later")
        log.error("a request met an unexpected error", exc_info=error)
        return self.overloaded("the receiver met an unexpected error; send the same again later")

    def _room_for(self, payload: bytes) -> Room:
        room = self.admission.open()
        room.grow(len(payload))
        return room

    def _look(self, payload: bytes) -> Inspection:
        large = len(payload) > self.limits.large_bytes
        turn: AbstractContextManager[object] = self._one_large if large else nullcontext()
        with turn:
            try:
                return self._guarded(lambda: self._inspect(payload), MalformedPayload)
            except MalformedPayload as error:
                raise Malformed(str(error)) from error

    def _append(self, kind: Kind, payload: bytes) -> "Future[int]":
        return self._guarded(lambda: self._journal.append(kind, payload))

    def _guarded(self, step: Callable[[], T], *expected: type[Exception]) -> T:
        """Run a step that may meet a broken disk or a bug of ours, and turn what is not `expected` into a Refusal."""
        try:
            return step()
        except expected:
            raise
        except Exception as error:
            raise self.fault(error) from error

    def _store_claimed(self, claim: Claim, fresh: Sequence[NormalSignal]) -> None:
        """Journal the fresh signals and settle the claim with what the disk says, now or later."""
        if not fresh:
            self.claims.stored(claim)
            return
        try:
            appended = self._append(Kind.SIGNALS, journal_payload(fresh))
        except BaseException as error:
            self.claims.failed(claim, error)
            raise

        def settle(done: "Future[int]") -> None:
            error = _error_of(done)
            if error is None:
                self.claims.stored(claim)
            else:
                self.claims.failed(claim, error)

        appended.add_done_callback(settle)

    def _when_durable(
        self, written: Sequence["Future[Any]"], outcome: T, count: Callable[[T], None], room: Room
    ) -> "Future[T]":
        """The outcome, once all of `written` are; or the Refusal that follows from the first of their errors."""
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()  # from here on no impatient waiter can cancel it
        lock = threading.Lock()
        errors: list[BaseException] = []
        open_writes = len(written)

        def settle() -> None:
            room.release()
            if errors:
                answer.set_exception(self.fault(errors[0]))
                return
            try:
                count(outcome)
            finally:
                answer.set_result(outcome)

        def one_done(done: "Future[Any]") -> None:
            nonlocal open_writes
            error = _error_of(done)
            with lock:
                if error is not None:
                    errors.append(error)
                open_writes -= 1
                last = open_writes == 0
            if last:
                settle()

        for future in written:
            future.add_done_callback(one_done)
        if not written:
            settle()
        return answer

    def _wait(self, answer: "Future[T]", wait_seconds: float | None) -> T:
        longest = self.limits.durability_seconds
        try:
            return answer.result(longest if wait_seconds is None else min(wait_seconds, longest))
        except TimeoutError:
            raise self.overloaded("the disk did not confirm in time; send the same again") from None

    def _count_spans(self, outcome: Outcome) -> None:
        self.metrics.spans_accepted(outcome.accepted)
        self.metrics.spans_rejected(outcome.rejected)

    def _count_signals(self, outcome: SignalOutcome) -> None:
        self.metrics.signals_accepted(outcome.ingested)
        self.metrics.signals_duplicate(outcome.duplicates)


def _error_of(done: "Future[Any]") -> BaseException | None:
    return CancelledError() if done.cancelled() else done.exception()


def _first_of_each(signals: Iterable[NormalSignal], wanted: frozenset[str]) -> list[NormalSignal]:
    first: dict[str, NormalSignal] = {}
    for signal in signals:
        if signal.signal_id in wanted:
            first.setdefault(signal.signal_id, signal)
    return list(first.values())
