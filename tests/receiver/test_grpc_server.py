"""OTLP over gRPC against a running server: the specification's table of codes, case by case."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from receiver.errors import ListenError
from receiver.grpc_server import TRACE_SERVICE, GrpcServer
from receiver.intake import Intake
from receiver.limits import MIB, Limits
from tests.receiver.receiving import Counts, ScriptedJournal, captured, gzip_bomb, spans_of, with_bad_ids

LIMIT = 2 * MIB
FULL = OSError(28, "No space left on device")
COMPRESSIONS = [grpc.Compression.NoCompression, grpc.Compression.Gzip]


class Receiver:
    """A running server and a channel to it."""

    def __init__(self, **server_options) -> None:
        self.journal = ScriptedJournal()
        self.counts = Counts()
        self.backlog = 0
        limits = Limits(max_request_bytes=LIMIT, max_backlog_bytes=100, durability_seconds=5, retry_after_seconds=3)
        self.intake = Intake(self.journal, limits=limits, backlog=lambda: self.backlog, metrics=self.counts)
        self.server = GrpcServer(self.intake, "127.0.0.1:0", **server_options)
        self.port = self.server.start()
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{self.port}", options=[("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
        )

    def export(self, request: ExportTraceServiceRequest, **call) -> ExportTraceServiceResponse:
        return TraceServiceStub(self.channel).Export(request, timeout=10, **call)

    def send(self, body: bytes, **call) -> bytes:
        """Bytes that need not be a request at all."""
        return self.channel.unary_unary(f"/{TRACE_SERVICE}/Export")(body, timeout=20, **call)

    def close(self) -> None:
        self.channel.close()
        self.server.stop(0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


def details(error: grpc.RpcError) -> list:
    """The detail messages of a rich status."""
    found = []
    for packed in rpc_status.from_call(error).details:
        for kind in (error_details_pb2.RetryInfo, error_details_pb2.BadRequest):
            if packed.Is(kind.DESCRIPTOR):
                message = kind()
                packed.Unpack(message)
                found.append(message)
    return found


def has_retry_info(error: grpc.RpcError) -> bool:
    """Whether the specification lets the sender retry RESOURCE_EXHAUSTED. A plain status carries no details at all."""
    return rpc_status.from_call(error) is not None and any(
        isinstance(detail, error_details_pb2.RetryInfo) for detail in details(error)
    )


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_full_success_leaves_partial_success_unset(receiver, compression):
    response = receiver.export(captured(), compression=compression)
    assert not response.HasField("partial_success")
    assert [ExportTraceServiceRequest.FromString(payload) for payload in receiver.journal.payloads] == [captured()]
    assert receiver.counts.accepted == len(spans_of(captured()))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_bad_ids_are_a_partial_success_with_count_and_reason(receiver, compression):
    request, bad = with_bad_ids()
    response = receiver.export(request, compression=compression)
    assert response.partial_success.rejected_spans == bad
    assert "trace id" in response.partial_success.error_message
    assert len(receiver.journal.records) == 1


def test_an_empty_request_succeeds(receiver):
    assert receiver.export(ExportTraceServiceRequest()) == ExportTraceServiceResponse()
    assert receiver.journal.records == []


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_malformed_message_is_an_invalid_argument_with_a_bad_request(receiver, compression):
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.send(b"this is not protobuf, whatever the compression " * 50, compression=compression)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    [bad_request] = details(refusal.value)
    assert "protobuf" in bad_request.field_violations[0].description
    assert receiver.counts.refused == ["malformed"]


@pytest.mark.parametrize("body", [b"\x1f\x8bnot gzip", gzip.compress(captured().SerializeToString())[:-20]])
def test_gzip_that_is_broken_or_cut_is_an_invalid_argument(receiver, body):
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.send(body)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "gzip" in refusal.value.details()


def request_of_size(size: int) -> ExportTraceServiceRequest:
    request = captured()
    span = spans_of(request)[0]
    span.name = "x" * (size - request.ByteSize() - 100)
    span.name += "x" * (size - request.ByteSize())
    assert request.ByteSize() == size
    return request


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_request_of_exactly_the_limit_is_taken(receiver, compression):
    assert not receiver.export(request_of_size(LIMIT), compression=compression).HasField("partial_success")


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [LIMIT + 1, 4 * LIMIT])
def test_a_larger_one_is_refused_for_good(receiver, compression, size):
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.export(request_of_size(size), compression=compression)
    assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not has_retry_info(refusal.value)
    assert receiver.journal.records == []


def test_a_bomb_is_refused_for_good(receiver):
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.send(gzip_bomb(plain_mib=256))
    assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not has_retry_info(refusal.value)
    assert receiver.intake.admission.in_flight_bytes == 0


@pytest.mark.parametrize("failure", ["refuse", "disk_error"])
def test_a_storage_fault_is_unavailable_with_retry_info(receiver, failure):
    setattr(receiver.journal, failure, FULL)
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.export(captured())
    assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
    [retry] = details(refusal.value)
    assert retry.retry_delay.seconds == 3
    assert receiver.counts.refused == ["overloaded"]


def test_an_overload_is_unavailable_with_retry_info(receiver):
    receiver.backlog = 100
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.export(captured())
    assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
    assert has_retry_info(refusal.value)


def test_a_bug_of_ours_is_unavailable_too_never_internal(receiver):
    receiver.journal.refuse = KeyError("a bug")
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.export(captured())
    assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE


def test_the_answer_leaves_after_the_disk_has_confirmed(receiver):
    receiver.journal.hold = True
    call = TraceServiceStub(receiver.channel).Export.future(captured(), timeout=10)
    wait_for_the_journal(receiver, call)
    assert not call.done()
    receiver.journal.release()
    assert call.result() == ExportTraceServiceResponse()


def wait_for_the_journal(receiver: Receiver, call: grpc.Future) -> None:
    while not receiver.journal.held:
        assert not call.done()
        time.sleep(0.002)


def test_deflate_is_not_spoken(receiver):
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.export(captured(), compression=grpc.Compression.Deflate)
    assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_metrics_and_logs_succeed_with_nothing_rejected_and_nothing_stored(receiver, compression):
    metrics = metrics_service_pb2.ExportMetricsServiceRequest(resource_metrics=[{"schema_url": "u" * 500}])
    logs = logs_service_pb2.ExportLogsServiceRequest(resource_logs=[{"schema_url": "u" * 500}])
    metrics_stub = metrics_service_pb2_grpc.MetricsServiceStub(receiver.channel)
    logs_stub = logs_service_pb2_grpc.LogsServiceStub(receiver.channel)
    assert not metrics_stub.Export(metrics, compression=compression).HasField("partial_success")
    assert not logs_stub.Export(logs, compression=compression).HasField("partial_success")
    assert receiver.journal.records == []


def test_an_unknown_method_is_unimplemented(receiver):
    with pytest.raises(grpc.RpcError) as refusal:
        receiver.channel.unary_unary("/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export")(b"")
    assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_health_says_serving_then_not_serving(receiver):
    health = health_pb2_grpc.HealthStub(receiver.channel)
    for service in ("", TRACE_SERVICE):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    receiver.server.set_serving(serving=False)
    answer = health.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_more_requests_than_workers_wait_their_turn():
    receiver = Receiver(workers=2)
    try:
        calls = [TraceServiceStub(receiver.channel).Export.future(captured(), timeout=20) for _ in range(50)]
        assert all(not call.result().HasField("partial_success") for call in calls)
        assert receiver.counts.accepted == 50 * len(spans_of(captured()))
    finally:
        receiver.close()


def test_keys_are_asked_for_only_where_keys_are_configured(receiver):
    assert receiver.export(captured(), metadata=[("authorization", "Bearer anything")]) == ExportTraceServiceResponse()


def test_a_missing_or_unknown_key_is_unauthenticated():
    receiver = Receiver(authorize=lambda header, peer: header == "Bearer good")
    try:
        assert receiver.export(captured(), metadata=[("authorization", "Bearer good")]) == ExportTraceServiceResponse()
        for metadata in ([], [("authorization", "Bearer bad")]):
            for stub in (
                TraceServiceStub(receiver.channel),
                logs_service_pb2_grpc.LogsServiceStub(receiver.channel),
            ):
                with pytest.raises(grpc.RpcError) as refusal:
                    stub.Export(ExportTraceServiceRequest(), metadata=metadata)
                assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED
    finally:
        receiver.close()


def test_stopping_lets_running_requests_finish():
    receiver = Receiver()
    receiver.journal.hold = True
    call = TraceServiceStub(receiver.channel).Export.future(captured(), timeout=10)
    wait_for_the_journal(receiver, call)
    stopping = threading.Thread(target=receiver.server.stop, args=(10,))
    stopping.start()
    receiver.journal.release()
    assert call.result() == ExportTraceServiceResponse()
    stopping.join(10)
    assert not stopping.is_alive()
    receiver.channel.close()


def test_an_address_in_use_is_one_clear_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = GrpcServer(Intake(ScriptedJournal()), address)
        with pytest.raises(ListenError) as error:
            server.start()
        server.stop(0)
    assert str(error.value) == f"cannot listen on {address} for OTLP/gRPC: Address already in use"


def test_two_servers_cannot_share_a_port(receiver):
    second = GrpcServer(receiver.intake, f"127.0.0.1:{receiver.port}")
    with pytest.raises(ListenError):
        second.start()
    second.stop(0)
