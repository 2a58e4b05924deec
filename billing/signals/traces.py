"""What cost money, call by call, the newest first: the traces of the first API.

Only calls whose cost is known are traces: clients read a number, and an unknown cost is none.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import orjson

from billing.api.errors import invalid
from billing.context import Billing
from billing.signals.asking import ask
from lake.definitions import quoted

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DEEPEST: Final = 16


@dataclass(frozen=True)
class WantedTraces:
    """Which calls: of these customer and product texts (each set), begun within, with these span attributes."""

    customers: Sequence[set[str]] = field(default=())
    products: Sequence[set[str]] = field(default=())
    begun_from: datetime | None = None
    begun_to: datetime | None = None
    metadata: tuple[tuple[str, Any], ...] = ()

    @property
    def condition(self) -> str:
        """In SQL, on costs `c` and, where metadata is asked for, spans `s`."""
        parts = ["c.cost_usd IS NOT NULL"]
        for column, sets in (("c.customer_id", self.customers), ("c.product_id", self.products)):
            parts += [f"{column} IN ({', '.join(map(quoted, sorted(texts)))})" for texts in sets]
        for sign, moment in ((">=", self.begun_from), ("<=", self.begun_to)):
            if moment is not None:
                parts.append(f"c.occurred_at {sign} TIMESTAMPTZ {quoted(moment.isoformat())}")
        parts += [_has(key, value) for key, value in self.metadata]
        return " AND ".join(parts)


def metadata_of(text: str | None) -> tuple[tuple[str, Any], ...]:
    """The span attributes that a JSON object asks for; objects within it are flattened with dots. Raises 400."""
    if text is None:
        return ()
    try:
        content = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise invalid("metadata: must be a JSON object")
    return tuple(_flat("metadata", content))


def list_traces(billing: Billing, wanted: WantedTraces, limit: int, offset: int) -> tuple[list[dict[str, Any]], bool]:
    """A part of the calls as rows, and whether there are more. Raises the API's 503.

    Rows: name, provider, model, cost_usd, occurred_at, duration_ns, attributes (JSON text), customer_id, product_id.
    """
    spans = "JOIN spans s ON s.trace_id = c.trace_id AND s.span_id = c.span_id" if wanted.metadata else ""
    rows = ask(
        billing,
        f"""
        WITH page AS (
            SELECT c.* FROM costs c {spans} WHERE {wanted.condition}
            ORDER BY c.occurred_at DESC, c.cost_id DESC LIMIT {limit + 1:d} OFFSET {offset:d}
        )
        SELECT s.name, page.provider, coalesce(page.model, page.response_model, page.request_model) AS model,
            page.cost_usd, page.occurred_at, page.duration_ns, s.attributes, page.customer_id, page.product_id
        FROM page LEFT JOIN spans s ON s.trace_id = page.trace_id AND s.span_id = page.span_id
        ORDER BY page.occurred_at DESC, page.cost_id DESC
        """,
    ).to_dicts()
    return rows[:limit], len(rows) > limit


def shown_trace(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the API has it, ready for `orjson`. The amount is in US dollars, with all its digits."""
    begun = (row["occurred_at"] - _EPOCH) // (_EPOCH.resolution) * 1000
    return {
        "name": row["name"] or "cost",
        "vendor": row["provider"] or "unknown",
        "model": row["model"] or "unknown",
        "cost": {"amount": orjson.Fragment(f"{row['cost_usd']:f}"), "currency": "USD"},
        "startTimeUnixNano": str(begun),
        "endTimeUnixNano": str(begun + (row["duration_ns"] or 0)),
        "attributes": orjson.Fragment(row["attributes"] or "{}"),
    }


def _flat(prefix: str, content: dict[str, Any], depth: int = 0) -> list[tuple[str, Any]]:
    if depth > _DEEPEST:
        raise invalid(f"metadata: is nested more than {_DEEPEST} levels deep")
    found: list[tuple[str, Any]] = []
    for key, value in content.items():
        name = f"{prefix}.{key}"
        found += _flat(name, value, depth + 1) if isinstance(value, dict) else [(name, value)]
    if any("\0" in name or (isinstance(value, str) and "\0" in value) for name, value in found):
        raise invalid("metadata: has a NUL")
    return found


def _has(key: str, value: Any) -> str:
    """That a span has an attribute of this value: texts are equal as texts, numbers as numbers."""
    place = key.replace("~", "~0").replace("/", "~1")
    sent = f"json_extract_string(s.attributes, {quoted('/' + place)})"
    if isinstance(value, bool):
        return f"{sent} = {quoted(str(value).lower())}"
    if isinstance(value, int | Decimal):
        return f"try_cast({sent} AS DOUBLE) = try_cast({quoted(str(value))} AS DOUBLE)"
    if isinstance(value, str):
        return f"{sent} = {quoted(value)}"
    return f"{sent} IS NULL" if value is None else f"{sent} = {quoted(json.dumps(value, default=str))}"
