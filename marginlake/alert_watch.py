"""The thread that looks at alerts, delivers them, and reads the figures of money for `/metrics`.

It is apart from upkeep, so that a webhook that does not answer holds up nothing else.
"""

import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import structlog

from lake.connect import Lake
from lake.errors import LakeError
from marginlake.alert_delivery import deliver_due, next_due
from marginlake.alert_settings import AlertSettings
from marginlake.alert_store import look, record
from marginlake.config import Config
from marginlake.disk_use import disk_use
from marginlake.metrics import ServiceMetrics
from marginlake.money_figures import MoneyFigures, MoneyReader, read_alerts

log = structlog.get_logger("alerts")

TURN_SECONDS = 1.0
SPARE = 8
"""A step that took long waits at least so many times as long: watching must not be what the machine does."""


class AlertWatch:
    """One thread over an open lake; a step that fails is logged and done again at its next turn."""

    def __init__(
        self, lake: Lake, data_dir: Path, config: Config, settings: AlertSettings, metrics: ServiceMetrics
    ) -> None:
        self._lake = lake
        self._data_dir = data_dir
        self._config = config
        self._settings = settings
        self._metrics = metrics
        self._money = MoneyReader(lake)
        self._reading: Generator[None, None, MoneyFigures] | None = None
        # what an earlier run left is due at once
        self._due: datetime | None = datetime.now(UTC)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="marginlake-alerts", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        to = self._settings.target
        if to is not None and to.exposed:
            log.warning("alerts go to the webhook over plain http: others can read them on their way", host=to.host)
        self._thread.start()

    def stop(self) -> None:
        """End it. A message that is under way is not waited for long: it is sent again after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(3.0)

    def _run(self) -> None:
        next_figures = next_look = 0.0
        while not self._stop.is_set():
            if self._settings.rules and time.monotonic() >= next_look:
                took = self._attempt("alerts", self._look)
                next_look = time.monotonic() + max(self._config.alerts.interval_minutes * 60, SPARE * took)
            if self._settings.target is not None and self._due is not None and self._due <= datetime.now(UTC):
                self._attempt("webhook", self._deliver)
            if time.monotonic() >= next_figures:
                took = self._attempt("figures", self._read_figures)
                # there may be days of work in it when nothing is rolled up yet: a step at a time
                pause = 0.0 if self._reading else self._config.metrics.interval_seconds
                next_figures = time.monotonic() + max(pause, SPARE * took)
            self._stop.wait(TURN_SECONDS)
        if self._reading:
            self._reading.close()

    def _attempt(self, what: str, step: Callable[[], None]) -> float:
        """Run a step; returns how many seconds it took."""
        began = time.monotonic()
        done = True
        try:
            step()
        except (OSError, LakeError, duckdb.Error) as error:
            done = False
            if not self._stop.is_set():
                log.error("failed, it will be tried again", step=what, error=str(error))
        took = time.monotonic() - began
        self._metrics.upkeep_ran(what, took, done=done)
        return took

    def _look(self) -> None:
        now = datetime.now(UTC)
        changed = record(self._lake, self._settings, look(self._lake, self._settings, now), now)
        for rule, state, count in changed.group_by("rule", "state").len().sort("rule", "state").iter_rows():
            log.warning("alerts", rule=rule, state=state, scopes=count)
        self._due = next_due(self._lake)

    def _deliver(self) -> None:
        to = self._settings.target
        assert to is not None
        try:
            done = deliver_due(self._lake, to, stop=self._stop.is_set)
        finally:
            self._due = next_due(self._lake)
        self._metrics.webhook_posted(done.delivered, done.failed, done.gone)
        if done.failed or done.gone:
            log.warning("alerts were not delivered", host=to.host, failed=done.failed, gone=done.gone)

    def _read_figures(self) -> None:
        """One step of reading the figures; with the last one they are there, and `_reading` is None again."""
        config = self._config.metrics
        reading = self._reading or self._money.steps(config.labels, config.top, datetime.now(UTC))
        self._reading = None
        try:
            next(reading)
        except StopIteration as end:
            self._metrics.read(end.value, read_alerts(self._lake, datetime.now(UTC)))
            self._metrics.disk_used(*disk_use(self._data_dir))
        else:
            self._reading = reading
