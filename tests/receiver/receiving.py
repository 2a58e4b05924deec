"""Shared by the tests of the servers: a journal that does what a test tells it, captures, and an OTLP JSON writer."""

import base64
import json
import threading
import zlib
from concurrent.futures import Future
from pathlib import Path

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.intake import IntakeMetrics
from receiver.journal.record import Kind

DATA = Path(__file__).parent.parent / "data"
CAPTURE = DATA / "dialects" / "logfire-openai_stream.pb"
NODE_CAPTURES = sorted([*(DATA / "paid" / "node").glob("*.body.json"), *(DATA / "otlp" / "paid_node").glob("*.json")])
REST = DATA / "paid" / "rest"


class ScriptedJournal:
    """Accepts at once, unless told to `fail` (now or on the disk) or to `hold` what it is given until `release`."""

    def __init__(self) -> None:
        self.records: list[tuple[Kind, bytes]] = []
        self.held: list[Future[int]] = []
        self.hold = False
        self.refuse: Exception | None = None
        self.disk_error: Exception | None = None
        self.lock = threading.Lock()

    def append(self, kind: Kind, payload: bytes) -> Future[int]:
        if self.refuse is not None:
            raise self.refuse
        written: Future[int] = Future()
        with self.lock:
            self.records.append((kind, payload))
            if self.hold:
                self.held.append(written)
                return written
        if self.disk_error is not None:
            written.set_exception(self.disk_error)
        else:
            written.set_result(len(self.records))
        return written

    def release(self, error: Exception | None = None) -> None:
        for written in self.held:
            if error is not None:
                written.set_exception(error)
            else:
                written.set_result(1)
        self.held.clear()

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload in self.records]

    @property
    def signals(self) -> list[dict[str, object]]:
        return [signal for payload in self.payloads for signal in json.loads(payload)["signals"]]


class Counts(IntakeMetrics):
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0
        self.ingested = 0
        self.duplicates = 0
        self.refused: list[str] = []

    def spans_accepted(self, count: int) -> None:
        self.accepted += count

    def spans_rejected(self, count: int) -> None:
        self.rejected += count

    def signals_accepted(self, count: int) -> None:
        self.ingested += count

    def signals_duplicate(self, count: int) -> None:
        self.duplicates += count

    def request_refused(self, reason: str) -> None:
        self.refused.append(reason)


def captured() -> ExportTraceServiceRequest:
    """A real request of one instrumentation library."""
    return ExportTraceServiceRequest.FromString(CAPTURE.read_bytes())


def spans_of(request: ExportTraceServiceRequest) -> list:
    return [span for rs in request.resource_spans for ss in rs.scope_spans for span in ss.spans]


def with_bad_ids() -> tuple[ExportTraceServiceRequest, int]:
    """The capture with one good span and three that break an id rule each; and how many those are."""
    request = captured()
    scope_spans = request.resource_spans[0].scope_spans[0]
    good = scope_spans.spans[0]
    for trace_id, span_id in ((b"", good.span_id), (bytes(16), good.span_id), (good.trace_id, b"\x01\x02")):
        bad = scope_spans.spans.add()
        bad.CopyFrom(good)
        bad.trace_id, bad.span_id = trace_id, span_id
    return request, 3


def to_otlp_json(request: ExportTraceServiceRequest) -> bytes:
    """OTLP JSON as a conforming exporter writes it: protobuf's JSON mapping, with ids turned to hex."""
    content = json_format.MessageToDict(request, use_integers_for_enums=True)

    def hexed(value: object) -> object:
        if isinstance(value, list):
            return [hexed(item) for item in value]
        if isinstance(value, dict):
            return {
                key: base64.b64decode(inner).hex() if key in ("traceId", "spanId", "parentSpanId") else hexed(inner)
                for key, inner in value.items()
            }
        return value

    return json.dumps(hexed(content)).encode()


def gzip_bomb(plain_mib: int) -> bytes:
    """Gzip of that many MiB of zeros, made without ever holding them; about a thousandth of the size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    mib = bytes(1 << 20)
    return b"".join(packer.compress(mib) for _ in range(plain_mib)) + packer.flush()
