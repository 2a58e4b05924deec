"""Sends a plan through the OpenTelemetry SDK and its OTLP exporters (gRPC and HTTP), and its REST signals by HTTP.

The exporters are wrapped only to count what they were told, and to send one batch twice, as a client does whose
answer got lost on the way.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import requests
from grpc import Compression as GrpcCompression
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from marginlake.demo.plan import Plan, Span, Trace
from marginlake.demo.rest import post_signals

_KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_FLUSH_EVERY = 40  # traces: keeps each service's batch processor (2,048 spans) far from full


class TrafficError(RuntimeError):
    """The service refused or lost traffic of the demo; the message says what."""


@dataclass(slots=True)
class Sent:
    """What was sent, by which way, and what came back."""

    spans: Mapping[str, int]
    repeated_spans: int
    api_ingested: int
    api_duplicates: int
    seconds: float


@dataclass(slots=True)
class _Counting(SpanExporter):
    """An exporter that counts what got through, and sends its first batch a second time when `repeat_first` is set."""

    exporter: SpanExporter
    repeat_first: bool = False
    delivered: int = 0
    repeated: int = 0
    failed: int = field(default=0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self.exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.failed += len(spans)
            return result
        self.delivered += len(spans)
        if self.repeat_first:
            self.repeat_first = False
            result = self.exporter.export(spans)
            self.repeated += len(spans)
        return result

    def shutdown(self) -> None:
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.exporter.force_flush(timeout_millis)


def send(plan: Plan, *, grpc: str, http: str) -> Sent:
    """Send a plan to a service at two `host:port` addresses; returns when all of it is acknowledged.

    Raises TrafficError when a batch was not acknowledged, or REST counted other than what was posted.
    """
    began = time.monotonic()
    early = [signal for trace in plan.traces for signal in trace.api_signals if signal.at == trace.start]
    rest = [signal for signal in plan.api_signals() if signal not in early]
    with ExitStack() as stack:
        stack.enter_context(_own_environment())
        ingested = post_signals(http, early).ingested
        services = _services(grpc, http, stack)
        late: list[tuple[Trace, Span, Context]] = []
        for number, trace in enumerate(plan.traces, start=1):
            late += _emit(services[trace.service][0], trace, trace.root, Context())
            if number % _FLUSH_EVERY == 0:
                _flush(services)
        _flush(services)
        for trace, span, parent in late:
            _emit(services[trace.service][0], trace, span, parent)
        _flush(services)
        ingested += post_signals(http, rest).ingested
        again = post_signals(http, early)
    exporters = {name: exporter for name, (_, exporter) in services.items()}
    if lost := sum(exporter.failed for exporter in exporters.values()):
        raise TrafficError(f"{lost} spans were not acknowledged")
    if (ingested, again.duplicates) != (len(early) + len(rest), len(early)):
        raise TrafficError(
            f"signals by REST: {ingested} of {len(early) + len(rest)} taken, "
            f"{again.duplicates} of {len(early)} repeated ones recognised"
        )
    return Sent(
        spans={name: exporter.delivered for name, exporter in exporters.items()},
        repeated_spans=sum(exporter.repeated for exporter in exporters.values()),
        api_ingested=ingested,
        api_duplicates=again.duplicates,
        seconds=time.monotonic() - began,
    )


def _services(grpc: str, http: str, stack: ExitStack) -> dict[str, tuple[TracerProvider, _Counting]]:
    """The company's four programs: two export by gRPC, two by HTTP, one of each compressed."""
    session = stack.enter_context(requests.Session())
    session.trust_env = False
    url = f"http://{http}/v1/traces"
    exporters: dict[str, SpanExporter] = {
        "support-api": GrpcExporter(grpc, insecure=True, timeout=10),
        "sales-writer": GrpcExporter(grpc, insecure=True, timeout=10, compression=GrpcCompression.Gzip),
        "contract-agent": HttpExporter(url, timeout=10, compression=HttpCompression.Gzip, session=session),
        "web-storefront": HttpExporter(url, timeout=10, session=session),
    }
    services = {}
    for name, exporter in exporters.items():
        counting = _Counting(exporter, repeat_first=name in ("support-api", "web-storefront"))
        resource = Resource.create({"service.name": name, "service.version": "3.2.0", "deployment.environment": "demo"})
        provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(counting, schedule_delay_millis=500))
        stack.callback(provider.shutdown)
        services[name] = (provider, counting)
    return services


def _emit(provider: TracerProvider, trace: Trace, span: Span, parent: Context) -> list[tuple[Trace, Span, Context]]:
    """Start and end a span and its children at their planned times; returns the late ones below it, unsent."""
    begin = round(trace.start.timestamp() * 1e6) * 1000
    tracer = provider.get_tracer(*span.scope)
    started = tracer.start_span(
        span.name,
        context=parent,
        kind=_KINDS[span.kind],
        attributes=span.attributes,
        start_time=begin + span.start_ms * 1_000_000,
    )
    context = set_span_in_context(started, parent)
    for event in span.events:
        at = begin + (span.start_ms + event.after_ms) * 1_000_000
        started.add_event(event.name, event.attributes, timestamp=at)
    if span.error is not None:
        started.set_status(Status(StatusCode.ERROR, span.error))
    late = [(trace, child, context) for child in span.children if child.late]
    for child in span.children:
        if not child.late:
            late += _emit(provider, trace, child, context)
    started.end(end_time=begin + (span.start_ms + span.duration_ms) * 1_000_000)
    return late


def _flush(services: Mapping[str, tuple[TracerProvider, _Counting]]) -> None:
    for name, (provider, _) in services.items():
        if not provider.force_flush(15_000):
            raise TrafficError(f"{name} could not hand over its spans within 15 s")


@contextmanager
def _own_environment() -> Iterator[None]:
    """Hide the user's own OTEL_* settings and proxies: the demo talks to its own service and to nothing else."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("OTEL_"):
            del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
