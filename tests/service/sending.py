"""Senders of raw OTLP over both transports and of REST signals: every answer in one form, whatever it is."""

import gzip as packing
import json
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import httpx
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.receiver.otlp_payloads import START_NS, event, payload, span

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
NO_ANSWER = "no answer"
TIMEOUT = 20.0
CALLS = 3
SPANS = CALLS + 1
"""Spans of one `trace_body`: a request with a billed event on it, and its model calls."""


@dataclass(frozen=True)
class Answer:
    """`code`: an HTTP status, the name of a gRPC code, or NO_ANSWER when the connection failed."""

    code: str
    response: ExportTraceServiceResponse | None = None
    status: Status | None = None
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the request was acknowledged."""
        return self.code in ("OK", "200")

    @property
    def again(self) -> bool:
        """Whether the sender is asked to come again."""
        return self.code in ("UNAVAILABLE", "503")


class _Closing(ABC):
    """A context manager out of `close`."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Grpc(_Closing):
    """OTLP/gRPC on a channel of its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_send_message_length", -1),
                ("grpc.enable_retries", 0),
                ("grpc.enable_http_proxy", 0),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )

    def export(self, body: bytes, *, gzip: bool = False, method: str = TRACES) -> Answer:
        """Send bytes that need not be a request at all."""
        compression = grpc.Compression.Gzip if gzip else None
        try:
            answer = self.channel.unary_unary(method)(body, timeout=TIMEOUT, compression=compression)
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)
            if status is None and error.code() is grpc.StatusCode.UNAVAILABLE:
                return Answer(NO_ANSWER)  # ours always carry details: this one is the transport's own
            return Answer(error.code().name, None, status, _retry_delay(status))
        return Answer("OK", ExportTraceServiceResponse.FromString(answer))

    def close(self) -> None:
        self.channel.close()


class Http(_Closing):
    """OTLP/HTTP and REST on connections of its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = httpx.Client(base_url=f"http://{address}", timeout=TIMEOUT, trust_env=False)

    def export(
        self, body: bytes, headers: dict[str, str] | None = None, *, gzip: bool = False, path: str = "/v1/traces"
    ) -> Answer:
        """Send bytes, as protobuf unless the headers say otherwise."""
        headers = PROTOBUF | (headers or {})
        if gzip:
            body, headers = packing.compress(body), headers | {"content-encoding": "gzip"}
        try:
            answer = self.client.post(path, content=body, headers=headers)
        except httpx.TransportError:
            return Answer(NO_ANSWER)
        after = answer.headers.get("retry-after")
        code, retry_after = str(answer.status_code), float(after) if after else None
        if answer.headers.get("content-type") != "application/x-protobuf":
            return Answer(code, None, None, retry_after)
        if answer.status_code == 200:
            return Answer(code, ExportTraceServiceResponse.FromString(answer.content))
        return Answer(code, None, Status.FromString(answer.content), retry_after)

    def signals(self, signals: list[dict[str, Any]]) -> Answer:
        """`POST /api/v2/signals/bulk`."""
        return self.export(json.dumps({"signals": signals}).encode(), JSON, path="/api/v2/signals/bulk")

    def close(self) -> None:
        self.client.close()


def trace_body(customer: str = "acme", padding: int = 0) -> tuple[bytes, list[str]]:
    """One fresh trace of `SPANS` spans as a request body, and its spans as `trace:span` in hex."""
    trace_id = secrets.token_bytes(16)
    ids = [secrets.token_bytes(8) for _ in range(SPANS)]
    billed = event("billed", {"marginlake.signal.event_name": "ticket_resolved"})
    attributes: dict[str, object] = {"customer.id": customer, "padding": "x" * padding}
    spans = [span(attributes, trace_id=trace_id, span_id=ids[0], name="request", events=[billed])]
    for number, span_id in enumerate(ids[1:], start=1):
        call = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": 1000 + number,
            "gen_ai.usage.output_tokens": 100,
        }
        spans.append(
            span(
                call,
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=ids[0],
                name="chat gpt-4o-mini",
                start_ns=START_NS + number,
            )
        )
    return payload(*spans), [f"{trace_id.hex()}:{span_id.hex()}" for span_id in ids]


def signal(key: str, **fields: Any) -> dict[str, Any]:
    """One REST signal with an idempotency key."""
    return {
        "eventName": "seat_active",
        "customer": {"externalCustomerId": "acme"},
        "attribution": {"externalProductId": "desk"},
        "timestamp": "2026-11-23T10:00:00Z",
        "idempotencyKey": key,
        **fields,
    }


def _retry_delay(status: Status | None) -> float | None:
    for packed in status.details if status else ():
        if packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            info = error_details_pb2.RetryInfo()
            packed.Unpack(info)
            return float(info.retry_delay.ToTimedelta().total_seconds())
    return None
