"""A seeded mixture of everything a service gets: what it holds is the same for every seed, how it arrives is not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.receiver.otlp_payloads import DIALECT_CAPTURES, attributes, payload, span
from tests.receiver.receiving import REST, to_otlp_json

DAY_NS = 86_400_000_000_000
MALFORMED = (b"not a request", b"\x1f\x8b\x08", b'{"resource_spans": []}', b"\xff" * 40)


@dataclass(frozen=True)
class Sending:
    """One request: its way in ('grpc', 'http', 'json', 'rest') and its body; a malformed one is to be refused.

    The body for 'json' is protobuf, unless it is malformed: `as_json` is what is to be sent.
    """

    way: str
    body: bytes
    malformed: bool = False


def everything(seed: int, captures: Sequence[Path] = tuple(DIALECT_CAPTURES)) -> list[Sending]:
    """All of it: captures in pieces, some of it days old, some of it again, signals of every kind, and bad requests."""
    chance = random.Random(seed)
    sendings = [
        Sending(chance.choice(("grpc", "http", "json")), body)
        for request in _requests(captures)
        for body in _pieces(request, chance)
    ]
    sendings += [Sending("rest", path.read_bytes()) for path in sorted(REST.glob("*.json")) if _is_settled(path)]
    sendings += [Sending("rest", _scope_signals(number)) for number in range(5)]
    sendings += chance.choices(sendings, k=len(sendings) // 3)  # retries of what was acknowledged
    sendings += [Sending(way, body, malformed=True) for body in MALFORMED for way in ("grpc", "http", "json")]
    chance.shuffle(sendings)
    return sendings


def spans_of(sendings: Sequence[Sending]) -> set[str]:
    """The distinct spans in it, as `trace:span`."""
    found = set()
    for sending in sendings:
        if sending.way != "rest" and not sending.malformed:
            found |= _names(ExportTraceServiceRequest.FromString(sending.body))
    return found


def _requests(captures: Sequence[Path]) -> list[ExportTraceServiceRequest]:
    """Every capture as it was recorded, and once more under other ids as it would come days late, with its signals."""
    requests = []
    for number, path in enumerate(captures):
        recorded = ExportTraceServiceRequest.FromString(path.read_bytes())
        late = ExportTraceServiceRequest()
        late.CopyFrom(recorded)
        for each in _spans(late):
            for name in ("trace_id", "span_id", "parent_span_id"):
                setattr(each, name, _other(getattr(each, name)))
            each.start_time_unix_nano -= 3 * DAY_NS
            each.end_time_unix_nano -= 3 * DAY_NS
            if number % 5 == 0:
                each.attributes.extend(
                    attributes({"external_customer_id": "acme", "marginlake.cost_scope": f"scope-{number % 25 // 5}"})
                )
        requests += [recorded, late]
        for owner in (recorded, late)[: number % 3]:
            requests.append(_signals(owner, number))
    return requests


def _signals(owner: ExportTraceServiceRequest, number: int) -> ExportTraceServiceRequest:
    """One to three signals in the trace of a request: plain spans with our attributes, or the Paid SDK's span."""
    first = next(iter(_spans(owner)))
    spans = []
    for index in range(number % 3 + 1):
        seed = first.trace_id + first.span_id + bytes([index])
        ids = {"trace_id": first.trace_id, "span_id": sha256(seed).digest()[:8], "parent_span_id": first.span_id}
        if index % 2:
            own: dict[str, object] = {"event_name": "answered", "data": "{}", "enable_cost_tracing": True}
            spans.append(span(own, name="paid.trace.signal", start_ns=first.start_time_unix_nano, **ids))
        else:
            own = {"marginlake.signal.event_name": "answered", "customer.id": f"customer-{number % 7}"}
            spans.append(span(own, name="answered", start_ns=first.start_time_unix_nano, **ids))
    return ExportTraceServiceRequest.FromString(payload(*spans))


def _pieces(request: ExportTraceServiceRequest, chance: random.Random) -> list[bytes]:
    """The spans of a request in one to three requests, in another order."""
    count = chance.randint(1, 3)
    pieces = [ExportTraceServiceRequest() for _ in range(count)]
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for each in chance.sample(list(scope.spans), len(scope.spans)):
                target = chance.choice(pieces).resource_spans.add()
                target.resource.CopyFrom(resource.resource)
                inner = target.scope_spans.add()
                inner.scope.CopyFrom(scope.scope)
                inner.spans.add().CopyFrom(each)
    return [piece.SerializeToString(deterministic=True) for piece in pieces if piece.resource_spans]


def _scope_signals(number: int) -> bytes:
    """A REST signal that claims the costs of one scope."""
    return (
        '{"signals": [{"eventName": "scope_done", "customer": {"externalCustomerId": "acme"}, '
        f'"timestamp": "2026-11-2{number}T10:00:00Z", "idempotencyKey": "scope-{number}", '
        f'"data": {{"paid": {{"paid_scope_id": "scope-{number}", "enable_cost_tracing": true}}}}}}]}}'
    ).encode()


def _is_settled(path: Path) -> bool:
    """Whether every signal in it has a key and a time, without which each run would make another signal of it."""
    text = path.read_text()
    return text.count('"eventName"') == text.count('"idempotencyKey"') == text.count('"timestamp"')


def _spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [each for rs in request.resource_spans for ss in rs.scope_spans for each in ss.spans]


def _names(request: ExportTraceServiceRequest) -> set[str]:
    return {f"{each.trace_id.hex()}:{each.span_id.hex()}" for each in _spans(request)}


def _other(span_or_trace_id: bytes) -> bytes:
    """Another id, always the same one for the same id."""
    return sha256(span_or_trace_id).digest()[: len(span_or_trace_id)]


def as_json(body: bytes) -> bytes:
    """An OTLP request in its JSON encoding."""
    return to_otlp_json(ExportTraceServiceRequest.FromString(body))
