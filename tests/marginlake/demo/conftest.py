"""A throw-away collector: it takes OTLP by gRPC and HTTP and REST signals, keeps what came, and acknowledges."""

import gzip
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Sink:
    """What arrived: whole requests by way, and the signals posted by REST."""

    grpc: str = ""
    http: str = ""
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    signals: list[dict] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def spans(self) -> dict[tuple[bytes, bytes], tuple[str, str, Span]]:
        """Distinct spans by (trace id, span id): service name, scope name, span."""
        found = {}
        for _, payload in self.requests:
            for resource in ExportTraceServiceRequest.FromString(payload).resource_spans:
                names = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        found[(span.trace_id, span.span_id)] = (names["service.name"], scope.scope.name, span)
        return found

    def take_signals(self, signals: list[dict]) -> dict[str, int]:
        keys = [signal["idempotencyKey"] for signal in signals if "idempotencyKey" in signal]
        duplicates = sum(key in self.keys for key in keys)
        self.signals += [signal for signal in signals if signal.get("idempotencyKey") not in self.keys]
        self.keys.update(keys)
        return {"ingested": len(signals) - duplicates, "duplicates": duplicates, "failed": 0}


@pytest.fixture
def sink() -> Iterator[Sink]:
    arrived = Sink()

    def export(payload: bytes, _context: grpc.ServicerContext) -> bytes:
        arrived.requests.append(("grpc", payload))
        return b""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            payload = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                payload = gzip.decompress(payload)
            answer = b""
            if self.path == "/v1/traces":
                arrived.requests.append(("http", payload))
            else:
                answer = json.dumps(arrived.take_signals(json.loads(payload)["signals"])).encode()
            self.send_response(200)
            self.send_header("Content-Type", self.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = grpc.server(ThreadPoolExecutor(4))
    method = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(EXPORT[1:].rpartition("/")[0], {"Export": method}),)
    )
    arrived.grpc = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    arrived.http = f"127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield arrived
    web.shutdown()
    web.server_close()
    thread.join(5)
    server.stop(None).wait(5)
