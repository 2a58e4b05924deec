"""The figures that alerts look at, read from the lake: what each window earned and spent, and its calls without price.

Whole days and months come from `margin_daily`. Windows of hours are worked out here by the same rules, from the rows of
that time alone: the costs that their events bear are found by key, wherever in time they lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from analytics.alert_rules import Span
from analytics.alert_windows import Window
from analytics.frames import MONEY_SUM
from lake.commit import Transaction

_TIME = pl.Datetime("us", "UTC")
FIGURES = pl.Schema(
    {
        "window_start": _TIME, "customer_id": pl.String(), "product_id": pl.String(), "event_name": pl.String(),
        "signals": pl.Int64(), "revenue_usd": MONEY_SUM, "linked_cost_usd": MONEY_SUM,
        "unclaimed_cost_usd": MONEY_SUM, "unpriced_calls": pl.Int64(), "signals_without_revenue": pl.Int64(),
        "untraced_signals": pl.Int64(),
    }
)  # fmt: skip
"""One row per window, customer, product and event (NULL: no event claims the cost). Money is what is known of it."""

CALLS = pl.Schema(
    {"window_start": _TIME, "customer_id": pl.String(), "product_id": pl.String(), "calls": pl.Int64(),
     "unpriced_calls": pl.Int64()}
)  # fmt: skip
"""One row per window and per customer and product that the calls' spans name."""


@dataclass(frozen=True)
class Figures:
    """What there is to look at in windows of one length: frames of the schemas FIGURES and CALLS."""

    money: pl.DataFrame
    calls: pl.DataFrame


def read_figures(tx: Transaction, span: Span, windows: Sequence[Window]) -> Figures:
    """The figures of windows that follow each other, oldest first."""
    start, end = windows[0].start, windows[-1].end
    money = _of_hours(tx, span, start, end) if span.unit == "hours" else _of_days(tx, span, start, end)
    calls = tx.read(
        f"SELECT {_bucket(span)} AS window_start, customer_id, product_id, count(*) AS calls, "
        "count(*) FILTER (WHERE status = 'unpriced') AS unpriced_calls "
        f"FROM billable_costs WHERE {_during(start, end)} GROUP BY ALL"
    )
    return Figures(_as(money, FIGURES), _as(calls, CALLS))


def _of_days(tx: Transaction, span: Span, start: datetime, end: datetime) -> pl.DataFrame:
    sums = ", ".join(f"sum({name}) AS {name}" for name in list(FIGURES)[4:])
    return tx.read(
        f"SELECT (date_trunc('{span.unit}', day)::TIMESTAMP AT TIME ZONE 'UTC') AS window_start, "
        f"customer_id, product_id, event_name, {sums} FROM margin_daily "
        f"WHERE day >= '{start:%Y-%m-%d}'::DATE AND day < '{end:%Y-%m-%d}'::DATE GROUP BY ALL"
    )


def _of_hours(tx: Transaction, span: Span, start: datetime, end: datetime) -> pl.DataFrame:
    events = tx.read(
        f"SELECT {_bucket(span)} AS window_start, signal_id, customer_id, product_id, event_name, revenue_usd, "
        f"cost_status FROM event_margins WHERE {_during(start, end)}"
    )
    links = tx.semi("cost_links", ("cost_id", "signal_id", "cost_usd"), events, "signal_id")
    costs = tx.semi("costs", ("cost_id", "customer_id", "product_id"), links, "cost_id")
    return tx.read(
        f"""
        SELECT window_start, customer_id, product_id, event_name, count(*) AS signals, sum(revenue_usd) AS revenue_usd,
               NULL AS linked_cost_usd, NULL AS unclaimed_cost_usd, 0 AS unpriced_calls,
               count(*) FILTER (WHERE revenue_usd IS NULL) AS signals_without_revenue,
               count(*) FILTER (WHERE cost_status = 'untraced') AS untraced_signals
        FROM window_events GROUP BY ALL
        UNION ALL
        SELECT e.window_start, coalesce(c.customer_id, e.customer_id), coalesce(c.product_id, e.product_id),
               e.event_name, 0, NULL, sum(l.cost_usd), NULL,
               count(DISTINCT l.cost_id) FILTER (WHERE l.cost_usd IS NULL), 0, 0
        FROM window_links AS l
        JOIN window_costs AS c ON c.cost_id = l.cost_id
        JOIN window_events AS e ON e.signal_id = l.signal_id
        GROUP BY ALL
        UNION ALL
        SELECT {_bucket(span)}, customer_id, product_id, NULL, 0, NULL, NULL, sum(cost_usd),
               count(*) FILTER (WHERE cost_usd IS NULL), 0, 0
        FROM (SELECT * FROM billable_costs WHERE {_during(start, end)})
        ANTI JOIN (SELECT cost_id FROM cost_links WHERE occurred_at IS NULL OR {_during(start, end)}) USING (cost_id)
        GROUP BY ALL
        """,
        window_events=events,
        window_links=links,
        window_costs=costs,
    )


def _as(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """One row per key, in the schema's types; sums of nothing are NULL for revenue and 0 for costs."""
    keys = [name for name in schema if schema[name] in (_TIME, pl.String())]
    typed = rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    summed = typed.group_by(keys).agg(
        pl.col(name).sum() if dtype != MONEY_SUM else _sum_known(name)
        for name, dtype in schema.items()
        if name not in keys
    )
    costs = [name for name in ("linked_cost_usd", "unclaimed_cost_usd") if name in schema]
    return summed.with_columns(pl.col(costs).fill_null(pl.lit(0, MONEY_SUM))).select(schema.names())


def _sum_known(name: str) -> pl.Expr:
    known = pl.col(name).drop_nulls()
    return pl.when(known.len() > 0).then(known.sum()).cast(MONEY_SUM).alias(name)


def _bucket(span: Span) -> str:
    """SQL: the start of the window in which occurred_at lies."""
    if span.unit == "hours":
        return f"time_bucket(INTERVAL {span.hours} HOUR, occurred_at, '1970-01-01T00:00:00Z'::TIMESTAMPTZ)"
    return f"(date_trunc('{span.unit}', occurred_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')"


def _during(start: datetime, end: datetime) -> str:
    return f"occurred_at >= '{_utc(start)}'::TIMESTAMPTZ AND occurred_at < '{_utc(end)}'::TIMESTAMPTZ"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def end_of(span: Span, start: pl.Expr) -> pl.Expr:
    """When the windows that begin at `start` end."""
    length = {"day": "1d", "month": "1mo"}.get(span.unit) or timedelta(hours=span.hours)
    return start.dt.offset_by(length) if isinstance(length, str) else start + length
