"""What the service counts about itself, for Prometheus at `/metrics`. Labels are bounded; nothing is per customer."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from marginlake.landing import Landed
from receiver.intake import IntakeMetrics

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServiceMetrics(IntakeMetrics):
    """Counters of one running service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._spans = self._counter("spans_accepted", "Spans acknowledged: durable in the journal.")
        self._bad_spans = self._counter("spans_rejected", "Spans refused because of their ids.")
        self._signals = self._counter("signals_accepted", "REST signals acknowledged.")
        self._known_signals = self._counter("signals_duplicate", "REST signals that were known already.")
        self._refused = Counter(
            "marginlake_requests_refused", "Whole requests refused.", ["reason"], registry=self._registry
        )
        self._stored_spans = self._counter("spans_stored", "Spans committed to the lake.")
        self._known_spans = self._counter("spans_duplicate", "Spans that were in the lake already.")
        self._stored_signals = self._counter("signals_stored", "Signals committed to the lake.")
        self._rows = Counter("marginlake_rows_written", "Rows written to the lake.", ["table"], registry=self._registry)
        self._commits = Histogram(
            "marginlake_commit_seconds", "How long a commit took.", buckets=_SECONDS, registry=self._registry
        )
        self._errors = self._counter("commit_failures", "Commits that failed and were tried again.")

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """A gauge whose value is asked for when the metrics are."""
        Gauge(f"marginlake_{name}", description, registry=self._registry).set_function(read)

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

    def committed(self, landed: Landed, seconds: float) -> None:
        """One batch is in the lake."""
        self._commits.observe(seconds)
        self._stored_spans.inc(landed.new_spans)
        self._known_spans.inc(landed.known_spans)
        self._stored_signals.inc(landed.new_signals)
        for table in ("spans", "costs", "signals", "links", "margins"):
            self._rows.labels(table).inc(getattr(landed.changes, table))

    def commit_failed(self) -> None:
        """A commit raised and will be tried again."""
        self._errors.inc()

    def expose(self) -> tuple[bytes, str]:
        """Body and content type of `/metrics`."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _counter(self, name: str, description: str) -> Counter:
        return Counter(f"marginlake_{name}", description, registry=self._registry)
