"""Metering beside the service: signals debited before their answer leaves, and the lake followed after each commit."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import duckdb
import structlog
from sqlalchemy.exc import DBAPIError

from billing.context import Billing
from billing.database import BillingError
from billing.metering.follow import Done, catch_up
from billing.metering.live import LiveMeter
from billing.metering.use import use_of
from lake.errors import LakeError
from receiver.signals.rest import NormalSignal

log = structlog.get_logger("metering")

PATIENCE_SECONDS: Final = 5.0
"""How long an answer waits for its debits, and a reader of balances for those that are owed."""

LOOK_SECONDS: Final = 5.0
"""How often the lake is looked at when nothing was committed here: imports are other processes."""


class Metering:
    """Both ways of metering of one running service. `start` once, then `stop` once."""

    def __init__(self, billing: Billing, live: LiveMeter) -> None:
        self._billing = billing
        self._live = live
        self._wake = threading.Condition()
        self._committed = False
        self._stopped = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="billing-follower", daemon=True)

    def start(self) -> None:
        """Start both threads."""
        self._live.start()
        self._follower.start()

    async def settle(self, signals: Sequence[NormalSignal]) -> None:
        """Debit what these journaled signals burn; returns when that is done, or after a while, when it is owed."""
        done = self._live.submit([use_of(signal.content) for signal in signals])
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(done)), PATIENCE_SECONDS)
        except TimeoutError:
            self._live.owe(done)

    def settle_now(self, signals: Sequence[NormalSignal]) -> None:
        """`settle`, for callers that have a thread to wait in."""
        self.settle_again([signal.content for signal in signals])

    def settle_again(self, contents: Sequence[Mapping[str, Any]]) -> None:
        """`settle_now`, for what a crash left in the journal."""
        done = self._live.submit([use_of(content) for content in contents])
        try:
            done.result(PATIENCE_SECONDS)
        except TimeoutError:
            self._live.owe(done)

    def committed(self) -> None:
        """The lake has something new."""
        with self._wake:
            self._committed = True
            self._wake.notify_all()

    def stop(self, timeout: float) -> None:
        """Stop both threads; what is not metered yet is at the next start. Again does nothing."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self.committed()
        self._live.stop(timeout / 2)
        if self._follower.ident is not None:
            self._follower.join(timeout / 2)

    def _follow(self) -> None:
        while not self._stopped.is_set():
            look(self._billing, self._stopped.is_set, self._live.has_debited)
            with self._wake:
                if not self._committed and not self._stopped.is_set():
                    self._wake.wait(LOOK_SECONDS)
                self._committed = False


def look(billing: Billing, stop: Callable[[], bool], done: Done) -> int:
    """Meter what is new in the lake; gives how many debits that looked at. A failure is told and tried again later."""
    try:
        return catch_up(billing, stop, done)
    except (LakeError, duckdb.Error, BillingError, DBAPIError, OSError) as error:
        if stop():
            return 0  # the lake was closed under it
        log.error("the lake could not be followed, will try again", error=f"{type(error).__name__}: {error}")
        return 0
