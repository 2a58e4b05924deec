"""The figures of money for `/metrics`: sums of the UTC day and month so far, read from the lake in one go.

Labels are bounded: of each family the combinations with most money in them have series of their own, the rest are
together under `other`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import polars as pl

from analytics.alert_rules import Span
from analytics.alert_windows import Window, window_at
from analytics.frames import MONEY_SUM
from lake.commit import Transaction
from lake.connect import Lake

OTHER: Final = "other"
NONE: Final = "none"
"""The label of rows that have no product, model, customer or event."""

_CALL_LABELS: Final = {"provider": "provider", "model": "model"}
_MARGIN_LABELS: Final = {"product": "product_id", "customer": "customer_id", "event": "event_name"}
_CALL_SUMS: Final = ("calls", "unpriced_calls", "cost_usd")
_MARGIN_SUMS: Final = (
    "signals", "signals_without_revenue", "revenue_usd", "linked_cost_usd", "unclaimed_cost_usd", "value_usd",
    "margin_usd", "margin_known_usd",
)  # fmt: skip


@dataclass(frozen=True)
class MoneyFigures:
    """`calls` and `margins`: one row per window and combination of labels, with the label columns and the sums."""

    read_at: datetime
    calls: pl.DataFrame
    margins: pl.DataFrame


def read_money(lake: Lake, labels: Sequence[str], top: int, now: datetime) -> MoneyFigures:
    """The figures as of the newest commit; reads the rows of this month only."""
    month = window_at(Span("month"), now)
    with lake.reading() as tx:
        calls = _calls(tx, month)
        margins = _margins(tx, month)
    return MoneyFigures(
        now,
        bounded(calls, [name for name in _CALL_LABELS if name in labels], top, now),
        bounded(margins, [name for name in _MARGIN_LABELS if name in labels], top, now),
    )


def read_alerts(lake: Lake, now: datetime) -> tuple[Mapping[str, int], int]:
    """Alerts that fire in windows that are not over, by severity; and messages that wait for their delivery."""
    moment = f"'{now.isoformat()}'::TIMESTAMPTZ"
    firing = lake.read(
        f"SELECT severity, count(*) FROM alerts WHERE state = 'firing' AND window_end > {moment} GROUP BY ALL"
    )
    waiting = lake.read("SELECT count(*) FROM alerts WHERE delivered_at IS NULL AND next_attempt_at IS NOT NULL").item()
    return dict(firing.rows()), int(waiting)


def bounded(rows: pl.DataFrame, labels: Sequence[str], top: int, now: datetime) -> pl.DataFrame:
    """Sums of the day and the month by labels, for at most `top` combinations and `other`.

    rows: `day`, the label columns, `weight_usd`, and sums. A sum is NULL when nothing is known; `margin_usd` as soon
    as a part of it is not. Both windows have the same combinations.
    """
    sums = [name for name in rows.columns if name not in ("day", "weight_usd", *_CALL_LABELS, *_MARGIN_LABELS)]
    rows = rows.with_columns(pl.col(name).fill_null(NONE) for name in labels)
    if labels:
        ranked = rows.group_by(labels).agg(pl.col("weight_usd").sum())
        kept = ranked.sort("weight_usd", *labels, descending=[True, *(False for _ in labels)]).head(top)
        rows = rows.join(kept.select(*labels, kept=pl.lit(True)), on=labels, how="left").with_columns(
            pl.when("kept").then(pl.col(name)).otherwise(pl.lit(OTHER)).alias(name) for name in labels
        )
    month = rows.with_columns(window=pl.lit("month"))
    day = rows.filter(pl.col("day") == now.date()).with_columns(window=pl.lit("day"))
    return pl.concat([day, month]).group_by("window", *labels).agg(map(_sum, sums)).sort("window", *labels)


def _sum(name: str) -> pl.Expr:
    known = pl.col(name).drop_nulls()
    enough = known.len() == pl.len() if name == "margin_usd" else known.len() > 0
    return pl.when(enough).then(known.sum()).alias(name)


def _calls(tx: Transaction, month: Window) -> pl.DataFrame:
    rows = tx.read(
        "SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day, provider, "
        "coalesce(model, response_model, request_model) AS model, count(*) AS calls, "
        "count(*) FILTER (WHERE status = 'unpriced') AS unpriced_calls, sum(cost_usd) AS cost_usd "
        f"FROM billable_costs WHERE occurred_at >= '{month.start.isoformat()}'::TIMESTAMPTZ "
        f"AND occurred_at < '{month.end.isoformat()}'::TIMESTAMPTZ GROUP BY ALL"
    )
    return _typed(rows, _CALL_SUMS).with_columns(weight_usd=_known("cost_usd"))


def _margins(tx: Transaction, month: Window) -> pl.DataFrame:
    rows = tx.read(
        "SELECT day, product_id AS product, customer_id AS customer, event_name AS event, signals, "
        "signals_without_revenue, revenue_usd, linked_cost_usd, unclaimed_cost_usd, value_usd, margin_usd, "
        "coalesce(revenue_usd, 0) - linked_cost_usd - unclaimed_cost_usd AS margin_known_usd "
        f"FROM margin_daily WHERE day >= '{month.start:%Y-%m-%d}'::DATE AND day < '{month.end:%Y-%m-%d}'::DATE"
    )
    costs = _known("linked_cost_usd") + _known("unclaimed_cost_usd")
    return _typed(rows, _MARGIN_SUMS).with_columns(weight_usd=costs + _known("revenue_usd"))


def _typed(rows: pl.DataFrame, sums: Sequence[str]) -> pl.DataFrame:
    money = {name: MONEY_SUM if name.endswith("_usd") else pl.Int64() for name in sums}
    return rows.with_columns(pl.col(name).cast(dtype) for name, dtype in money.items())


def _known(name: str) -> pl.Expr:
    return pl.col(name).fill_null(pl.lit(Decimal(0), MONEY_SUM))
