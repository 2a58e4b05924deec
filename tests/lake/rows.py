"""Small frames for the lake's tables: only what a test is about has to be said."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from lake.schema import TABLES

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def after(**elapsed: float) -> datetime:
    """A moment some time after noon of the first day."""
    return NOON + timedelta(**elapsed)


def trace(number: int) -> str:
    return f"{number:032x}"


def span_id(number: int) -> str:
    return f"{number:016x}"


def frame(table: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of a table, with the columns they name in the table's types."""
    schema = TABLES[table].polars_schema
    names = list(rows[0]) if rows else list(schema)
    return pl.DataFrame(rows, schema={name: schema[name] for name in names}, orient="row")


def span(number: int, *, trace_number: int = 1, at: datetime = NOON, content: int = 1, **said: Any) -> dict[str, Any]:
    return {
        "trace_id": trace(trace_number),
        "span_id": span_id(number),
        "name": "chat",
        "kind": "client",
        "start_time": at,
        "duration_ns": 1_000,
        "status": "ok",
        "attributes": "{}",
        "content_hash": content,
        **said,
    }


def cost(number: int, usd: str | None, *, trace_number: int = 1, at: datetime = NOON, **said: Any) -> dict[str, Any]:
    return {
        "cost_id": f"cost_{trace(trace_number)}_{span_id(number)}",
        "source": "span",
        "trace_id": trace(trace_number),
        "span_id": span_id(number),
        "occurred_at": at,
        "customer_id": None,
        "product_id": None,
        "provider": "openai",
        "model": "gpt-5",
        "status": "unpriced" if usd is None else "priced",
        "cost_usd": None if usd is None else Decimal(usd),
        **said,
    }


def margin(signal_id: str, *, at: datetime = NOON, revenue: str | None = None, **said: Any) -> dict[str, Any]:
    return {
        "signal_id": signal_id,
        "event_name": "report_written",
        "customer_id": "acme",
        "product_id": "writer",
        "occurred_at": at,
        "revenue_usd": None if revenue is None else Decimal(revenue),
        "cost_usd": None,
        "margin_usd": None,
        "cost_status": "complete",
        **said,
    }


def link(of: dict[str, Any], signal_id: str, usd: str | None) -> dict[str, Any]:
    return {
        "cost_id": of["cost_id"],
        "signal_id": signal_id,
        "rule": "trace",
        "cost_usd": None if usd is None else Decimal(usd),
        "trace_id": of["trace_id"],
        "occurred_at": of["occurred_at"],
    }
