"""Costs stated over REST, as the OTLP payload that carries them on: journaled, priced and settled like any call.

A record is one span in a trace of its own, whose ids follow from the sender's key: the same key again is the same span.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import xxhash
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from receiver.dialects import direct

NAME: Final = "cost"
METADATA: Final = "metadata."
STATED: Final = "stated."
"""Before the names of counts that came with a figure: kept, and not priced."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TRACE_BYTES: Final = 16


@dataclass(frozen=True, kw_only=True)
class DirectCost:
    """What was stated. key: the sender's, against counting it twice. customer, product: names as they were sent.

    amount_usd: the figure to go by; None: the counts are to be priced. counts: by the attribute names of
    `dialects.direct`. metadata: the sender's own.
    """

    key: str | None
    occurred_at: datetime
    customer: str
    product: str | None
    vendor: str | None
    model: str | None
    amount_usd: Decimal | None
    counts: Mapping[str, int]
    metadata: Mapping[str, Any]


def trace_id_of(key: str | None) -> str:
    """The trace of a record: the same for the same key, random without one."""
    return xxhash.xxh3_128_hexdigest(f"cost:{key}".encode()) if key else secrets.token_hex(_TRACE_BYTES)


def payload_of(costs: Sequence[tuple[str, DirectCost]], customer_key: str, product_key: str) -> bytes:
    """A serialized ExportTraceServiceRequest of (trace id, cost) pairs; the keys are the attributes that identify."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = direct.SCOPE
    scope.spans.extend(_span(trace_id, cost, customer_key, product_key) for trace_id, cost in costs)
    return request.SerializeToString()


def _span(trace_id: str, cost: DirectCost, customer_key: str, product_key: str) -> Span:
    moment = (cost.occurred_at - _EPOCH) // _MICROSECOND * 1000
    return Span(
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(xxhash.xxh3_64_hexdigest(trace_id.encode())),
        name=NAME,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=moment,
        end_time_unix_nano=moment,
        attributes=_attributes(cost, customer_key, product_key),
    )


def _attributes(cost: DirectCost, customer_key: str, product_key: str) -> Iterable[KeyValue]:
    texts = {
        customer_key: cost.customer,
        product_key: cost.product,
        direct.VENDOR: cost.vendor,
        direct.MODEL: cost.model,
        direct.AMOUNT: None if cost.amount_usd is None else f"{cost.amount_usd:f}",
        **{METADATA + name: _text(value) for name, value in cost.metadata.items()},
    }
    before = "" if cost.amount_usd is None else STATED
    counts = {before + name: count for name, count in cost.counts.items()}
    yield from (KeyValue(key=key, value=AnyValue(string_value=text)) for key, text in texts.items() if text is not None)
    yield from (KeyValue(key=key, value=AnyValue(int_value=count)) for key, count in counts.items())


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
