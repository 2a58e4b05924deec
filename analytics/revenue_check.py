"""Do the revenue rules fit each other and the events that came? Rules that never hold, events that earn by none."""

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from analytics.revenue_match import NAMES, match_rules
from analytics.revenue_rules import RevenueRule
from lake.connect import Lake
from lake.definitions import quoted

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)

SEEN = pl.Schema({**dict.fromkeys(NAMES, pl.String()), "occurred_at": pl.Datetime("us", "UTC"), "events": pl.Int64()})
"""Events of a kind, and how many: customer and product only where a rule names them, the first in a stretch of time in
which no rule begins or ends.
"""

FINDINGS = pl.Schema(
    {
        "finding": pl.String(),
        "rule": pl.String(),
        "event": pl.String(),
        "product": pl.String(),
        "events": pl.Int64(),
        "detail": pl.String(),
    }
)
"""finding: 'shadowed' (another rule for the same always wins), 'no_event' (nothing that came earns by it), 'no_rule'
(these events earn by none: their revenue is unknown). events: how many.
"""


def seen_events(lake: Lake, rules: Sequence[RevenueRule]) -> pl.DataFrame:
    """The events of the lake as far as these rules can tell them apart, with the columns of `SEEN`."""
    moments = sorted({at for rule in rules for at in (rule.valid_from, rule.valid_to) if at is not None})
    stretch = " + ".join(f"(occurred_at >= '{at.astimezone(UTC).isoformat()}'::TIMESTAMPTZ)::INTEGER" for at in moments)
    customers = _named("customer_id", [rule.customer_id for rule in rules])
    # products are shown where an event has no rule, so they are told apart all the same
    found = lake.read(
        "SELECT customer_id, product_id, event_name, min(occurred_at) AS occurred_at, count(*) AS events "
        f"FROM (SELECT {customers} AS customer_id, product_id, event_name, occurred_at, {stretch or '0'} AS stretch "
        "FROM signals) GROUP BY customer_id, product_id, event_name, stretch"
    )
    return found.select(pl.col(name).cast(kind) for name, kind in SEEN.items())


def _named(column: str, names: Sequence[str | None]) -> str:
    known = sorted({name for name in names if name is not None})
    return f"CASE WHEN {column} IN ({', '.join(map(quoted, known))}) THEN {column} END" if known else "NULL::VARCHAR"


def findings(rules: Sequence[RevenueRule], seen: pl.DataFrame) -> pl.DataFrame:
    """What does not fit, with the columns of `FINDINGS`. seen: `SEEN`."""
    return pl.concat([_shadowed(rules), _without_events(rules, seen), _without_rule(rules, seen)])


def shadows(rule: RevenueRule, rules: Sequence[RevenueRule]) -> list[RevenueRule]:
    """The rules for the same customer, product and event that together win at every moment at which it is in force;
    empty when there is a moment at which it counts.
    """
    winners = [other for other in rules if _selects(other) == _selects(rule) and _beats(other, rule)]
    now, end = rule.valid_from or _BEGINNING, rule.valid_to or _END
    used: list[RevenueRule] = []
    for other in sorted(winners, key=lambda one: one.valid_from or _BEGINNING):
        if (other.valid_from or _BEGINNING) <= now < (other.valid_to or _END):
            used.append(other)
            now = other.valid_to or _END
    return used if now >= end else []


def _selects(rule: RevenueRule) -> tuple[str | None, ...]:
    return rule.customer_id, rule.product_id, rule.event_name


def _beats(one: RevenueRule, other: RevenueRule) -> bool:
    """Whether it counts where both are in force and select the same."""
    mine, its = (rule.valid_from or _BEGINNING for rule in (one, other))
    return mine > its or (mine == its and one.rule_id < other.rule_id)


def _shadowed(rules: Sequence[RevenueRule]) -> pl.DataFrame:
    rows = []
    for rule in rules:
        if others := shadows(rule, rules):
            names = ", ".join(other.rule_id for other in others)
            rows.append(_row("shadowed", rule, None, f"never counts: {names} holds for the same and goes before"))
    return pl.DataFrame(rows, schema=FINDINGS, orient="row")


def _without_events(rules: Sequence[RevenueRule], seen: pl.DataFrame) -> pl.DataFrame:
    counting = set(match_rules(seen, rules).drop_nulls().to_list())
    rows = []
    for place, rule in enumerate(rules):
        if place in counting or shadows(rule, rules):
            continue
        alone = seen.filter(match_rules(seen, [rule]).is_not_null())
        if alone.is_empty():
            rows.append(_row("no_event", rule, 0, "no event that came is of this customer, product, name and time"))
            continue
        winners = sorted({rules[other].rule_id for other in match_rules(alone, rules).drop_nulls().to_list()})
        rows.append(_row("no_event", rule, int(alone["events"].sum()), f"all of them earn by {', '.join(winners)}"))
    return pl.DataFrame(rows, schema=FINDINGS, orient="row")


def _without_rule(rules: Sequence[RevenueRule], seen: pl.DataFrame) -> pl.DataFrame:
    left = seen.filter(match_rules(seen, rules).is_null())
    return (
        left.group_by("event_name", "product_id")
        .agg(pl.col("events").sum())
        .sort("events", "event_name", "product_id", descending=[True, False, False], nulls_last=True)
        .select(
            pl.lit("no_rule").alias("finding"),
            pl.lit(None, pl.String).alias("rule"),
            pl.col("event_name").alias("event"),
            pl.col("product_id").alias("product"),
            "events",
            pl.lit("their revenue is unknown").alias("detail"),
        )
        .cast(FINDINGS)
    )


def _row(finding: str, rule: RevenueRule, events: int | None, detail: str) -> tuple[object, ...]:
    return finding, rule.rule_id, rule.event_name, rule.product_id, events, detail
