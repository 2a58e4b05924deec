"""The frames the decoder hands on: their columns, types and units.

A frame is columnar (Polars). Besides the fixed columns below, a spans or events frame carries *wide* columns: one
String column ``@KEY`` for every wanted attribute seen in the batch, and ``@r:KEY`` for wanted resource attributes.
``receiver.wide`` reads them.
"""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

UTC_MICROS: Final = pl.Datetime("us", "UTC")
"""Every time in every frame: microseconds, UTC."""

SPAN_SCHEMA: Final = pl.Schema(
    {
        "trace_id": pl.String(),  # 32 lower-case hex digits
        "span_id": pl.String(),  # 16 lower-case hex digits
        "parent_span_id": pl.String(),  # null for a root
        "name": pl.String(),
        "kind": pl.String(),  # unspecified | internal | server | client | producer | consumer
        "start_time": UTC_MICROS,
        "duration_ns": pl.Int64(),  # never negative
        "status": pl.String(),  # unset | ok | error
        "status_message": pl.String(),  # null when empty
        "service_name": pl.String(),  # resource attribute service.name
        "scope_name": pl.String(),
        "scope_version": pl.String(),
        "trace_state": pl.String(),
        "attributes": pl.String(),  # JSON object after redaction, with the resource's under "resource"
        "content_hash": pl.UInt64(),  # xxh3_64 of the span's own serialized bytes
        "received_at": UTC_MICROS,
        "payload_index": pl.UInt32(),  # which of the payloads given held it
    }
)

EVENT_SCHEMA: Final = pl.Schema(
    {
        "trace_id": pl.String(),
        "span_id": pl.String(),
        "event_index": pl.Int64(),  # position among the span's events, from 0
        "name": pl.String(),
        "time": UTC_MICROS,
        "attributes": pl.String(),  # JSON object after redaction
        "content_hash": pl.UInt64(),  # of the span that carries the event: tells two versions of one span apart
    }
)

REJECTED_SCHEMA: Final = pl.Schema(
    {
        "trace_id": pl.String(),  # as far as it could be read, else null
        "span_id": pl.String(),
        "reason": pl.String(),  # short code, e.g. invalid_trace_id
        "detail": pl.String(),  # a sentence for people
        "received_at": UTC_MICROS,
        "content_hash": pl.UInt64(),  # of the refused span or payload
        "payload_index": pl.UInt32(),  # which of the payloads given held it
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which attributes become wide columns, and which span events become rows.

    The decoder copies only these out of a span; everything else goes into the ``attributes`` JSON, if anywhere.
    """

    span_keys: frozenset[str] = field(default_factory=frozenset)
    resource_keys: frozenset[str] = field(default_factory=frozenset)
    event_names: frozenset[str] = field(default_factory=frozenset)

    def __or__(self, other: "Wanted") -> "Wanted":
        """Want what either wants."""
        return Wanted(
            self.span_keys | other.span_keys,
            self.resource_keys | other.resource_keys,
            self.event_names | other.event_names,
        )


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch of payloads held: accepted spans, the span events asked for, and what was refused and why."""

    spans: pl.DataFrame
    events: pl.DataFrame
    rejected: pl.DataFrame
