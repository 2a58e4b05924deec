"""The revenue rules as the lake keeps them: what `import` and `relink` use when no configuration file names any."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import orjson
import polars as pl

from analytics.event_rules import EventRules
from analytics.period_mates import settle_periods
from analytics.recompute import refresh_margins
from analytics.revenue_rules import RevenueRule
from lake.commit import Transaction
from lake.connect import Lake
from lake.schema import TABLES

_SCHEMA = TABLES["revenue_rules"].polars_schema
_FIELDS = {"condition": "when"}
"""Columns that are named otherwise than the rule's field, whose name is a word of SQL."""


def stored_rules(lake: Lake) -> list[dict[str, Any]]:
    """The rules in the lake, as entries that `parse_rules` reads."""
    rows = lake.read("SELECT * FROM revenue_rules ORDER BY rule_id")
    return [
        {_FIELDS.get(key, key): value for key, value in row.items() if value is not None}
        for row in rows.iter_rows(named=True)
    ]


def adopt_rules(lake: Lake, rules: EventRules) -> int:
    """Make these the lake's rules; when they differ from what it has, margins are worked out again: of the customers
    whom the differences name, or of everybody where one of them names none.

    Returns how many rows of event_margins changed.
    """
    wanted = pl.DataFrame([_row(rule) for rule in rules.revenue], schema=_SCHEMA, orient="row")

    def work(tx: Transaction) -> int:
        held = tx.read("SELECT * FROM revenue_rules").cast(_SCHEMA)
        if held.sort("rule_id").equals(wanted.sort("rule_id")):
            return 0
        changed = pl.concat([held, wanted]).filter(~pl.concat([held, wanted]).is_duplicated())
        tx.delete("revenue_rules", held.select("rule_id"))
        tx.append("revenue_rules", wanted)
        concerned = changed.select("customer_id").unique()
        everyone = concerned["customer_id"].null_count() > 0
        signals = tx.read(
            "SELECT * FROM signals" + ("" if everyone else " WHERE customer_id IN (SELECT customer_id FROM concerned)"),
            concerned=concerned,
        )
        return refresh_margins(tx, signals.cast(TABLES["signals"].polars_schema), rules)

    return lake.run(work) + settle_periods(lake, rules)


def _row(rule: RevenueRule) -> list[object]:
    """The rule as a row; what it does not say is NULL."""
    said: dict[str, object] = {name: getattr(rule, _FIELDS.get(name, name)) for name in _SCHEMA}
    said |= {name: _json([_given(asdict(each)) for each in getattr(rule, name)]) for name in ("tiers", "brackets")}
    if rule.when is not None:
        when = {"field": rule.when.path, "operator": rule.when.comparison, "value": rule.when.value}
        said["condition"] = _json(_given(when))
    said["period_months"] = rule.period_months if rule.by_period else None
    said["spread"] = rule.spread or None
    return list(said.values())


def _given(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}


def _json(content: object) -> str | None:
    """JSON whose numbers are as exact as the amounts; None for nothing."""
    return orjson.dumps(content, default=_as_written).decode() if content else None


def _as_written(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    raise TypeError(f"not a JSON value: {type(value).__name__}")
