"""The decoder in its plainest form, a row and an attribute at a time with the ordinary OTLP messages.

It is what the decoder in use must agree with. It shares with it only the rules on single values and ids.
"""

import orjson
import polars as pl
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from xxhash import xxh3_64_intdigest

from receiver.decode_values import json_object, json_value, text_value
from receiver.frames import EVENT_SCHEMA, REJECTED_SCHEMA, SPAN_SCHEMA, Decoded, Wanted
from receiver.inspection import MalformedPayload, parse
from receiver.redact import Disposition, disposition, scrub_url
from receiver.span_rules import EARLIEST_START_NS, REASONS, moment, refusal

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
STATUSES = {1: "ok", 2: "error"}


def reference_decode(payloads: list[tuple[bytes, int]], wanted: Wanted, *, capture_content: bool = False) -> Decoded:
    spans, events, rejected = [], [], []
    for index, (payload, received_ns) in enumerate(payloads):
        common = {"received_at": received_ns // 1000, "payload_index": index}
        try:
            request = parse(payload)
        except MalformedPayload as error:
            content_hash = xxh3_64_intdigest(payload)
            reason = {"reason": "malformed_payload", "detail": str(error), "content_hash": content_hash}
            rejected.append({"trace_id": None, "span_id": None, **reason, **common})
            continue
        for resource_spans in request.resource_spans:
            resource = resource_spans.resource
            shared = json_object(resource.attributes, capture_content=capture_content)
            of_resource = {
                "service_name": _text(resource.attributes).get("service.name") or None,
                **{f"@r:{key}": text for key, text in _wide(resource.attributes, wanted.resource_keys).items()},
            }
            for scope_spans in resource_spans.scope_spans:
                scope = scope_spans.scope
                origin = {
                    **of_resource,
                    "scope_name": scope.name or None,
                    "scope_version": scope.version or None,
                    **common,
                }
                for span in scope_spans.spans:
                    row = _ids(span)
                    reason = refusal(span.trace_id, span.span_id, span.parent_span_id)
                    if reason is not None:
                        detail = f"{REASONS[reason]} (span {span.name!r})"
                        rejected.append({**row, "reason": reason, "detail": detail, **common})
                        continue
                    spans.append({**row, **origin, **_span(span, shared, received_ns, wanted, capture_content)})
                    events += [
                        {**row, "event_index": position, **_event(event, wanted, capture_content)}
                        for position, event in enumerate(span.events)
                        if event.name in wanted.event_names
                        or any(pair.key == "marginlake.signal.event_name" for pair in event.attributes)
                    ]
    return Decoded(_frame(spans, SPAN_SCHEMA), _frame(events, EVENT_SCHEMA), _frame(rejected, REJECTED_SCHEMA))


def _ids(span: Span) -> dict[str, object]:
    trace_id, span_id = span.trace_id.hex() or None, span.span_id.hex() or None
    return {"trace_id": trace_id, "span_id": span_id, "content_hash": xxh3_64_intdigest(span.SerializeToString())}


def _span(
    span: Span, resource: dict[str, object], received_ns: int, wanted: Wanted, capture_content: bool
) -> dict[str, object]:
    stored = {}
    for pair in span.attributes:
        rule = disposition(pair.key)
        if rule is Disposition.SECRET or (rule is Disposition.CONTENT and not capture_content):
            continue
        value = json_value(pair.value, capture_content=capture_content)
        is_address = rule is Disposition.ADDRESS and pair.value.WhichOneof("value") == "string_value"
        stored[pair.key] = scrub_url(str(value)) if is_address else value
    sent_ns = span.start_time_unix_nano
    start_ns, duration_ns, stand_in = moment(sent_ns, span.end_time_unix_nano, received_ns)
    if stand_in is not None:
        stored["marginlake.clock"] = {"start_time_unix_nano": sent_ns, "start_time_from": stand_in}
    if "resource" in stored:
        stored["span.resource"] = stored.pop("resource")
    stored["resource"] = resource
    return {
        "parent_span_id": span.parent_span_id.hex() if any(span.parent_span_id) else None,
        "name": span.name,
        "kind": KINDS.get(span.kind, "unspecified"),
        "start_time": start_ns // 1000,
        "duration_ns": duration_ns,
        "status": STATUSES.get(span.status.code, "unset"),
        "status_message": span.status.message or None,
        "trace_state": span.trace_state or None,
        "attributes": orjson.dumps(stored).decode(),
        **{f"@{key}": text for key, text in _wide(span.attributes, wanted.span_keys).items()},
    }


def _event(event: Span.Event, wanted: Wanted, capture_content: bool) -> dict[str, object]:
    time_ns = event.time_unix_nano
    return {
        "name": event.name,
        "time": time_ns // 1000 if time_ns >= EARLIEST_START_NS else None,
        "attributes": orjson.dumps(json_object(event.attributes, capture_content=capture_content)).decode(),
        **{f"@{key}": text for key, text in _wide(event.attributes, wanted.span_keys).items()},
    }


def _text(pairs) -> dict[str, str | None]:
    return {pair.key: text_value(pair.value) for pair in pairs}


def _wide(pairs, wanted: frozenset[str]) -> dict[str, str | None]:
    found = _text(pairs).items()
    return {key: text for key, text in found if key in wanted and disposition(key) is not Disposition.SECRET}


def _frame(rows: list[dict[str, object]], fixed: pl.Schema) -> pl.DataFrame:
    """The rows as a frame: fixed columns, then those of resources, then those of attributes, without empty ones."""
    keys = sorted({key for row in rows for key, text in row.items() if key not in fixed and text is not None})
    keys.sort(key=lambda key: not key.startswith("@r:"))
    columns = [
        pl.Series(name, [row.get(name) for row in rows], dtype=pl.Int64 if dtype.is_temporal() else dtype).cast(dtype)
        for name, dtype in fixed.items()
    ]
    return pl.DataFrame(columns + [pl.Series(key, [row.get(key) for row in rows], dtype=pl.String) for key in keys])
