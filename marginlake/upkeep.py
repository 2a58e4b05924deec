"""Upkeep while the service runs: segments are archived, hours and billing periods settled, finished days rolled up,
small files merged.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import structlog

from analytics.period import Period
from analytics.period_mates import settle_periods
from analytics.recompute import Changes
from analytics.rollup import DAY, Rollup, rollup, unrolled
from analytics.shared_hours import settle_hours
from billing.database import BillingError
from lake.connect import Lake
from lake.errors import LakeError
from lake.maintain import Policy, maintain
from marginlake.adoption import catch_up
from marginlake.catalogs import CatalogChoiceError, CatalogError
from marginlake.config import Config, ConfigError
from marginlake.price_book import record_catalog
from marginlake.rules import Rules
from receiver.journal.archive import archive_closed, drop_closed, expire

log = structlog.get_logger("upkeep")

ARCHIVE_SECONDS = 15.0
FOLLOW_SECONDS = 2.0
SETTLE_SECONDS = 60.0
SETTLE_OVERLAP = timedelta(minutes=10)
ROLLUP_AFTER = timedelta(hours=1)
"""So long after its end a day is rolled up: spans of its last minutes are in by then."""

ROLLUP_SECONDS = 1.0
"""A turn of rolling up begins no further day after so long."""

ROLLUP_PAUSE = 20
"""The next turn waits so many times as long as the last one took, however many days there are and however often they
change."""


class Upkeep:
    """One thread; a failure is logged and the work is done again at its next turn."""

    def __init__(
        self,
        lake: Lake,
        journal_dir: Path,
        archive_dir: Path,
        config: Config,
        committed: Callable[[], int],
        rules: Callable[[], Rules],
        ran: Callable[[str, float, bool], None] = lambda step, seconds, done: None,
        follow: Callable[[], bool] = lambda: False,
    ) -> None:
        """`committed`: the first journal sequence number that is not in the lake. `rules`: those in use.

        `ran` is told of each step: its name, how many seconds it took, and whether it was done. `follow` takes up what
        the API changed of the value model, and says whether events are to be valued again.
        """
        self._lake = lake
        self._journal_dir = journal_dir
        self._archive_dir = archive_dir
        self._config = config
        self._committed = committed
        self._rules = rules
        self._ran = ran
        self._follow = follow
        self._periods_settled: datetime | None = None
        self._caught_up: Rules | None = None
        self._days: deque[date] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="marginlake-upkeep", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it; a step that runs is finished first (at most a few seconds)."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(3.0)

    def _run(self) -> None:
        interval = self._config.maintenance.interval_minutes * 60
        next_maintenance = time.monotonic() + interval
        next_settling = next_rollup = next_archive = time.monotonic()
        while not self._stop.wait(self._pause(interval, next_rollup)):
            self._attempt("value model", self._follow_model)
            if self._days and time.monotonic() >= next_rollup:
                next_rollup = self._rolled_up()
            if time.monotonic() < next_archive:
                continue
            self._attempt("archive", self._archive)
            self._attempt("delivered value", self._catch_up)
            if time.monotonic() >= next_settling:
                self._attempt("shared hours", self._settle)
                self._attempt("billing periods", self._settle_periods)
                next_settling = time.monotonic() + SETTLE_SECONDS
            if not self._days and time.monotonic() >= next_rollup:
                next_rollup = self._rolled_up()
            if time.monotonic() >= next_maintenance:
                self._attempt("maintenance", self._maintain)
                next_maintenance = time.monotonic() + interval
            next_archive = time.monotonic() + self._tick(interval)

    @staticmethod
    def _tick(interval: float) -> float:
        return min(ARCHIVE_SECONDS, interval)

    def _pause(self, interval: float, next_rollup: float) -> float:
        """Seconds until something may be due."""
        tick = min(self._tick(interval), FOLLOW_SECONDS)
        return min(tick, max(0.0, next_rollup - time.monotonic())) if self._days else tick

    def _rolled_up(self) -> float:
        """A turn of rolling up; returns when the next is due."""
        began = time.monotonic()
        self._attempt("rollup", self._roll_up)
        now = time.monotonic()
        return now + max(0.0 if self._days else SETTLE_SECONDS, ROLLUP_PAUSE * (now - began))

    def _attempt(self, what: str, step: Callable[[], None]) -> None:
        began = time.monotonic()
        done = False
        try:
            step()
            done = True
        except (OSError, LakeError, CatalogError, CatalogChoiceError, duckdb.Error, BillingError, ConfigError) as error:
            log.error("upkeep failed, it will be tried again", step=what, error=str(error))
        self._ran(what, time.monotonic() - began, done)

    def _archive(self) -> None:
        days = self._config.journal.archive_days
        # What the lake committed is synced (lake.durable), so the journal need not keep it.
        if days == 0:
            drop_closed(self._journal_dir, self._committed())
            return
        archive_closed(self._journal_dir, self._archive_dir, self._committed())
        expire(self._archive_dir, datetime.now(UTC) - timedelta(days=days))

    def _settle(self) -> None:
        changes = settle_shared_hours(self._lake, self._rules())
        if changes.costs:
            log.info("shared hours settled", calls=changes.costs, events=changes.margins)

    def _settle_periods(self) -> None:
        begun = datetime.now(UTC)
        changed = settle_periods(self._lake, self._rules().events, self._periods_settled)
        # what was being written when it began may carry an earlier time
        self._periods_settled = begun - SETTLE_OVERLAP
        if changed:
            log.info("billing periods settled", events=changed)

    def _follow_model(self) -> None:
        if self._follow():
            self._catch_up()

    def _catch_up(self) -> None:
        rules = self._rules()
        if rules is self._caught_up:
            return
        changed = catch_up(self._lake, rules, stop=self._stop.is_set)
        self._caught_up = rules
        if changed:
            log.info("value model changed: events valued again", events=changed)

    def _roll_up(self) -> None:
        """Roll up some days of the list, which is made anew when it is empty."""
        began = time.monotonic()
        if not self._days:
            self._days.extend(unrolled(self._lake, Period(None, datetime.now(UTC) - ROLLUP_AFTER))["day"])
        done = Rollup()
        while self._days and not self._stop.is_set():
            begin = datetime.combine(self._days.popleft(), datetime.min.time(), UTC)
            done += rollup(self._lake, Period(begin, begin + DAY), stop=self._stop.is_set)
            if time.monotonic() - began >= ROLLUP_SECONDS:
                break
        if done.days:
            log.info("days rolled up", **asdict(done), waiting=len(self._days))

    def _maintain(self) -> None:
        report = maintain(self._lake, policy_of(self._config), stop=self._stop.is_set)
        merged = self._lake.tidy_keys(self._stop.is_set)
        log.info("maintenance done", **asdict(report), key_files_merged=merged)


def settle_shared_hours(lake: Lake, rules: Rules, until: datetime | None = None) -> Changes:
    """Price the machine hours that are over by now (or ended by `until`) and not settled, if there are such rules."""
    price = rules.price_again
    return settle_hours(
        lake,
        rules.events,
        price,
        price.book,
        price.fx,
        until,
        record=lambda tx: record_catalog(tx, rules.catalog, price.book),
    )


def policy_of(config: Config) -> Policy:
    """The maintenance settings in the lake's terms."""
    return Policy(
        keep_each=timedelta(minutes=config.maintenance.keep_every_snapshot_minutes),
        keep_hourly=timedelta(days=config.maintenance.keep_hourly_snapshots_days),
        keep_reprices=timedelta(days=config.maintenance.keep_reprice_snapshots_days),
        grace=timedelta(minutes=config.maintenance.file_grace_minutes),
    )
