"""What the unmodified Paid SDKs sent in scripted runs, story by story, and ways to tell a story a little otherwise."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lake.connect import Lake
from marginlake.config import Config, LinkingConfig
from marginlake.rules import Rules, rules_from
from receiver.journal.record import Kind, Record
from receiver.otlp_json import traces_to_protobuf
from tests.marginlake.lakes import DATA, broken, fill, rest, span_by_span, traces
from tests.receiver.otlp_payloads import any_value

FOLDER = DATA / "paid" / "stories"
REVENUE = (
    {"name": "message", "event": "chat_message", "credits": 1, "credit_value_usd": "0.058"},
    {"name": "mail", "event": "email_sent", "unit_price_usd": "0.01"},
)

# What the calls of the stories cost, worked out by hand from the vendors' prices per million tokens.
CHAT = Decimal("0.000024")  # gpt-4o-mini: 60 at $0.15, 40 read from the cache at $0.075, 20 out at $0.60
EMBEDDING = Decimal("0.00000016")  # text-embedding-3-small: 8 at $0.02
RESPONSE = Decimal("0.0000123")  # gpt-4o-mini: 34 at $0.15, 16 cached at $0.075, 10 out at $0.60
MESSAGE = Decimal("0.0005175")  # claude-sonnet-4-5: 30 at $3, 200 read at $0.30, 50 written at $3.75, 12 out at $15
GEMINI = Decimal("0.00004745")  # gemini-2.5-flash: 16 at $0.30, 5 cached at $0.03, 17 out at $2.50
FIVE_CALLS = CHAT + EMBEDDING + RESPONSE + MESSAGE + GEMINI


@cache
def story(name: str) -> tuple[Record, ...]:
    """The story's requests, a record each, in the order in which they were sent."""
    return tuple(_record(path) for path in sorted((FOLDER / name).iterdir()))


def _record(path: Path) -> Record:
    body = path.read_bytes()
    if "signals_bulk" in path.name:
        return rest(body)
    if path.suffix == ".json":
        return traces(traces_to_protobuf(body))
    return traces(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)


def retold(records: Iterable[Record], change: Callable[[Span], bool | None]) -> list[Record]:
    """The records with every span changed in place; spans for which `change` answers False are left out."""
    told = []
    for record in records:
        if record.kind is not Kind.TRACES:
            told.append(record)
            continue
        request = ExportTraceServiceRequest.FromString(record.payload)
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                kept = [span for span in scope_spans.spans if change(span) is not False]
                del scope_spans.spans[:]
                scope_spans.spans.extend(kept)
        told.append(record._replace(payload=request.SerializeToString()))
    return told


def said(span: Span) -> dict[str, Any]:
    """The span's attributes."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in span.attributes}


def say(span: Span, **values: object) -> None:
    """Set attributes; None takes one away."""
    kept = [each for each in span.attributes if each.key not in values]
    del span.attributes[:]
    span.attributes.extend(kept)
    for key, value in values.items():
        if value is not None:
            span.attributes.add(key=key, value=any_value(value))


def signal(event: str | None = None, **fields: Any) -> Record:
    """A REST signal of `cust_1` for `chatbot`; fields replace those of the body."""
    body = {
        "eventName": event,
        "customer": {"externalCustomerId": "cust_1"},
        "attribution": {"externalProductId": "chatbot"},
    } | fields
    return rest(json.dumps({"signals": [{key: value for key, value in body.items() if value is not None}]}).encode())


@cache
def rules(attribution: str = "split") -> Rules:
    """The rules of a service with REVENUE."""
    linking = LinkingConfig.model_validate({"attribution": attribution})
    return rules_from(Config(revenue=REVENUE, linking=linking), None)


class Books:
    """What a lake says after a story."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        """customer, product, status and cost of every billable call, in the order of their starts."""
        return self.read(
            "SELECT customer_id, product_id, status, cost_usd FROM costs WHERE status <> 'aggregate' "
            "ORDER BY occurred_at, cost_id"
        )

    @property
    def links(self) -> list[tuple[str, str, Decimal | None]]:
        """Event, rule and cost of every link."""
        return self.read(
            "SELECT event_name, rule, l.cost_usd FROM cost_links l JOIN signals USING (signal_id) "
            "JOIN costs c USING (cost_id) ORDER BY event_name, c.occurred_at, c.cost_id, signal_id"
        )

    @property
    def events(self) -> list[tuple[Any, ...]]:
        """event, customer, cost status, cost, revenue and margin of every event."""
        return self.read(
            "SELECT event_name, customer_id, cost_status, cost_usd, revenue_usd, margin_usd FROM event_margins "
            "ORDER BY event_name, occurred_at, signal_id"
        )

    @property
    def unclaimed(self) -> dict[str | None, Decimal]:
        """Customer to what it cost beyond its events."""
        found = self.read(
            "SELECT customer_id, sum(cost_usd) FROM billable_costs ANTI JOIN cost_links USING (cost_id) "
            "WHERE cost_usd IS NOT NULL GROUP BY customer_id ORDER BY customer_id"
        )
        return dict(found)

    @property
    def total(self) -> Decimal:
        """What all calls cost."""
        return Decimal(self.read("SELECT coalesce(sum(cost_usd), 0) FROM costs")[0][0])

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.lake.read(sql).rows()


def tell(lake: Lake, records: Sequence[Record], given: Rules | None = None) -> Books:
    """Land the story in `lake` the hard way: span by span from its end, in two batches."""
    backwards = [single for record in records for single in span_by_span(record)][::-1]
    middle = len(backwards) // 2
    fill(lake, [part for part in (backwards[:middle], backwards[middle:]) if part], given or rules())
    assert broken(lake) == {}
    return Books(lake)
