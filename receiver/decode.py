"""Bytes in, frames and rejections out: OTLP trace payloads become columns.

The one place where Python runs once per span. Everything after it is columnar, and everything that decodes stands
behind ``decode_traces``, so that a faster decoder can take its place.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import orjson
import polars as pl
from xxhash import xxh3_64_intdigest

from receiver.decode_values import json_object, json_value, text_value
from receiver.frames import EVENT_SCHEMA, REJECTED_SCHEMA, SPAN_SCHEMA, UTC_MICROS, Decoded, Wanted
from receiver.inspection import Inspection, MalformedPayload, inspect_traces, parse
from receiver.redact import Disposition, disposition, scrub_url
from receiver.span_rules import EARLIEST_START_NS, LONGEST_NS, REASONS, moment, refusal

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Decoded", "Inspection", "MalformedPayload", "Wanted", "decode_traces", "inspect_traces"]

SIGNAL_EVENT_KEY: Final = "marginlake.signal.event_name"
"""A span event that carries this attribute is a row of ``Decoded.events`` whatever its name."""

CLOCK_KEY: Final = "marginlake.clock"
"""Where ``attributes`` say that the start time is not the sender's (see ``span_rules.moment``)."""

KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES: Final = ("unset", "ok", "error")

# What to do with an attribute, decided once per distinct key and batch.
_SKIP, _STORE, _SCRUB, _WIDE = 0, 1, 2, 4


class _Origin(NamedTuple):
    """What all spans of one instrumentation scope of one payload share."""

    service_name: str | None
    scope_name: str | None
    scope_version: str | None
    received_us: int
    resource_text: dict[str, str]


def decode_traces(payloads: Sequence[tuple[bytes, int]], wanted: Wanted, *, capture_content: bool = False) -> Decoded:
    """Decode ``(payload, received_ns)`` pairs: serialized ``ExportTraceServiceRequest`` and its time of receipt.

    Never raises for what a payload holds: an unreadable one is a row of ``rejected`` (``malformed_payload``), so is
    every span whose ids are invalid. Spans keep the order of the payloads. A wide column appears only for a wanted
    key that occurred; secrets have none, prompt text has one when wanted but is stored only with ``capture_content``.
    """
    batch = _Batch(wanted, capture_content=capture_content)
    for index, (payload, received_ns) in enumerate(payloads):
        batch.add(index, payload, received_ns)
    return batch.frames()


