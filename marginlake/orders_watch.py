"""The thread that lets time go by for orders: credits and invoices of periods that begin, revenue by changed orders."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import duckdb
import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from billing.context import Billing
from billing.database import BillingError
from billing.orders.advance import advance
from billing.orders.revenue import revenue_entries
from billing.tables.audit import AuditEntry
from lake.errors import LakeError
from marginlake.config import ConfigError

log = structlog.get_logger("orders")

TURN_SECONDS: Final = 1.0
ADVANCE_SECONDS: Final = 30.0
SPARE: Final = 4
"""A step that took long waits at least so many times as long."""

Entries = Sequence[Mapping[str, Any]]


class OrdersWatch:
    """One thread; a step that fails is logged and done again at its next turn."""

    def __init__(self, billing: Billing, earn_by: Callable[[Entries], int]) -> None:
        """`earn_by` is told of the orders' rules of revenue whenever they changed; returns how many margins did."""
        self._billing = billing
        self._earn_by = earn_by
        self._seen = -1
        self._entries: Entries | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="marginlake-orders", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it; a step that runs is waited for a few seconds."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(3.0)

    def _run(self) -> None:
        next_advance = next_look = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= next_advance:
                took = self._attempt("periods", self._advance)
                next_advance = time.monotonic() + max(ADVANCE_SECONDS, SPARE * took)
            if time.monotonic() >= next_look:
                took = self._attempt("revenue", self.follow)
                next_look = time.monotonic() + SPARE * took
            self._stop.wait(TURN_SECONDS)

    def _attempt(self, what: str, step: Callable[[], object]) -> float:
        began = time.monotonic()
        try:
            step()
        except (OSError, LakeError, BillingError, SQLAlchemyError, ConfigError, duckdb.Error) as error:
            log.error("orders failed, it will be tried again", step=what, error=str(error))
        return time.monotonic() - began

    def _advance(self) -> None:
        done = advance(self._billing, self._billing.clock())
        if done:
            log.info("orders advanced", orders=done)

    def follow(self) -> None:
        """Let events earn by the orders, if anything of the business changed since the last time."""
        with self._billing.database.read() as session:
            newest = session.scalar(select(func.max(AuditEntry.id))) or 0
            if newest == self._seen:
                return
            entries = revenue_entries(session)
        if entries != self._entries and (entries or self._entries is not None):
            changed = self._earn_by(entries)
            if changed:
                log.info("orders changed: margins worked out again", events=changed)
        self._seen, self._entries = newest, entries
