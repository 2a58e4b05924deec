"""The revenue rules as the lake keeps them: what `import` and `relink` use when no configuration file names any."""

from typing import Any

import polars as pl

from analytics.event_rules import EventRules
from analytics.recompute import refresh_margins
from lake.commit import Transaction
from lake.connect import Lake
from lake.schema import TABLES

_SCHEMA = TABLES["revenue_rules"].polars_schema


def stored_rules(lake: Lake) -> list[dict[str, Any]]:
    """The rules in the lake, as entries that `parse_rules` reads."""
    rows = lake.read("SELECT * FROM revenue_rules ORDER BY rule_id")
    return [{key: value for key, value in row.items() if value is not None} for row in rows.iter_rows(named=True)]


def adopt_rules(lake: Lake, rules: EventRules) -> int:
    """Make these the lake's rules; when they differ from what it has, every event's margin is worked out again.

    Returns how many rows of event_margins changed.
    """
    wanted = pl.DataFrame(
        [[getattr(rule, name) for name in _SCHEMA] for rule in rules.revenue], schema=_SCHEMA, orient="row"
    )

    def work(tx: Transaction) -> int:
        held = tx.read("SELECT * FROM revenue_rules").cast(_SCHEMA)
        if held.sort("rule_id").equals(wanted.sort("rule_id")):
            return 0
        tx.delete("revenue_rules", held.select("rule_id"))
        tx.append("revenue_rules", wanted)
        signals = tx.read("SELECT * FROM signals")
        return refresh_margins(tx, signals.cast(TABLES["signals"].polars_schema), rules)

    return lake.run(work)
