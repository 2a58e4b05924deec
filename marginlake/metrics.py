"""What the service counts about itself, for Prometheus at `/metrics` (docs/metrics.md). Labels are bounded."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import polars as pl
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from marginlake.landing import Landed
from marginlake.money_figures import MoneyFigures
from marginlake.money_metrics import money_metrics
from receiver.intake import IntakeMetrics

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SYNC_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, *_SECONDS[:8])
_VISIBLE_SECONDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_SEVERITIES = ("info", "warning", "critical")


class ServiceMetrics(IntakeMetrics):
    """Counters of one running service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._spans = self._counter("spans_accepted", "Spans acknowledged: durable in the journal.")
        self._bad_spans = self._counter("spans_rejected", "Spans refused because of their ids.")
        self._signals = self._counter("signals_accepted", "REST signals acknowledged.")
        self._known_signals = self._counter("signals_duplicate", "REST signals that were known already.")
        self._refused = self._counter("requests_refused", "Whole requests refused.", "reason")
        self._rejected = self._counter(
            "rejected", "Spans, signals and journal records refused for what is in them.", "kind", "reason"
        )
        self._stored_spans = self._counter("spans_stored", "Spans committed to the lake.")
        self._known_spans = self._counter("spans_duplicate", "Spans that were in the lake already.")
        self._stored_signals = self._counter("signals_stored", "Signals committed to the lake.")
        self._rows = self._counter("rows_written", "Rows written to the lake.", "table")
        self._commits = self._histogram("commit_seconds", "How long a commit took.", _SECONDS)
        self._syncs = self._histogram("fsync_seconds", "How long a sync of the journal took.", _SYNC_SECONDS)
        self._errors = self._counter("commit_failures", "Commits that failed and were tried again.")
        self._steps = self._counter("upkeep_runs", "Steps of upkeep, by outcome.", "step", "outcome")
        self._step_seconds = self._counter("upkeep_seconds", "Time that steps of upkeep took.", "step")
        self._disk = self._gauge("disk_bytes", "What the data directory takes.", "what")
        self._free = self._gauge("disk_free_bytes", "What is free on its disk.")
        self._firing = self._gauge("alerts_firing", "Alerts that fire in windows that are not over.", "severity")
        self._undelivered = self._gauge("alerts_undelivered", "Alerts whose webhook message waits.")
        self._posts = self._counter("webhook_posts", "Messages to the webhook, by outcome.", "outcome")
        self._visible = _Waits()
        self._money: MoneyFigures | None = None
        self._registry.register(_Collected(self._visible.metrics))
        self._registry.register(_Collected(self._money_metrics))
        self.watch("freshness_seconds", "Time since the newest readable request was received.", self._visible.age)
        for severity in _SEVERITIES:
            self._firing.labels(severity)
        for outcome in ("delivered", "failed", "gone"):
            self._posts.labels(outcome)

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """A gauge whose value is asked for when the metrics are."""
        self._gauge(name, description).set_function(read)

    def spans_accepted(self, count: int) -> None:
        """Spans that are durable."""
        self._spans.inc(count)

    def spans_rejected(self, count: int) -> None:
        """Spans with broken ids in requests that are durable."""
        self._bad_spans.inc(count)

    def signals_accepted(self, count: int) -> None:
        """REST signals that are durable and new."""
        self._signals.inc(count)

    def signals_duplicate(self, count: int) -> None:
        """REST signals that were known already."""
        self._known_signals.inc(count)

    def request_refused(self, reason: str) -> None:
        """A whole request refused."""
        self._refused.labels(reason).inc()

    def synced(self, seconds: float) -> None:
        """A group of journal records is durable."""
        self._syncs.observe(seconds)

    def committed(self, landed: Landed, seconds: float) -> None:
        """One batch is in the lake."""
        self._commits.observe(seconds)
        self._stored_spans.inc(landed.new_spans)
        self._known_spans.inc(landed.known_spans)
        self._stored_signals.inc(landed.new_signals)
        for table in ("spans", "costs", "signals", "links", "margins"):
            self._rows.labels(table).inc(getattr(landed.changes, table))

    def rejected(self, rows: pl.DataFrame) -> None:
        """Rows of `rejected` that a batch brought."""
        for kind, reason, count in rows.group_by("kind", "reason").len().iter_rows():
            self._rejected.labels(kind, reason).inc(count)

    def visible(self, received_ns: Sequence[int]) -> None:
        """The requests received at these times (Unix nanoseconds) can be read now."""
        self._visible.add(received_ns)

    def commit_failed(self) -> None:
        """A commit raised and will be tried again."""
        self._errors.inc()

    def upkeep_ran(self, step: str, seconds: float, done: bool) -> None:
        """A step of upkeep was done, or failed."""
        self._steps.labels(step, "done" if done else "failed").inc()
        self._step_seconds.labels(step).inc(seconds)

    def webhook_posted(self, delivered: int, failed: int, gone: int) -> None:
        """Messages were sent to the webhook."""
        for outcome, count in (("delivered", delivered), ("failed", failed), ("gone", gone)):
            self._posts.labels(outcome).inc(count)

    def read(self, money: MoneyFigures, alerts: tuple[Mapping[str, int], int]) -> None:
        """Figures were read from the lake; `alerts`: those that fire by severity, and messages that wait."""
        self._money = money
        firing, waiting = alerts
        for severity in _SEVERITIES:
            self._firing.labels(severity).set(firing.get(severity, 0))
        self._undelivered.set(waiting)

    def disk_used(self, used: Mapping[str, int], free: int) -> None:
        """Bytes that the data directory takes, by what for, and bytes that are free."""
        for what, size in used.items():
            self._disk.labels(what).set(size)
        self._free.set(free)

    def expose(self) -> tuple[bytes, str]:
        """Body and content type of `/metrics`."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _money_metrics(self) -> Iterator[Metric]:
        yield from money_metrics(self._money)

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(f"marginlake_{name}", description, labels, registry=self._registry)

    def _gauge(self, name: str, description: str, *labels: str) -> Gauge:
        return Gauge(f"marginlake_{name}", description, labels, registry=self._registry)

    def _histogram(self, name: str, description: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"marginlake_{name}", description, buckets=buckets, registry=self._registry)


class _Collected(Collector):
    """Metrics that a function makes when they are asked for."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        return self._collect()


