"""Margins of many plain events at once: DuckDB adds up what each bears and finds its row, the pure stages do the rest.

Rows are matched by their ids. Texts that are only compared stay in DuckDB.
"""

from dataclasses import dataclass

import polars as pl

from analytics.event_rules import EventRules
from analytics.frames import EVENT_MARGINS, MONEY_SUM
from analytics.margin import margins_by_cost
from analytics.period import Period
from analytics.plain import Read
from analytics.value import event_values
from lake.schema import TABLES

_SIGNALS = TABLES["signals"].polars_schema
_WHO = ("event_name", "customer_id", "product_id", "occurred_at")
"""What a margin has of its event as it is."""

_COMPARED = tuple(name for name in EVENT_MARGINS if name not in ("signal_id", *_WHO))
_BORNE = {"known_cost": MONEY_SUM, "model_calls": pl.Int64(), "unpriced_calls": pl.Int64()}


@dataclass(frozen=True)
class Compared:
    """What events should have and do not.

    margins: rows of `event_margins` without bookkeeping that are missing or differ, and whether a row is `there`.
    values: all rows of `event_values` of these events, None where nothing says what events are worth.
    signals: signal_id of all events looked at.
    """

    margins: pl.DataFrame
    values: pl.DataFrame | None
    signals: pl.DataFrame


def compare(read: Read, period: Period, rules: EventRules, others: pl.DataFrame, loose: pl.DataFrame) -> Compared:
    """Work out the margins of a period's events, but for those of `others` (trace_id) and `loose` (signal_id)."""
    stored = ", ".join(f"m.{name} AS {name}_was" for name in _COMPARED)
    same = " AND ".join(f"m.{name} IS NOT DISTINCT FROM s.{name}" for name in _WHO)
    left_out = "(s.trace_id IS NULL OR s.trace_id NOT IN (FROM others)) AND s.signal_id NOT IN (FROM loose)"
    aside = others.height or loose.height
    within, borne_in = (period.condition(column) for column in ("occurred_at", "event_at"))
    events = read(
        f"""
        SELECT {_columns(rules)}, b.known_cost, b.calls AS calls_borne, b.calls - b.priced AS unpriced_borne,
               m.signal_id IS NOT NULL AS there, {same} AS same, {stored}
        FROM (SELECT * FROM signals WHERE {within}) AS s
        LEFT JOIN (
            SELECT signal_id, sum(cost_usd) AS known_cost, count(*) AS calls, count(cost_usd) AS priced
            FROM cost_links WHERE {borne_in} GROUP BY signal_id
        ) AS b ON b.signal_id = s.signal_id
        LEFT JOIN (SELECT * FROM event_margins WHERE {within}) AS m ON m.signal_id = s.signal_id
        WHERE {left_out if aside else "true"}
        """,
        others=others,
        loose=loose,
    )
    signals = events.select(pl.col(name).cast(kind) for name, kind in _SIGNALS.items() if name in events.columns)
    values, worth = event_values(signals, rules) if rules.value else (None, None)
    borne = events.select(
        pl.col("known_cost").fill_null(0).cast(_BORNE["known_cost"]),
        pl.col("calls_borne").cast(_BORNE["model_calls"]).alias("model_calls"),
        pl.col("unpriced_borne").cast(_BORNE["unpriced_calls"]).alias("unpriced_calls"),
        pl.lit(False).alias("cost_repeated"),
    )
    rows = margins_by_cost(signals.hstack(borne), rules, worth=worth)
    was = events.select(pl.col(f"{name}_was").cast(EVENT_MARGINS[name]) for name in _COMPARED)
    now = rows.hstack(was).hstack(events.select("there", "same"))
    unchanged = [pl.col(name).eq_missing(pl.col(f"{name}_was")) for name in _COMPARED]
    wrong = now.filter(~(pl.col("there") & pl.col("same") & pl.all_horizontal(unchanged)))
    return Compared(wrong.select(*EVENT_MARGINS, "there"), values, signals.select("signal_id"))


def _columns(rules: EventRules) -> str:
    """SQL of the columns of events that the stages look at; those that they do not are NULL or short."""
    if rules.value:
        return "s.*"
    texts = ("quantity_path", "revenue_path", "currency_path", "when")
    reads_data = any(getattr(rule, name) is not None for rule in rules.revenue for name in texts)
    return (
        "s.signal_id, s.event_name, s.customer_id, s.product_id, s.occurred_at, s.cost_scope, s.cost_traced, "
        # only whether there is one matters
        "s.quantity, CASE WHEN s.trace_id IS NOT NULL THEN '' END AS trace_id, "
        f"{'s.data' if reads_data else 'NULL::JSON'} AS data"
    )
