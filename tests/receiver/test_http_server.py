"""OTLP/HTTP and the REST signals endpoint against a running server: the specification's table, case by case."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from google.protobuf import json_format
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from receiver.errors import ListenError
from receiver.http_server import HttpServer, create_app
from receiver.intake import Intake
from receiver.limits import MIB, Limits
from tests.receiver.receiving import (
    NODE_CAPTURES,
    REST,
    Counts,
    ScriptedJournal,
    captured,
    gzip_bomb,
    spans_of,
    to_otlp_json,
    with_bad_ids,
)

LIMIT = 2 * MIB
FULL = OSError(28, "No space left on device")
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
ENCODINGS = [PROTOBUF, JSON]
BULK = "/api/v2/signals/bulk"


class Receiver:
    """A running server and a client of it."""

    def __init__(self, *, limits: Limits | None = None, **app_options) -> None:
        self.journal = ScriptedJournal()
        self.counts = Counts()
        self.backlog = 0
        limits = limits or Limits(
            max_request_bytes=LIMIT, max_backlog_bytes=100, durability_seconds=5, retry_after_seconds=3
        )
        self.intake = Intake(self.journal, limits=limits, backlog=lambda: self.backlog, metrics=self.counts)
        self.server = HttpServer(create_app(self.intake, **app_options), "127.0.0.1:0")
        self.port = self.server.start()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20, trust_env=False)

    def post(self, content, path="/v1/traces", encoding=PROTOBUF, **headers) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=content, headers={"content-type": encoding, **named})

    def export(self, request: ExportTraceServiceRequest, encoding: str, **headers) -> httpx.Response:
        return self.post(written(request, encoding), encoding=encoding, **headers)

    def close(self) -> None:
        self.client.close()
        self.server.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


def written(request: ExportTraceServiceRequest, encoding: str) -> bytes:
    return to_otlp_json(request) if encoding == JSON else request.SerializeToString()


def answer_of(response: httpx.Response, encoding: str) -> ExportTraceServiceResponse:
    assert response.headers["content-type"] == encoding
    if encoding == JSON:
        return json_format.ParseDict(response.json(), ExportTraceServiceResponse())
    return ExportTraceServiceResponse.FromString(response.content)


def status_of(response: httpx.Response, encoding: str) -> Status:
    """The Status body, which must be in the encoding of the request."""
    assert response.headers["content-type"] == encoding
    if encoding == JSON:
        return json_format.ParseDict(response.json(), Status())
    return Status.FromString(response.content)


@pytest.mark.parametrize("encoding", ENCODINGS)
class TestTracesTable:
    def test_full_success_is_200_and_leaves_partial_success_unset(self, receiver, encoding):
        response = receiver.export(captured(), encoding)
        assert response.status_code == 200
        assert response.content == (b"{}" if encoding == JSON else b"")
        assert not answer_of(response, encoding).HasField("partial_success")
        assert [ExportTraceServiceRequest.FromString(payload) for payload in receiver.journal.payloads] == [captured()]

    def test_bad_ids_are_200_with_count_and_reason(self, receiver, encoding):
        request, bad = with_bad_ids()
        response = receiver.export(request, encoding)
        assert response.status_code == 200
        partial = answer_of(response, encoding).partial_success
        assert partial.rejected_spans == bad
        assert "trace id" in partial.error_message
        assert (receiver.counts.accepted, receiver.counts.rejected) == (len(spans_of(request)) - bad, bad)

    def test_an_empty_request_succeeds(self, receiver, encoding):
        assert receiver.export(ExportTraceServiceRequest(), encoding).status_code == 200
        assert receiver.journal.records == []

    def test_a_malformed_body_is_400_with_a_bad_request(self, receiver, encoding):
        response = receiver.post(b"neither protobuf nor JSON", encoding=encoding)
        assert response.status_code == 400
        status = status_of(response, encoding)
        assert status.code == code_pb2.INVALID_ARGUMENT
        bad_request = error_details_pb2.BadRequest()
        assert status.details[0].Unpack(bad_request)
        assert bad_request.field_violations[0].description == status.message
        assert receiver.counts.refused == ["malformed"]

    def test_gzip_is_inflated(self, receiver, encoding):
        packed = gzip.compress(written(captured(), encoding))
        assert receiver.post(packed, encoding=encoding, content_encoding="gzip").status_code == 200
        assert ExportTraceServiceRequest.FromString(receiver.journal.payloads[0]) == captured()

    def test_gzip_that_is_cut_or_broken_is_400(self, receiver, encoding):
        for body in (gzip.compress(written(captured(), encoding))[:-9], b"not gzip", b""):
            response = receiver.post(body, encoding=encoding, content_encoding="gzip")
            assert response.status_code == 400
            assert "gzip" in status_of(response, encoding).message

    def test_a_chunked_body_without_a_length_is_read_to_its_end(self, receiver, encoding):
        body = written(captured(), encoding)
        response = receiver.post(iter([body[:10], body[10:300], body[300:]]), encoding=encoding)
        assert response.status_code == 200
        assert len(receiver.journal.records) == 1

    def test_a_body_past_the_limit_is_413_however_it_comes(self, receiver, encoding):
        body = b" " * (LIMIT + 1)
        ways = [
            receiver.post(body, encoding=encoding),
            receiver.post(iter([body[:100_000]] * 30), encoding=encoding),
            receiver.post(gzip.compress(body), encoding=encoding, content_encoding="gzip"),
            receiver.post(gzip_bomb(plain_mib=64), encoding=encoding, content_encoding="gzip"),
        ]
        for response in ways:
            assert response.status_code == 413
            assert status_of(response, encoding).code == code_pb2.RESOURCE_EXHAUSTED
            assert "retry-after" not in response.headers
        assert receiver.intake.admission.in_flight_bytes == 0

    def test_an_unknown_content_encoding_is_415(self, receiver, encoding):
        response = receiver.post(b"x", encoding=encoding, content_encoding="br")
        assert response.status_code == 415
        assert "'br'" in status_of(response, encoding).message

    def test_a_storage_fault_is_503_with_retry_after(self, receiver, encoding):
        for failure in ("refuse", "disk_error"):
            receiver.journal.refuse = receiver.journal.disk_error = None
            setattr(receiver.journal, failure, FULL)
            response = receiver.export(captured(), encoding)
            assert response.status_code == 503
            assert response.headers["retry-after"] == "3"
            status = status_of(response, encoding)
            assert status.code == code_pb2.UNAVAILABLE
            retry = error_details_pb2.RetryInfo()
            assert status.details[0].Unpack(retry)
            assert retry.retry_delay.seconds == 3

    def test_an_overload_is_503_with_retry_after(self, receiver, encoding):
        receiver.backlog = 100
        response = receiver.export(captured(), encoding)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "3"
        assert receiver.counts.refused == ["overloaded"]

    def test_a_bug_of_ours_is_503_never_500(self, receiver, encoding):
        receiver.journal.refuse = KeyError("a bug")
        assert receiver.export(captured(), encoding).status_code == 503

    def test_content_type_parameters_do_not_matter(self, receiver, encoding):
        response = receiver.post(written(captured(), encoding), encoding=f"{encoding.upper()}; charset=utf-8")
        assert response.status_code == 200
        assert response.headers["content-type"] == encoding

    def test_a_wrong_method_is_405_with_a_status(self, receiver, encoding):
        for path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
            response = receiver.client.get(path, headers={"content-type": encoding})
            assert response.status_code == 405
            assert response.headers["allow"] == "POST"
            assert "GET" in status_of(response, encoding).message

    def test_metrics_and_logs_succeed_and_store_nothing(self, receiver, encoding):
        for path in ("/v1/metrics", "/v1/logs"):
            response = receiver.post(b"\x0a\x00" * 100_000, path, encoding)
            assert response.status_code == 200
            assert response.headers["content-type"] == encoding
            assert response.content == (b"{}" if encoding == JSON else b"")
        assert receiver.export(captured(), encoding).status_code == 200
        assert len(receiver.journal.records) == 1

    def test_an_unknown_key_is_401_where_keys_are_configured(self, encoding):
        guarded = Receiver(authorize=lambda header, peer: header == "Bearer good")
        try:
            assert guarded.export(captured(), encoding, authorization="Bearer good").status_code == 200
            for path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
                for headers in ({}, {"authorization": "Bearer bad"}):
                    response = guarded.post(written(captured(), encoding), path, encoding, **headers)
                    assert response.status_code == 401
                    assert status_of(response, encoding).code == code_pb2.UNAUTHENTICATED
        finally:
            guarded.close()


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/grpc"])
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/v1/logs"])
def test_an_unknown_content_type_is_415_with_a_protobuf_status(receiver, path, content_type):
    response = receiver.post(b"x", path, content_type)
    assert response.status_code == 415
    assert PROTOBUF in status_of(response, PROTOBUF).message


def test_an_absent_content_type_is_415(receiver):
    assert receiver.client.post("/v1/traces", content=b"").status_code == 415


@pytest.mark.parametrize("path", NODE_CAPTURES, ids=lambda path: path.name)
def test_what_node_sends_is_taken_chunked_as_it_sends_it(receiver, path):
    body = path.read_bytes()
    response = receiver.post(iter([body[:500], body[500:]]), encoding=JSON, authorization="Bearer key")
    assert (response.status_code, response.content) == (200, b"{}")
    assert len(receiver.journal.records) == 1


def test_a_slash_at_the_end_makes_no_difference_and_is_not_redirected(receiver):
    assert receiver.post(captured().SerializeToString(), "/v1/traces/").status_code == 200
    assert receiver.client.get("/healthz/").status_code == 404


def test_snake_case_keys_are_400_and_named(receiver):
    response = receiver.post(b'{"resource_spans": []}', encoding=JSON)
    assert response.status_code == 400
    assert "resourceSpans" in response.json()["message"]


def test_a_declared_length_past_the_limit_is_refused_before_the_body_is_sent(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as raw:
        raw.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (100 * LIMIT)
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as raw:
        raw.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000\r\n\r\n" + b"x" * 500
        )
        wait_until(lambda: receiver.intake.admission.in_flight_bytes == 500)
    wait_until(lambda: receiver.intake.admission.in_flight_bytes == 0)
    assert receiver.journal.records == []


def test_a_body_that_never_arrives_is_503():
    slow = Receiver(limits=Limits(body_seconds=0.1))
    try:
        with socket.create_connection(("127.0.0.1", slow.port), timeout=10) as raw:
            raw.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                b"Content-Length: 1000\r\n\r\n" + b"x" * 500
            )
            assert raw.recv(100).startswith(b"HTTP/1.1 503")
        assert slow.intake.admission.in_flight_bytes == 0
    finally:
        slow.close()


def test_a_disk_that_does_not_answer_is_503():
    stuck = Receiver(limits=Limits(durability_seconds=0.1))
    try:
        stuck.journal.hold = True
        assert stuck.export(captured(), PROTOBUF).status_code == 503
        assert stuck.intake.admission.in_flight_bytes > 0
        stuck.journal.release()
        wait_until(lambda: stuck.intake.admission.in_flight_bytes == 0)
    finally:
        stuck.close()


def test_waiting_for_the_disk_takes_no_thread_and_blocks_no_one(receiver):
    receiver.journal.hold = True
    before = threading.active_count()
    answers: list[int] = []

    def export() -> None:
        with httpx.Client(base_url=receiver.client.base_url, timeout=20, trust_env=False) as client:
            body = captured().SerializeToString()
            answers.append(client.post("/v1/traces", content=body, headers={"content-type": PROTOBUF}).status_code)

    senders = [threading.Thread(target=export) for _ in range(20)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(receiver.journal.held) == 20)
    assert receiver.client.get("/healthz").status_code == 200
    assert threading.active_count() - before - len(senders) <= 4
    assert answers == []
    receiver.journal.release()
    for sender in senders:
        sender.join(10)
    assert answers == [200] * 20


def test_large_json_is_converted_beside_the_event_loop(receiver):
    request = captured()
    spans = request.resource_spans[0].scope_spans[0].spans
    while request.ByteSize() < LIMIT // 3:
        spans.add().CopyFrom(spans[0])
    assert receiver.export(request, JSON).status_code == 200
    assert ExportTraceServiceRequest.FromString(receiver.journal.payloads[0]) == request


class TestRestSignals:
    @pytest.mark.parametrize("name", ["python_full.json", "node.json", "python_cost_attributed.json"])
    @pytest.mark.parametrize("path", [BULK, BULK + "/"])
    def test_what_clients_send_is_ingested(self, receiver, name, path):
        body = (REST / name).read_bytes()
        sent = len(json.loads(body)["signals"])
        response = receiver.post(body, path, JSON, authorization="Bearer key")
        assert response.status_code == 200
        assert response.json() == {"ingested": sent, "duplicates": 0, "failed": 0}
        assert len(receiver.journal.signals) == sent

    def test_a_retried_body_counts_as_duplicates(self, receiver):
        body = (REST / "python_retry.json").read_bytes()
        answers = [receiver.post(body, BULK, JSON).json() for _ in range(3)]
        assert [answer["ingested"] for answer in answers] == [1, 0, 0]
        assert [answer["duplicates"] for answer in answers] == [0, 1, 1]

    def test_gzip_and_chunks_are_taken(self, receiver):
        body = (REST / "node.json").read_bytes()
        packed = gzip.compress(body)
        assert receiver.post(packed, BULK, JSON, content_encoding="gzip").json()["ingested"] == 1
        assert receiver.post(iter([body[:50], body[50:]]), BULK, JSON).json()["duplicates"] == 1

    @pytest.mark.parametrize(
        "body",
        [
            b'{"signals":[{"eventName":"e","externalCustomerId":"c"}]}',
            b"not json",
            b"{}",
        ],
    )
    def test_a_body_of_the_wrong_shape_is_400_and_stores_nothing(self, receiver, body):
        response = receiver.post(body, BULK, JSON)
        assert response.status_code == 400
        assert response.json()["error"] == "Invalid input"
        assert isinstance(response.json()["details"], str)
        assert receiver.journal.records == []

    def test_the_refusal_of_a_flat_customer_names_it(self, receiver):
        response = receiver.post(b'{"signals":[{"eventName":"e","externalCustomerId":"c"}]}', BULK, JSON)
        assert response.json()["details"].startswith("signals[0].customer")

    def test_a_body_past_the_limit_is_413(self, receiver):
        response = receiver.post(gzip_bomb(plain_mib=64), BULK, JSON, content_encoding="gzip")
        assert (response.status_code, response.json()["error"]) == (413, "Request too large")

    def test_an_unknown_encoding_is_415(self, receiver):
        assert receiver.post(b"{}", BULK, JSON, content_encoding="br").status_code == 415

    def test_a_full_disk_is_503_and_the_retry_is_ingested(self, receiver):
        body = (REST / "python_retry.json").read_bytes()
        receiver.journal.disk_error = FULL
        response = receiver.post(body, BULK, JSON)
        assert (response.status_code, response.headers["retry-after"]) == (503, "3")
        assert response.json()["error"] == "Service unavailable"
        receiver.journal.disk_error = None
        assert receiver.post(body, BULK, JSON).json()["ingested"] == 1

    def test_the_answer_leaves_after_the_disk_has_confirmed(self, receiver):
        receiver.journal.hold = True
        answers: list[httpx.Response] = []
        body = (REST / "node.json").read_bytes()
        sender = threading.Thread(target=lambda: answers.append(receiver.post(body, BULK, JSON)))
        sender.start()
        wait_until(lambda: bool(receiver.journal.held))
        assert answers == []
        receiver.journal.release()
        sender.join(10)
        assert answers[0].json()["ingested"] == 1

    def test_a_wrong_method_is_405(self, receiver):
        response = receiver.client.put(BULK, content=b"{}")
        assert (response.status_code, response.json()["error"]) == (405, "Method Not Allowed")

    def test_an_unknown_key_is_403_where_keys_are_configured(self):
        guarded = Receiver(authorize=lambda header, peer: header == "Bearer good")
        try:
            body = (REST / "node.json").read_bytes()
            response = guarded.post(body, BULK, JSON, authorization="Bearer bad")
            assert (response.status_code, response.json()["error"]) == (403, "Forbidden")
            assert guarded.post(body, BULK, JSON, authorization="Bearer good").status_code == 200
        finally:
            guarded.close()


class TestOperation:
    def test_health_and_readiness(self):
        ready = False
        receiver = Receiver(ready=lambda: ready)
        try:
            assert receiver.client.get("/healthz").status_code == 200
            assert receiver.client.get("/readyz").status_code == 503
            ready = True
            assert receiver.client.get("/readyz").status_code == 200
        finally:
            receiver.close()

    def test_metrics_come_from_the_caller_and_are_compressed_for_who_asks(self):
        receiver = Receiver(metrics=lambda: (b"spans_total 1\n" * 200, "text/plain; version=0.0.4"))
        try:
            packed = receiver.client.get("/metrics", headers={"accept-encoding": "gzip"})
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.headers["content-type"] == "text/plain; version=0.0.4"
            plain = receiver.client.get("/metrics", headers={"accept-encoding": "identity"})
            assert "content-encoding" not in plain.headers
            assert plain.content == packed.content == b"spans_total 1\n" * 200
        finally:
            receiver.close()

    def test_small_answers_are_not_compressed(self, receiver):
        response = receiver.export(captured(), JSON, accept_encoding="gzip")
        assert "content-encoding" not in response.headers

    def test_without_metrics_there_is_no_such_page(self, receiver):
        assert receiver.client.get("/metrics").status_code == 404
        assert receiver.client.get("/metrics").json()["error"] == "Not Found"

    def test_callers_add_their_own_routes(self):
        async def hello(request: Request) -> PlainTextResponse:
            return PlainTextResponse("hello")

        receiver = Receiver(routes=[Route("/hello", hello)])
        try:
            assert receiver.client.get("/hello").text == "hello"
        finally:
            receiver.close()

    def test_an_address_in_use_is_one_clear_line(self, receiver):
        address = f"127.0.0.1:{receiver.port}"
        with pytest.raises(ListenError) as error:
            HttpServer(create_app(receiver.intake), address).start()
        assert str(error.value) == f"cannot listen on {address} for OTLP/HTTP: Address already in use"

    @pytest.mark.parametrize("address", ["localhost", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"])
    def test_an_address_that_is_none_is_one_clear_line(self, receiver, address):
        with pytest.raises(ListenError, match="HOST:PORT"):
            HttpServer(create_app(receiver.intake), address).start()

    def test_stopping_lets_running_requests_finish(self):
        receiver = Receiver()
        receiver.journal.hold = True
        answers: list[httpx.Response] = []
        sender = threading.Thread(target=lambda: answers.append(receiver.export(captured(), PROTOBUF)))
        sender.start()
        wait_until(lambda: bool(receiver.journal.held))
        stopping = threading.Thread(target=receiver.server.stop)
        stopping.start()
        receiver.journal.release()
        sender.join(10)
        stopping.join(10)
        assert answers[0].status_code == 200
        assert not stopping.is_alive()
        receiver.client.close()


def wait_until(true_at_last, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not true_at_last():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
