"""The quick look at a payload before it is acknowledged: is it readable, and which spans will be refused."""

from collections import Counter
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.span_rules import REASONS, refusal


class MalformedPayload(ValueError):  # noqa: N818 - names what arrived, as the other outcomes do
    """The bytes are not a protobuf ``ExportTraceServiceRequest``; the sender must not retry them."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """How many spans a payload holds, how many of them are refused, and a sentence for people why (None when none)."""

    spans: int
    rejected: int
    reason: str | None


def parse(payload: bytes) -> ExportTraceServiceRequest:
    """Parse a payload; raises ``MalformedPayload`` (also for strings that are not UTF-8, which protobuf forbids)."""
    try:
        return ExportTraceServiceRequest.FromString(payload)
    except DecodeError as error:
        raise MalformedPayload(f"{REASONS['malformed_payload']}: {error}") from error


def inspect_traces(payload: bytes) -> Inspection:
    """Count the spans of a payload and those ``decode_traces`` will refuse. Raises ``MalformedPayload``."""
    spans = 0
    reasons: Counter[str] = Counter()
    for resource_spans in parse(payload).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                spans += 1
                reason = refusal(span.trace_id, span.span_id, span.parent_span_id)
                if reason is not None:
                    reasons[reason] += 1
    rejected = sum(reasons.values())
    return Inspection(spans, rejected, _sentence(spans, rejected, reasons) if rejected else None)


def _sentence(spans: int, rejected: int, reasons: Counter[str]) -> str:
    causes = "; ".join(f"{count} x {REASONS[reason]}" for reason, count in sorted(reasons.items()))
    return f"{rejected} of {spans} spans rejected: {causes}"
