"""Which rule an event earns by: the most specific one in force when it happened."""

from collections.abc import Iterator, Sequence
from itertools import product

import polars as pl

from analytics.revenue_rules import RevenueRule

NAMES = ("customer_id", "product_id", "event_name")
_TIME = pl.Datetime("us", "UTC")


def match_rules(signals: pl.DataFrame, rules: Sequence[RevenueRule]) -> pl.Series:
    """The place in `rules` of each signal's rule, UInt32, null where none is in force; in the order of signals.

    signals: customer_id, product_id, event_name, occurred_at. The rule in force at occurred_at that names the most
    wins: a customer before a product before an event, then the latest valid_from, then the smaller rule_id.
    """
    left = signals.select(*NAMES, "occurred_at").with_row_index("_row")
    places = left.select("_row")
    known = _frame(rules)
    found = []
    for names in _most_specific_first():
        named = [pl.col(name).is_not_null() if name in names else pl.col(name).is_null() for name in NAMES]
        level = known.filter(named)
        if level.is_empty() or left.is_empty():
            continue
        level = level.drop(name for name in NAMES if name not in names)
        pairs = left.join(level, on=names, how="inner") if names else left.join(level, how="cross")
        moment = pl.col("occurred_at")
        in_force = (moment >= pl.col("valid_from")).fill_null(True) & (moment < pl.col("valid_to")).fill_null(True)
        best = (
            pairs.filter(in_force)
            .sort("_row", "valid_from", "rule_id", descending=[False, True, False], nulls_last=True)
            .unique("_row", keep="first", maintain_order=True)
            .select("_row", "rule")
        )
        found.append(best)
        left = left.join(best, on="_row", how="anti")
    if not found:
        return pl.Series("rule", [None] * signals.height, dtype=pl.UInt32)
    return places.join(pl.concat(found), on="_row", how="left", maintain_order="left")["rule"]


def _frame(rules: Sequence[RevenueRule]) -> pl.DataFrame:
    """What chooses a rule, and its place."""
    return pl.DataFrame(
        {
            "rule": range(len(rules)),
            "rule_id": [rule.rule_id for rule in rules],
            **{name: [getattr(rule, name) for rule in rules] for name in NAMES},
            "valid_from": [rule.valid_from for rule in rules],
            "valid_to": [rule.valid_to for rule in rules],
        },
        schema={
            "rule": pl.UInt32,
            "rule_id": pl.String,
            **dict.fromkeys(NAMES, pl.String),
            "valid_from": _TIME,
            "valid_to": _TIME,
        },
    )


def _most_specific_first() -> Iterator[list[str]]:
    for chosen in product((True, False), repeat=len(NAMES)):
        yield [name for name, wanted in zip(NAMES, chosen, strict=True) if wanted]
