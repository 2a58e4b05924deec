"""Signals debited as they come: one thread burns the credits of all requests that wait, in one transaction at a time.

A request's answer leaves once its debits are committed. When the business database is in trouble the signals are in the
journal all the same: the answer leaves after a while, the debits are owed, and whoever reads a balance settles them
first. What a crash takes away of them is found in the journal and the lake at the next start.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final

from sqlalchemy.orm import Session

from billing.clock import Clock, utc_now
from billing.database import BillingError, Database
from billing.metering.apply import meter
from billing.metering.use import Use
from billing.trouble import attempt

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 2000
"""Signals in one transaction: others want their turn."""

MOST_REMEMBERED: Final = 200_000
"""Debited signals that the follower need not look up when it meets them in the lake a second later."""

_PAUSES: Final = (0.05, 0.2, 0.5, 1.0)


class OwedError(BillingError):
    """Debits are owed that could not be made yet; a balance would not be true."""


class LiveMeter:
    """Debits signals in the background, in the order in which they come. `start` it once; `stop` waits for the rest."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._condition = threading.Condition()
        self._waiting: deque[tuple[Sequence[Use], Future[None]]] = deque()
        self._late: set[Future[None]] = set()
        self._debited: dict[str, tuple[object, ...]] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="billing-meter", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, uses: Sequence[Use]) -> "Future[None]":
        """Debit these signals; the future is done when that is committed, however long it takes. It never fails."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        with self._condition:
            if self._stopped:
                done.set_result(None)  # they are in the journal: the next start finds them
                return done
            self._waiting.append((uses, done))
            self._condition.notify_all()
        return done

    def has_debited(self, signal_id: str, *said: object) -> bool:
        """Whether a signal with this event name, customer, product and time was debited here, lately.

        Asked once of each: it is forgotten then, and looked up when it changes later.
        """
        return self._debited.pop(signal_id, None) == said

    def owe(self, done: "Future[None]") -> None:
        """The answer to these signals leaves before they are debited: balances are not true until they are."""
        with self._condition:
            if not done.done():
                self._late.add(done)

    def settle(self, timeout: float) -> None:
        """Wait until nothing is owed. Raises OwedError when something still is after `timeout` seconds."""
        if not self._late:
            return
        until = time.monotonic() + timeout
        with self._condition:
            while self._late:
                left = until - time.monotonic()
                if left <= 0:
                    raise OwedError("debits of signals that came in are still to be made")
                self._condition.wait(left)

    def stop(self, timeout: float) -> bool:
        """Debit what waits and end the thread; False when that takes longer than `timeout` seconds."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._waiting

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._stopped:
                    self._condition.wait()
                if not self._waiting:
                    return
                taken = self._take()
            self._debit(taken)

    def _take(self) -> list[tuple[Sequence[Use], "Future[None]"]]:
        taken = [self._waiting.popleft()]
        count = len(taken[0][0])
        while self._waiting and count + len(self._waiting[0][0]) <= MOST_AT_ONCE:
            taken.append(self._waiting.popleft())
            count += len(taken[-1][0])
        return taken

    def _debit(self, taken: Sequence[tuple[Sequence[Use], "Future[None]"]]) -> None:
        uses = [use for some, _ in taken for use in some]
        failures = 0
        while not self._try(uses):
            failures += 1
            if self._stopped:
                return
            if len(taken) > 1 and failures > 1:
                for one in taken:  # whichever of them is at fault holds up no other
                    self._debit([one])
                return
            if failures > len(_PAUSES) and not self._is_reachable():
                failures = len(_PAUSES)
            elif failures > len(_PAUSES):
                log.error("signals could not be debited; the lake's follower tries again: %d", len(uses))
                break
            time.sleep(_PAUSES[min(failures, len(_PAUSES)) - 1])
        with self._condition:
            for _, done in taken:
                self._late.discard(done)
            self._condition.notify_all()
        for _, done in taken:
            done.set_result(None)

    def _try(self, uses: Sequence[Use]) -> bool:
        debits = partial(self._database.write, lambda session: meter(session, uses, self._clock()))
        if not attempt(debits, "signals could not be debited, will try again"):
            return False
        if len(self._debited) > MOST_REMEMBERED:
            self._debited.clear()
        for use in uses:
            self._debited[use.signal_id] = (use.event_name, use.customer, use.product, use.occurred_at)
        return True

    def _is_reachable(self) -> bool:
        """Whether the database takes a write at all; if so, the signals themselves are at fault."""
        return attempt(lambda: self._database.write(_nothing), "the business database cannot be written")


def _nothing(session: Session) -> None:
    session.connection()