class _Waits:
    """How long requests waited until they could be read: a histogram that takes many at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = [0] * (len(_VISIBLE_SECONDS) + 1)
        self._total = 0.0
        self._newest_ns: int | None = None

    def add(self, received_ns: Sequence[int]) -> None:
        """Requests received at these times can be read now."""
        if not received_ns:
            return
        waits = (time.time_ns() - pl.Series(received_ns, dtype=pl.Int64)).clip(0) / 1e9
        counts = [int((waits <= bound).sum()) for bound in _VISIBLE_SECONDS]
        with self._lock:
            for place, count in enumerate((*counts, len(waits))):
                self._counts[place] += count
            self._total += float(waits.sum())
            self._newest_ns = max(self._newest_ns or 0, *received_ns)

    def age(self) -> float:
        """Seconds since the newest of them was received; NaN when there is none."""
        newest = self._newest_ns
        return float("nan") if newest is None else max(0.0, (time.time_ns() - newest) / 1e9)

    def metrics(self) -> Iterator[Metric]:
        """The histogram."""
        with self._lock:
            counts, total = list(self._counts), self._total
        bounds = [*(str(bound) for bound in _VISIBLE_SECONDS), "+Inf"]
        yield HistogramMetricFamily(
            "marginlake_visible_seconds",
            "Time from when a request was received until its rows can be read.",
            buckets=list(zip(bounds, counts, strict=True)),
            sum_value=total,
        )
