"""OTLP over gRPC: raw bytes in, answers by the specification's table of codes.

grpc-core would inflate a compressed message completely before it checks any size, so its decompression is switched
off: messages arrive as they were sent, and a gzip one is inflated here, with a bound. The two kinds can be told apart
by the first byte: gzip begins with 0x1f, which in protobuf would be a wire type that does not exist.

Metrics and logs are answered with a success that stores nothing, so that an exporter setup shared by all three works.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn
from urllib.parse import unquote

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from receiver.admission import Authorize, Room
from receiver.answers import traces_response
from receiver.errors import ListenError, Refusal, TooLarge, Unauthenticated
from receiver.inflate import GZIP_MAGIC, inflate_gzip, wire_limit
from receiver.intake import Intake, Outcome
from receiver.listening import bind

TRACE_SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
METRICS_SERVICE: Final = "opentelemetry.proto.collector.metrics.v1.MetricsService"
LOGS_SERVICE: Final = "opentelemetry.proto.collector.logs.v1.LogsService"

PURPOSE: Final = "OTLP/gRPC"

_IDENTITY_AND_GZIP: Final = 0b101
_STREAMS_PER_CONNECTION: Final = 128


class GrpcServer:
    """The OTLP/gRPC server with the gRPC health service. Nothing listens before `start`.

    Memory: beside what admission allows, each of the `workers` may hold one message as it came over the wire.
    """

    def __init__(self, intake: Intake, address: str, *, authorize: Authorize | None = None, workers: int = 16) -> None:
        """`address` is HOST:PORT; port 0 takes a free one."""
        self._address = address
        self._health = health.HealthServicer(experimental_non_blocking=True)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="otlp-grpc")
        self._server = grpc.server(
            self._pool,
            handlers=(_Exports(intake, authorize),),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.per_message_decompression", 0),
                ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
                ("grpc.max_receive_message_length", wire_limit(intake.limits.max_request_bytes)),
                ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
            ],
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.set_serving(serving=False)

    def start(self) -> int:
        """Listen and return the port. Raises ListenError (one line) when the address is not available."""
        # grpc only says "failed to bind"; a socket of our own finds out why.
        bind(self._address, PURPOSE).close()
        try:
            port: int = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise ListenError(f"cannot listen on {self._address} for {PURPOSE}: {error}") from error
        self._server.start()
        self.set_serving(serving=True)
        return port

    def set_serving(self, *, serving: bool) -> None:
        """What the health service answers, for the server as a whole ("") and for the trace service by name."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", TRACE_SERVICE):
            self._health.set(service, status)

    def stop(self, grace: float = 5.0) -> None:
        """Refuse new requests, let running ones finish for `grace` seconds, then cut them off (their senders retry)."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()
        # Whoever still waits for a disk that hangs is not waited for.
        self._pool.shutdown(wait=False)


class _Exports(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The Export methods of the three OTLP services, on raw bytes."""

    def __init__(self, intake: Intake, authorize: Authorize | None) -> None:
        self._intake = intake
        self._authorize = authorize
        self._handlers: Mapping[str, Any] = {
            f"/{TRACE_SERVICE}/Export": grpc.unary_unary_rpc_method_handler(self._traces),
            f"/{METRICS_SERVICE}/Export": grpc.unary_unary_rpc_method_handler(self._nothing_rejected),
            f"/{LOGS_SERVICE}/Export": grpc.unary_unary_rpc_method_handler(self._nothing_rejected),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)

    def _traces(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            self._check_key(context)
            outcome = self._accept(request, context)
        except Exception as error:  # noqa: BLE001 - fault() logs it; INTERNAL would make the sender drop its data
            self._refuse(error, context)
        return traces_response(outcome).SerializeToString()

    def _nothing_rejected(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        del request
        try:
            self._check_key(context)
        except Refusal as refusal:
            self._refuse(refusal, context)
        return b""

    def _accept(self, request: bytes, context: grpc.ServicerContext) -> Outcome:
        remaining: float | None = context.time_remaining()
        if remaining is not None and remaining <= 0:
            raise self._intake.overloaded("the deadline passed before the request was looked at")
        room = self._intake.admission.open()
        try:
            payload = self._plain(request, room)
        except BaseException:
            room.release()
            raise
        return self._intake.accept_traces(payload, room, remaining)

    def _plain(self, request: bytes, room: Room) -> bytes:
        limit = self._intake.limits.max_request_bytes
        room.grow(len(request))
        if request.startswith(GZIP_MAGIC):
            return inflate_gzip(request, limit, room.grow)
        if len(request) > limit:
            raise TooLarge(limit)
        return request

    def _check_key(self, context: grpc.ServicerContext) -> None:
        if self._authorize is None:
            return
        metadata = dict(context.invocation_metadata())
        if not self._authorize(metadata.get("authorization"), _peer(context)):
            raise Unauthenticated

    def _refuse(self, error: Exception, context: grpc.ServicerContext) -> NoReturn:
        refusal = self._intake.fault(error)
        self._intake.metrics.request_refused(refusal.reason)
        context.abort_with_status(rpc_status.to_status(refusal.status()))
        raise AssertionError("abort_with_status always raises")


def _peer(context: grpc.ServicerContext) -> str | None:
    """The caller's address, out of gRPC's `ipv4:127.0.0.1:50412` or `ipv6:[::1]:50412` (percent-encoded)."""
    kind, _, rest = unquote(context.peer()).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else None
