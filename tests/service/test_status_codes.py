"""The table of docs/otlp.md, case by case, over both transports, against the running service."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc
import pytest
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.receiver.otlp_payloads import payload, span
from tests.receiver.receiving import to_otlp_json
from tests.service.running import Service, healthy, sql, wait_for
from tests.service.sending import JSON, PROTOBUF, SPANS, TRACES, Answer, Grpc, Http, trace_body

MIB = 1 << 20
METRICS = TRACES.replace("trace", "metrics").replace("Trace", "Metrics")
LOGS = TRACES.replace("trace", "logs").replace("Trace", "Logs")
GOOD = trace_body("good")[0]
GZIP = {"content-encoding": "gzip"}


def mixed_ids() -> bytes:
    """One good trace, and beside it a span for each way in which ids can be wrong."""
    good, _ = trace_body("partial")
    ids = [(b"", b"12345678"), (bytes(16), b"12345678"), (b"1234567890123456", b""), (b"1234567890123456", b"short")]
    return good + payload(*(span(trace_id=trace_id, span_id=span_id) for trace_id, span_id in ids))


def as_json(body: bytes) -> bytes:
    return to_otlp_json(ExportTraceServiceRequest.FromString(body))


def one_mib(more: int) -> bytes:
    """A request of 1 MiB and that many bytes more, most of them a field that OTLP does not have."""
    body, _ = trace_body("large")
    size = MIB + more - len(body) - 4
    length = bytes((size & 127 | 128, size >> 7 & 127 | 128, size >> 14))
    return body + b"\x7a" + length + bytes(size)


@dataclass(frozen=True)
class Case:
    """What is sent, and the two answers. `details` are of the status: 'BadRequest', 'RetryInfo' or none."""

    name: str
    body: bytes
    grpc: str = ""
    http: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    packed: bool = False
    rejected: int = 0
    details: tuple[str, ...] = ()


CASES = [
    Case("good spans", GOOD, "OK", "200"),
    Case("good spans in gzip", GOOD, "OK", "200", packed=True),
    Case("some bad ids", mixed_ids(), "OK", "200", rejected=4),
    Case("some bad ids in gzip", mixed_ids(), "OK", "200", packed=True, rejected=4),
    Case("nothing", b"", "OK", "200"),
    Case("an empty envelope", b"\x0a\x00", "OK", "200"),
    Case("bytes that are no request", b"not a request", "INVALID_ARGUMENT", "400", details=("BadRequest",)),
    Case("a request cut short", GOOD[:-7], "INVALID_ARGUMENT", "400", details=("BadRequest",)),
    Case("gzip cut short", gzip.compress(GOOD)[:-9], "INVALID_ARGUMENT", "400", GZIP, details=("BadRequest",)),
    Case("no gzip behind its magic", b"\x1f\x8bno gzip", "INVALID_ARGUMENT", "400", GZIP, details=("BadRequest",)),
    Case("exactly the limit", one_mib(0), "OK", "200"),
    Case("more than the limit", one_mib(1), "RESOURCE_EXHAUSTED", "413"),
    Case("more than the limit after decompression", one_mib(1), "RESOURCE_EXHAUSTED", "413", packed=True),
    Case("a bomb", bytes(64 * MIB), "RESOURCE_EXHAUSTED", "413", packed=True),
]
HTTP_CASES = [
    Case("JSON", as_json(GOOD), http="200", headers=JSON),
    Case("JSON with bad ids", as_json(mixed_ids()), http="200", headers=JSON),
    Case("snake_case keys", as_json(GOOD).replace(b"resourceSpans", b"resource_spans"), http="400", headers=JSON),
    Case("no JSON", b"{", http="400", headers=JSON),
    Case("an empty JSON request", b"{}", http="200", headers=JSON),
    Case("an unknown content type", GOOD, http="415", headers={"content-type": "text/plain"}),
    Case("an unknown encoding", GOOD, http="415", headers={"content-encoding": "br"}),
]


def named(case: Case) -> str:
    return case.name


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = "[receiver]\nmax_request_mib = 1\n[commit]\ninterval_seconds = 0.2\n"
    with Service(tmp_path_factory.mktemp("codes") / "data", settings) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.log
        healthy(running.data_dir)


@pytest.fixture(scope="module")
def by_grpc(service: Service) -> Iterator[Grpc]:
    with Grpc(service.grpc) as sender:
        yield sender


@pytest.fixture(scope="module")
def by_http(service: Service) -> Iterator[Http]:
    with Http(service.http) as sender:
        yield sender


def check(answer: Answer, case: Case, code: str) -> None:
    assert answer.code == code
    if answer.ok:
        assert answer.response is not None
        assert answer.response.HasField("partial_success") == bool(case.rejected)
        assert answer.response.partial_success.rejected_spans == case.rejected
        assert ("trace id" in answer.response.partial_success.error_message) == bool(case.rejected)
        return
    # grpc-core itself refuses what is too large on the wire, with a bare status: not retryable either.
    kinds = [detail.TypeName().rpartition(".")[2] for detail in (answer.status.details if answer.status else ())]
    assert tuple(kinds) == case.details
    assert answer.retry_after is None


@pytest.mark.parametrize("case", CASES, ids=named)
def test_over_grpc(by_grpc: Grpc, case: Case) -> None:
    check(by_grpc.export(case.body, gzip=case.packed), case, case.grpc)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_over_http(by_http: Http, case: Case) -> None:
    answer = by_http.export(case.body, case.headers, gzip=case.packed)
    check(answer, case, case.http)
    if not answer.ok:
        assert answer.status is not None
        assert answer.status.message


@pytest.mark.parametrize("case", HTTP_CASES, ids=named)
def test_over_http_only(by_http: Http, case: Case) -> None:
    answer = by_http.client.post("/v1/traces", content=case.body, headers=PROTOBUF | case.headers)
    assert str(answer.status_code) == case.http
    if case.headers == JSON:
        assert answer.headers["content-type"] == "application/json"
        partial = answer.json().get("partialSuccess", {})
        assert partial.get("rejectedSpans") == ("4" if "bad ids" in case.name else None)
        assert (answer.json().get("code") == code_pb2.INVALID_ARGUMENT) == (case.http == "400")
    else:
        assert answer.headers["content-type"] == "application/x-protobuf"


def test_an_encoding_that_grpc_does_not_know_is_unimplemented(by_grpc: Grpc) -> None:
    # The client compresses with deflate all the same.
    with pytest.raises(grpc.RpcError) as refusal:
        by_grpc.channel.unary_unary(TRACES)(GOOD, timeout=20, compression=grpc.Compression.Deflate)
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(("method", "path"), [(METRICS, "/v1/metrics"), (LOGS, "/v1/logs")])
def test_metrics_and_logs_are_told_that_nothing_was_rejected(
    by_grpc: Grpc, by_http: Http, method: str, path: str
) -> None:
    assert by_grpc.export(b"", method=method) == Answer("OK", ExportTraceServiceResponse())
    assert by_http.export(b"", path=path) == Answer("200", ExportTraceServiceResponse())
    answer = by_http.client.post(path, json={})
    assert (answer.status_code, answer.json()) == (200, {})


def test_an_unknown_path_or_method_says_so(by_grpc: Grpc, by_http: Http) -> None:
    assert by_grpc.export(b"", method="/some.other.Service/Export").code == "UNIMPLEMENTED"
    assert by_http.client.post("/v1/other").status_code == 404
    assert by_http.client.get("/v1/traces").status_code == 405


def test_health(service: Service, by_grpc: Grpc, by_http: Http) -> None:
    check_health = health_pb2_grpc.HealthStub(by_grpc.channel).Check
    assert check_health(health_pb2.HealthCheckRequest(), timeout=20).status == health_pb2.HealthCheckResponse.SERVING
    assert by_http.client.get("/healthz").status_code == 200
    assert by_http.client.get("/readyz").status_code == 200
    assert "marginlake_ready 1.0" in by_http.client.get("/metrics").text
    state = json.loads((service.data_dir / "service.json").read_text())
    assert (state["pid"], state["grpc"], state["http"]) == (service.process.pid, service.grpc, service.http)


def test_the_good_spans_beside_bad_ones_are_visible_and_the_bad_ones_are_named(by_grpc: Grpc, service: Service) -> None:
    body = mixed_ids()
    assert by_grpc.export(body).ok
    spans = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    trace = f"trace_id = '{spans[0].trace_id.hex()}'"
    wait_for(service.data_dir, f"SELECT count(*) FROM spans WHERE {trace}", SPANS)
    refused = sql(service.data_dir, "SELECT DISTINCT reason FROM rejected ORDER BY 1")
    assert refused == [{"reason": "invalid_span_id"}, {"reason": "invalid_trace_id"}]
