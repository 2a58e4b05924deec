"""The real OpenTelemetry exporters against both servers, the real journal and the real decoder behind them."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import polars as pl
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from receiver.decode import Wanted, decode_traces
from receiver.grpc_server import GrpcServer
from receiver.http_server import HttpServer, create_app
from receiver.intake import Appender, Intake
from receiver.journal import Journal, Kind
from receiver.limits import Limits
from receiver.signals.from_rest import signals_from_rest
from tests.receiver.receiving import REST, Counts

WANTED = Wanted(frozenset({"gen_ai.usage.input_tokens"}), frozenset(), frozenset())
TRANSPORTS = ["grpc", "grpc gzip", "http", "http gzip"]
TREE = 12


class FlakyJournal:
    """A real journal on a disk that refuses the first appends."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.refusals = 0

    def append(self, kind: Kind, payload: bytes):
        if self.refusals:
            self.refusals -= 1
            raise OSError(28, "No space left on device")
        return self.journal.append(kind, payload)


class Service:
    """Both servers over one journal."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal(directory)
        self.flaky = FlakyJournal(self.journal)
        self.counts = Counts()
        appender: Appender = self.flaky
        intake = Intake(appender, limits=Limits(retry_after_seconds=1), metrics=self.counts)
        self.grpc_server = GrpcServer(intake, "127.0.0.1:0")
        self.http_server = HttpServer(create_app(intake), "127.0.0.1:0")
        self.grpc_port, self.http_port = self.grpc_server.start(), self.http_server.start()

    def exporter(self, transport: str) -> SpanExporter:
        if transport.startswith("grpc"):
            compression = grpc.Compression.Gzip if "gzip" in transport else grpc.Compression.NoCompression
            return GrpcExporter(endpoint=f"http://127.0.0.1:{self.grpc_port}", insecure=True, compression=compression)
        packing = Compression.Gzip if "gzip" in transport else Compression.NoCompression
        return HttpExporter(endpoint=f"http://127.0.0.1:{self.http_port}/v1/traces", compression=packing)

    def stored(self, kind: Kind) -> list[tuple[bytes, int]]:
        records = self.journal.read_from(1, 1 << 30).records
        return [(record.payload, record.received_ns) for record in records if record.kind is kind]

    def close(self) -> None:
        self.grpc_server.stop(0)
        self.http_server.stop()
        self.journal.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path / "journal")
    yield running
    running.close()


def run_app(exporter: SpanExporter) -> None:
    """What an instrumented application does: a request with model calls in it."""
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("app", "1.0")
    with tracer.start_as_current_span("request"):
        for number in range(TREE - 1):
            with tracer.start_as_current_span("chat") as span:
                span.set_attribute("gen_ai.usage.input_tokens", number)
    provider.force_flush(20_000)
    provider.shutdown()


def spans(service: Service) -> pl.DataFrame:
    return decode_traces(service.stored(Kind.TRACES), WANTED).spans


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_span_of_an_application_is_in_the_journal(service, transport):
    run_app(service.exporter(transport))
    found = spans(service)
    assert found.height == TREE
    assert found["trace_id"].n_unique() == 1
    assert found["service_name"].unique().to_list() == ["shop"]
    assert found["@gen_ai.usage.input_tokens"].cast(pl.Int64).sum() == sum(range(TREE - 1))
    assert service.counts.accepted == TREE


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_exporters_come_back_after_a_full_disk_and_nothing_is_lost(service, transport):
    service.flaky.refusals = 1
    run_app(service.exporter(transport))
    assert service.counts.refused == ["overloaded"]
    assert spans(service).height == TREE


def test_a_signal_by_rest_is_in_the_journal_when_it_is_answered(service):
    body = (REST / "python_full.json").read_bytes()
    response = httpx.post(f"http://127.0.0.1:{service.http_port}/api/v2/signals/bulk", content=body, trust_env=False)
    assert response.json() == {"ingested": 2, "duplicates": 0, "failed": 0}
    frame, rejected = signals_from_rest(service.stored(Kind.SIGNALS))
    assert frame["event_name"].to_list() == ["chat_message", "chat_message"]
    assert frame["customer_id"].to_list() == ["cust_1", "cus_abc"]
    assert rejected.is_empty()


def test_a_closed_journal_makes_senders_retry(service):
    service.journal.close()
    body = (REST / "python_full.json").read_bytes()
    url = f"http://127.0.0.1:{service.http_port}/api/v2/signals/bulk"
    assert httpx.post(url, content=body, trust_env=False).status_code == 503
