"""The load generator against a small gRPC server that behaves as told."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from benchmarks.loadgen import EXPORT, percentiles, run
from benchmarks.payloads import SPANS


@pytest.fixture
def serve():
    servers = []

    def start(answer):
        server = grpc.server(ThreadPoolExecutor(4))
        service, _, method = EXPORT[1:].rpartition("/")
        handler = grpc.unary_unary_rpc_method_handler(answer)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None).wait(5)


def busy(code, delay_ms=None):
    details = []
    if delay_ms is not None:
        info = RetryInfo()
        info.retry_delay.nanos = delay_ms * 1_000_000
        packed = Any()
        packed.Pack(info)
        details = [packed]
    return rpc_status.to_status(Status(code=code.value[0], message="busy", details=details))


def test_a_closed_loop_counts_what_was_acknowledged(serve):
    target = serve(lambda payload, context: b"")

    load = run(target, seconds=0.3, rate=None, connections=2)

    assert load.requests > 2
    assert load.spans == load.requests * SPANS
    assert load.acks[-1] == (load.last_ack, load.spans)
    assert load.latency_ms["p50"] <= load.latency_ms["p99"] <= load.latency_ms["max"]
    assert (load.failed_requests, load.retries) == (0, 0)


def test_an_open_loop_keeps_its_rate(serve):
    target = serve(lambda payload, context: b"")

    load = run(target, seconds=1.0, rate=10 * SPANS, connections=2)

    assert load.requests == 10
    assert 0.85 < load.seconds < 1.0


def test_unavailable_is_retried_after_the_delay_asked_for_and_counts_as_latency(serve):
    answers = iter([False])

    def once_busy(payload, context):
        if not next(answers, True):
            context.abort_with_status(busy(grpc.StatusCode.UNAVAILABLE, delay_ms=150))
        return b""

    load = run(serve(once_busy), seconds=0.05, rate=20 * SPANS, connections=1)

    assert (load.retries, load.requests, load.failed_requests) == (1, 1, 0)
    assert load.latency_ms["max"] >= 150


def test_a_refusal_for_good_is_a_failure_and_is_not_sent_again(serve):
    def refuse(payload, context):
        context.abort_with_status(busy(grpc.StatusCode.INVALID_ARGUMENT))

    load = run(serve(refuse), seconds=0.05, rate=20 * SPANS, connections=1)

    assert (load.failed_requests, load.retries, load.spans) == (1, 0, 0)
    assert load.errors == ["INVALID_ARGUMENT: busy"]


def test_rejected_spans_do_not_count_as_acknowledged(serve):
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 2
    target = serve(lambda payload, context: partial.SerializeToString())

    load = run(target, seconds=0.05, rate=20 * SPANS, connections=1)

    assert (load.rejected_spans, load.spans) == (2, SPANS - 2)


def test_percentiles_are_values_that_occurred():
    hundred = [float(value) for value in range(1, 101)]

    assert percentiles(hundred) == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert percentiles([7.0]) == {"p50": 7.0, "p95": 7.0, "p99": 7.0, "max": 7.0}