class _Batch:
    """Growing columns of one ``decode_traces`` call."""

    def __init__(self, wanted: Wanted, *, capture_content: bool) -> None:
        self._wanted = wanted
        self._capture_content = capture_content
        self._plans: dict[str, int] = {}
        self._rows: list[tuple[object, ...]] = []
        self._wide: dict[str, list[str | None]] = {}
        self._origins: list[_Origin] = []
        self._counts: list[int] = []
        self._events: list[tuple[object, ...]] = []
        self._event_wide: dict[str, list[str | None]] = {}
        self._rejected: list[tuple[object, ...]] = []

    def add(self, index: int, payload: bytes, received_ns: int) -> None:
        """Decode one payload into the columns."""
        try:
            request = parse(payload)
        except MalformedPayload as error:
            fingerprint = xxh3_64_intdigest(payload)
            self._rejected.append(
                (None, None, "malformed_payload", str(error), received_ns // 1000, fingerprint, index)
            )
            return
        for resource_spans in request.resource_spans:
            resource = resource_spans.resource
            shared = orjson.Fragment(
                orjson.dumps(json_object(resource.attributes, capture_content=self._capture_content))
            )
            for scope_spans in resource_spans.scope_spans:
                before = len(self._rows)
                self._add_spans(scope_spans.spans, shared, index, received_ns)
                if accepted := len(self._rows) - before:
                    self._origins.append(self._origin(resource, scope_spans.scope, received_ns))
                    self._counts.append(accepted)

    def _origin(self, resource: "Resource", scope: "InstrumentationScope", received_ns: int) -> _Origin:
        wanted_keys = self._wanted.resource_keys
        text: dict[str, str] = {}
        service_name: str | None = None
        for pair in resource.attributes:
            key = pair.key
            if key == "service.name":
                service_name = text_value(pair.value) or None
            if key in wanted_keys and disposition(key) is not Disposition.SECRET:
                rendered = text_value(pair.value)
                if rendered is not None:
                    text[key] = rendered
        return _Origin(service_name, scope.name or None, scope.version or None, received_ns // 1000, text)

    def _plan(self, key: str) -> int:
        rule = disposition(key)
        plan = _SKIP
        if rule is not Disposition.SECRET:
            if rule is not Disposition.CONTENT or self._capture_content:
                plan |= _STORE
            if rule is Disposition.ADDRESS:
                plan |= _SCRUB
            if key in self._wanted.span_keys:
                plan |= _WIDE
                self._wide[key] = []
        self._plans[key] = plan
        return plan

    def _add_spans(self, spans: Sequence["Span"], resource: orjson.Fragment, index: int, received_ns: int) -> None:
        """The loop per span. Names are bound locally and nothing of a span outlives its turn but plain values."""
        rows, plans, wide = self._rows, self._plans, self._wide
        capture_content = self._capture_content
        dumps, fingerprint = orjson.dumps, xxh3_64_intdigest
        row = len(rows)
        for span in spans:
            trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
            reason = refusal(trace_id, span_id, parent_id)
            content_hash = fingerprint(span.SerializeToString())
            if reason is not None:
                self._reject(span, reason, received_ns, content_hash, index)
                continue
            stored: dict[str, object] = {}
            for pair in span.attributes:
                key = pair.key
                plan = plans.get(key)
                if plan is None:
                    plan = self._plan(key)
                if plan == _SKIP:
                    continue
                value = pair.value
                # Most values are non-empty strings, then numbers that are not zero: reading one of these is cheaper
                # than asking first which kind it is.
                text: str | None = value.string_value
                if text:
                    if plan & _STORE:
                        stored[key] = scrub_url(text) if plan & _SCRUB else text
                elif number := value.int_value:
                    if plan & _STORE:
                        stored[key] = number
                    if plan & _WIDE:
                        text = str(number)
                else:
                    if plan & _STORE:
                        stored[key] = json_value(value, capture_content=capture_content)
                    if plan & _WIDE:
                        text = text_value(value)
                if plan & _WIDE:
                    cells = wide[key]
                    gap = row - len(cells)
                    if gap > 0:
                        cells.extend([None] * gap)
                    elif gap < 0:  # the key again in the same span: the last value counts
                        cells.pop()
                    cells.append(text)
            start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
            duration_ns = end_ns - start_ns
            if start_ns < EARLIEST_START_NS or not 0 <= duration_ns <= LONGEST_NS:
                sent_ns = start_ns
                start_ns, duration_ns, stand_in = moment(start_ns, end_ns, received_ns)
                if stand_in is not None:
                    stored[CLOCK_KEY] = {"start_time_unix_nano": sent_ns, "start_time_from": stand_in}
            if "resource" in stored:  # the sender's own attribute of that name makes room for the resource
                stored["span.resource"] = stored.pop("resource")
            stored["resource"] = resource
            status = span.status
            hex_trace, hex_span = trace_id.hex(), span_id.hex()
            rows.append(
                (
                    hex_trace,
                    hex_span,
                    parent_id.hex() if parent_id and any(parent_id) else None,
                    span.name,
                    span.kind,
                    start_ns // 1000,
                    duration_ns,
                    status.code,
                    status.message or None,
                    span.trace_state or None,
                    dumps(stored),
                    content_hash,
                )
            )
            row += 1
            if span.events:
                self._add_events(span, hex_trace, hex_span, content_hash)

    def _add_events(self, span: "Span", hex_trace: str, hex_span: str, content_hash: int) -> None:
        wanted_names, wanted_keys = self._wanted.event_names, self._wanted.span_keys
        for position, event in enumerate(span.events):
            if event.name not in wanted_names and all(pair.key != SIGNAL_EVENT_KEY for pair in event.attributes):
                continue
            row = len(self._events)
            stored = json_object(event.attributes, capture_content=self._capture_content)
            time_ns = event.time_unix_nano
            self._events.append(
                (
                    hex_trace,
                    hex_span,
                    position,
                    event.name,
                    time_ns // 1000 if time_ns >= EARLIEST_START_NS else None,
                    orjson.dumps(stored),
                    content_hash,
                )
            )
            for pair in event.attributes:
                key = pair.key
                if key in wanted_keys and disposition(key) is not Disposition.SECRET:
                    cells = self._event_wide.setdefault(key, [])
                    cells.extend([None] * (row + 1 - len(cells)))
                    cells[row] = text_value(pair.value)

    def _reject(self, span: "Span", reason: str, received_ns: int, content_hash: int, index: int) -> None:
        detail = f"{REASONS[reason]} (span {span.name!r})"
        self._rejected.append(
            (
                span.trace_id.hex() or None,
                span.span_id.hex() or None,
                reason,
                detail,
                received_ns // 1000,
                content_hash,
                index,
            )
        )

    def frames(self) -> Decoded:
        """The columns as frames."""
        return Decoded(self._spans_frame(), self._events_frame(), self._rejected_frame())

    def _spans_frame(self) -> pl.DataFrame:
        raw = {
            "trace_id": pl.String,
            "span_id": pl.String,
            "parent_span_id": pl.String,
            "name": pl.String,
            "kind": pl.Int32,
            "start_time": pl.Int64,
            "duration_ns": pl.Int64,
            "status": pl.Int32,
            "status_message": pl.String,
            "trace_state": pl.String,
            "attributes": pl.Binary,
            "content_hash": pl.UInt64,
        }
        height = len(self._rows)
        columns = zip(*self._rows, strict=True) if height else ((),) * len(raw)
        frame = pl.DataFrame(
            [pl.Series(name, values, dtype=dtype) for (name, dtype), values in zip(raw.items(), columns, strict=True)]
        )
        return (
            frame.with_columns(
                pl.col("kind").replace_strict(range(len(KINDS)), KINDS, default=KINDS[0], return_dtype=pl.String),
                pl.col("status").replace_strict(
                    range(len(STATUSES)), STATUSES, default=STATUSES[0], return_dtype=pl.String
                ),
                pl.col("start_time").cast(UTC_MICROS),
                pl.col("attributes").cast(pl.String),
                *self._origin_columns(),
            )
            .select(list(SPAN_SCHEMA))
            .with_columns(self._resource_columns() + _wide_columns(self._wide, height))
        )

    def _origin_columns(self) -> list[pl.Series]:
        def spread(name: str, values: list[object], dtype: pl.DataType) -> pl.Series:
            return pl.Series(name, values, dtype=dtype).gather(self._origin_of_row())

        return [
            spread("service_name", [origin.service_name for origin in self._origins], pl.String()),
            spread("scope_name", [origin.scope_name for origin in self._origins], pl.String()),
            spread("scope_version", [origin.scope_version for origin in self._origins], pl.String()),
            spread("received_at", [origin.received_us for origin in self._origins], pl.Int64()).cast(UTC_MICROS),
        ]

    def _resource_columns(self) -> list[pl.Series]:
        keys = sorted({key for origin in self._origins for key in origin.resource_text})
        return [
            pl.Series(f"@r:{key}", [origin.resource_text.get(key) for origin in self._origins], dtype=pl.String).gather(
                self._origin_of_row()
            )
            for key in keys
        ]

    def _origin_of_row(self) -> pl.Series:
        return pl.Series(np.repeat(np.arange(len(self._counts), dtype=np.uint32), self._counts))

    def _events_frame(self) -> pl.DataFrame:
        raw = {**EVENT_SCHEMA, "time": pl.Int64(), "attributes": pl.Binary()}
        frame = pl.DataFrame(self._events, schema=raw, orient="row")
        return frame.with_columns(pl.col("time").cast(UTC_MICROS), pl.col("attributes").cast(pl.String)).with_columns(
            _wide_columns(self._event_wide, frame.height)
        )

    def _rejected_frame(self) -> pl.DataFrame:
        frame = pl.DataFrame(self._rejected, schema={**REJECTED_SCHEMA, "received_at": pl.Int64()}, orient="row")
        return frame.with_columns(pl.col("received_at").cast(UTC_MICROS))


def _wide_columns(wide: dict[str, list[str | None]], height: int) -> list[pl.Series]:
    return [
        pl.Series(f"@{key}", cells + [None] * (height - len(cells)), dtype=pl.String)
        for key, cells in sorted(wide.items())
        if any(cell is not None for cell in cells)
    ]
