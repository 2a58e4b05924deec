"""A small language for tests: spans, model calls and signals as a user would tell them, run through every stage."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from analytics.event_rules import EventRules
from analytics.inherit import inherit, inherit_calls, inherit_signals
from analytics.likeness import likeness
from analytics.link import link
from analytics.margin import margins
from analytics.revenue_rules import RevenueRule
from analytics.settle import settle

START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
MONEY = pl.Decimal(18, 12)
ZERO = Decimal(0)

SPANS = {
    "trace_id": pl.String, "span_id": pl.String, "parent_span_id": pl.String, "start_time": TIME,
    "name": pl.String, "own_customer_id": pl.String, "own_product_id": pl.String, "own_cost_scope": pl.String,
    "sampling_weight": pl.Decimal(18, 6),
}  # fmt: skip
COUNTS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens",
    "search_requests", "requests", "images", "characters", "pages",
)  # fmt: skip
TEXTS = (
    "trace_id", "span_id", "parent_span_id", "dialect", "scope_name", "role", "provider", "request_model",
    "response_model", "operation", "service_tier", "usage_source", "usage_note", "response_id", "model", "match",
    "rate_id", "catalog_id", "rate_note", "status", "region", "price_rule", "original_currency", "process",
)  # fmt: skip
PARTS = ("input_cost_usd", "cache_read_cost_usd", "cache_write_cost_usd", "output_cost_usd", "other_cost_usd")
CALLS = {
    **dict.fromkeys(TEXTS, pl.String), "occurred_at": TIME, "duration_ns": pl.Int64, "batch": pl.Boolean,
    **dict.fromkeys(COUNTS, pl.Int64), "failed": pl.Boolean, "reported_cost_usd": MONEY,
    **dict.fromkeys(PARTS, MONEY), "cost_usd": MONEY, "original_cost": MONEY, "fx_rate": MONEY,
    "audio_seconds": pl.Decimal(18, 6), "video_seconds": pl.Decimal(18, 6),
}  # fmt: skip
SIGNALS = {
    "signal_id": pl.String, "event_name": pl.String, "source": pl.String, "occurred_at": TIME, "received_at": TIME,
    "trace_id": pl.String, "span_id": pl.String, "parent_span_id": pl.String, "cost_scope": pl.String,
    "cost_traced": pl.Boolean, "idempotency_key": pl.String, "quantity": pl.Decimal(18, 6), "data": pl.String,
    "own_customer_id": pl.String, "own_product_id": pl.String,
}  # fmt: skip


@dataclass
class Outcome:
    """The three tables of results."""

    costs: pl.DataFrame
    links: pl.DataFrame
    margins: pl.DataFrame

    def cost(self, span: str) -> dict[str, Any]:
        """The costs row of a span."""
        return self.costs.row(by_predicate=pl.col("span_id") == span, named=True)

    def margin(self, signal: str) -> dict[str, Any]:
        """The event_margins row of a signal."""
        return self.margins.row(by_predicate=pl.col("signal_id") == signal, named=True)

    def counted(self) -> set[str]:
        """The spans whose cost counts."""
        return set(self.costs.filter(pl.col("status") != "aggregate")["span_id"])

    def why(self) -> dict[str, str | None]:
        """For every span with a costs row, why it is one with another (or None)."""
        return dict(self.costs.select("span_id", "dedup").iter_rows())

    def bearers(self, span: str) -> dict[str, tuple[str, Decimal | None]]:
        """signal -> (rule, share) of the cost of a span."""
        rows = self.links.filter(pl.col("cost_id") == self.cost(span)["cost_id"])
        return {row["signal_id"]: (row["rule"], row["cost_usd"]) for row in rows.iter_rows(named=True)}

    def total(self) -> Decimal:
        """All billable cost."""
        return self.costs["cost_usd"].cast(pl.Decimal(38, 12)).sum()

    def linked(self) -> Decimal:
        """All linked cost."""
        return self.links["cost_usd"].cast(pl.Decimal(38, 12)).sum()

    def unclaimed(self) -> Decimal:
        """Cost that no signal bears."""
        return self.costs.join(self.links, on="cost_id", how="anti")["cost_usd"].cast(pl.Decimal(38, 12)).sum()

    def tables(self) -> tuple[pl.DataFrame, ...]:
        """The three tables in one order, to compare."""
        return (
            self.costs.sort("cost_id"),
            self.links.sort("cost_id", "signal_id"),
            self.margins.sort("signal_id"),
        )


@dataclass
class Scene:
    """What happened. Times are milliseconds after START; a span id is unique in a test."""

    spans: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    signals: list[dict[str, Any]] = field(default_factory=list)

    def span(
        self, span: str, *, trace: str = "t1", parent: str | None = None, at: float = 0,
        customer: str | None = None, product: str | None = None, scope: str | None = None,
        name: str = "work",
    ) -> None:  # fmt: skip
        """A span that is no model call."""
        self.spans.append(
            {
                "trace_id": trace,
                "span_id": span,
                "parent_span_id": parent,
                "start_time": moment(at),
                "name": name,
                "own_customer_id": customer,
                "own_product_id": product,
                "own_cost_scope": scope,
            }
        )

    def call(
        self, span: str, cost: str | None = "0.01", *, trace: str = "t1", parent: str | None = None, at: float = 0,
        lasts: float = 10, customer: str | None = None, product: str | None = None, scope: str | None = None,
        **known: Any,
    ) -> None:  # fmt: skip
        """A model call with its price in dollars; `cost=None`: usage known, price unknown. `known` sets any column."""
        self.span(span, trace=trace, parent=parent, at=at, customer=customer, product=product, scope=scope)
        row: dict[str, Any] = {
            "trace_id": trace, "span_id": span, "parent_span_id": parent, "occurred_at": moment(at),
            "duration_ns": int(lasts * 1_000_000), "dialect": "otel", "scope_name": "sdk", "role": "call",
            "provider": "openai", "request_model": "gpt-5", "response_model": "gpt-5-2025", "operation": "chat",
            "usage_source": "reported", "input_tokens": 1000, "output_tokens": 100, "failed": False,
            "process": "app/1",
        }  # fmt: skip
        amount = None if cost is None else Decimal(cost)
        row |= dict.fromkeys(PARTS, None if amount is None else ZERO) | {"input_cost_usd": amount, "cost_usd": amount}
        row["status"] = "unpriced" if amount is None else "priced"
        self.calls.append(row | known)

    def aggregate(self, span: str, cost: str | None = "0.01", **known: Any) -> None:
        """An agent run, or another span that repeats what its children report."""
        self.call(span, cost, **({"role": "aggregate", "lasts": 1000, "operation": "invoke_agent"} | known))

    def silent(self, span: str, **known: Any) -> None:
        """A model call that reports no usage."""
        self.call(span, None, **({"usage_source": "missing", "input_tokens": None, "output_tokens": None} | known))

    def failed(self, span: str, **known: Any) -> None:
        """A call that failed before it cost anything."""
        self.silent(
            span, **({"status": "zero_rated", "failed": True, "cost_usd": ZERO} | dict.fromkeys(PARTS, ZERO) | known)
        )

    def signal(
        self, signal: str, *, trace: str | None = "t1", span: str | None = None, parent: str | None = None,
        at: float = 0, customer: str | None = None, product: str | None = None, scope: str | None = None,
        traced: bool = True, event: str = "chat_message", quantity: str | None = "1", data: str = "{}",
    ) -> None:  # fmt: skip
        """A billable event. `scope`: the scope whose costs it claims."""
        self.signals.append(
            {
                "signal_id": signal,
                "event_name": event,
                "source": "api" if trace is None else "otlp",
                "occurred_at": moment(at),
                "received_at": moment(at),
                "trace_id": trace,
                "span_id": span,
                "parent_span_id": parent,
                "cost_scope": scope,
                "cost_traced": traced,
                "idempotency_key": None,
                "quantity": None if quantity is None else Decimal(quantity),
                "data": data,
                "own_customer_id": customer,
                "own_product_id": product,
            }
        )

    def run(self, rules: tuple[RevenueRule, ...] = (), shuffle: int | None = None) -> Outcome:
        """Inherit, settle, link and count; with `shuffle`, the rows of every input in another order."""

        def frame(rows: list[dict[str, Any]], schema: dict[str, Any]) -> pl.DataFrame:
            rows = list(rows)
            if shuffle is not None:
                random.Random(shuffle).shuffle(rows)
            return pl.DataFrame(rows, schema=schema)

        spans = inherit(frame(self.spans, SPANS))
        calls = frame(self.calls, CALLS)
        calls = inherit_calls(calls.with_columns(likeness(calls)), spans)
        signals = inherit_signals(frame(self.signals, SIGNALS), spans)
        costs = settle(calls, spans, signals)
        links = link(costs, signals)
        return Outcome(costs, links, margins(signals, links, costs, EventRules(rules)))


def moment(milliseconds: float) -> datetime:
    """START plus milliseconds."""
    return START + timedelta(milliseconds=milliseconds)
