"""Which spans are accepted, and when a span happened: the rules every reader of OTLP spans here shares."""

from typing import Final

NO_TRACE: Final = bytes(16)
NO_SPAN: Final = bytes(8)

EARLIEST_START_NS: Final = 946_684_800_000_000_000
"""2000-01-01 UTC. A start before it is a clock that was never set (0, uptime, milliseconds), not a moment."""

LONGEST_NS: Final = 2**63 - 1

REASONS: Final = {
    "invalid_trace_id": "trace id must be 16 bytes and not all zero",
    "invalid_span_id": "span id must be 8 bytes and not all zero",
    "invalid_parent_span_id": "parent span id must be empty or 8 bytes",
    "malformed_payload": "not a protobuf ExportTraceServiceRequest",
}


def refusal(trace_id: bytes, span_id: bytes, parent_span_id: bytes) -> str | None:
    """Why a span with these ids is refused (a key of ``REASONS``), or None when it is accepted.

    A parent of eight zero bytes is how some exporters write "no parent"; it is accepted as a root.
    """
    if len(trace_id) != 16 or trace_id == NO_TRACE:
        return "invalid_trace_id"
    if len(span_id) != 8 or span_id == NO_SPAN:
        return "invalid_span_id"
    if parent_span_id and len(parent_span_id) != 8:
        return "invalid_parent_span_id"
    return None


def moment(start_ns: int, end_ns: int, received_ns: int) -> tuple[int, int, str | None]:
    """When a span happened: (start ns, duration ns, what stood in for a start the sender did not give, if anything).

    Nothing is refused for its times: money is at stake. A missing or impossible start is replaced by the end, and
    where that is no moment either by the time of receipt (``"end"``, ``"received"``), with duration 0.
    An end before the start counts as duration 0.
    """
    if start_ns >= EARLIEST_START_NS:
        return start_ns, min(max(end_ns - start_ns, 0), LONGEST_NS), None
    if end_ns >= EARLIEST_START_NS:
        return end_ns, 0, "end"
    return received_ns, 0, "received"
