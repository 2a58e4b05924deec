"""What an event earns: dated rules, the most specific one in force when it happened."""

from collections.abc import Iterator, Sequence
from itertools import product

import polars as pl

from analytics.frames import MONEY, divide_half_even, from_pico, int128, to_pico
from analytics.revenue_rules import RevenueError, RevenueRule, parse_rules

__all__ = ["RevenueError", "RevenueRule", "apply_revenue", "parse_rules", "rules_frame"]

QUANTITY = pl.Decimal(18, 6)
_MICRO = 10**6
_MONEY_LIMIT = 10**18
_MATCH = ("customer_id", "product_id", "event_name")


def rules_frame(rules: Sequence[RevenueRule]) -> pl.DataFrame:
    """The rules as a frame: what chooses a rule, its price_usd for a quantity of one, and where the quantity is."""
    return pl.DataFrame(
        {
            "rule_id": [rule.rule_id for rule in rules],
            **{name: [getattr(rule, name) for rule in rules] for name in _MATCH},
            "price_usd": [rule.price_usd for rule in rules],
            "quantity_path": [rule.quantity_path for rule in rules],
            "valid_from": [rule.valid_from for rule in rules],
            "valid_to": [rule.valid_to for rule in rules],
        },
        schema={
            "rule_id": pl.String,
            **dict.fromkeys(_MATCH, pl.String),
            "price_usd": MONEY,
            "quantity_path": pl.String,
            "valid_from": pl.Datetime("us", "UTC"),
            "valid_to": pl.Datetime("us", "UTC"),
        },
    )


def apply_revenue(signals: pl.DataFrame, rules: Sequence[RevenueRule]) -> pl.DataFrame:
    """Add revenue_usd Decimal(18, 12)|null and revenue_rule String|null to signals; their order stays.

    signals: customer_id, product_id, event_name, occurred_at, quantity Decimal(18, 6)|null, data (JSON String|null).
    The rule in force at occurred_at that names the most wins: a customer before a product before an event, then the
    latest valid_from, then the smaller rule_id. A quantity that is missing at the rule's path is 1; one that is no
    number or negative makes the revenue unknown, as does the lack of a rule: NULL, never zero. Exact, rounded half to
    even at 12 decimals.
    """
    numbered = signals.with_row_index("_row")
    matched = _matched(numbered, rules_frame(rules))
    priced = _priced(matched, numbered)
    return numbered.join(priced, on="_row", how="left", maintain_order="left").drop("_row")


def _matched(numbered: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """_row, revenue_rule, price_usd, quantity_path of the winning rule; rows without one are left out."""
    rules = rules.rename({"rule_id": "revenue_rule"})
    left = numbered.select("_row", *_MATCH, "occurred_at")
    found = []
    for names in _most_specific_first():
        named = [pl.col(name).is_not_null() if name in names else pl.col(name).is_null() for name in _MATCH]
        level = rules.filter(named)
        if level.is_empty() or left.is_empty():
            continue
        level = level.drop(name for name in _MATCH if name not in names)
        pairs = left.join(level, on=names, how="inner") if names else left.join(level, how="cross")
        moment = pl.col("occurred_at")
        in_force = (moment >= pl.col("valid_from")).fill_null(True) & (moment < pl.col("valid_to")).fill_null(True)
        best = (
            pairs.filter(in_force)
            .sort("_row", "valid_from", "revenue_rule", descending=[False, True, False], nulls_last=True)
            .unique("_row", keep="first", maintain_order=True)
            .select("_row", "revenue_rule", "price_usd", "quantity_path")
        )
        found.append(best)
        left = left.join(best, on="_row", how="anti")
    if not found:
        return rules.clear().select(pl.lit(0, pl.UInt32).alias("_row"), "revenue_rule", "price_usd", "quantity_path")
    return pl.concat(found)


def _most_specific_first() -> Iterator[list[str]]:
    for chosen in product((True, False), repeat=len(_MATCH)):
        yield [name for name, wanted in zip(_MATCH, chosen, strict=True) if wanted]


def _priced(matched: pl.DataFrame, numbered: pl.DataFrame) -> pl.DataFrame:
    frame = matched.join(numbered.select("_row", "quantity", "data"), on="_row", how="left")
    amount = pl.col("quantity").cast(QUANTITY)
    for path in matched["quantity_path"].drop_nulls().unique().sort():
        amount = pl.when(pl.col("quantity_path") == path).then(_quantity_at(path)).otherwise(amount)
    micro = to_pico(amount) // int128(_MICRO)
    revenue = divide_half_even(micro * to_pico(pl.col("price_usd")), int128(_MICRO))
    known = (micro >= 0) & (revenue < int128(_MONEY_LIMIT))
    return frame.select(
        "_row", from_pico(pl.when(known).then(revenue)).cast(MONEY).alias("revenue_usd"), "revenue_rule"
    )


def _quantity_at(path: str) -> pl.Expr:
    found = pl.col("data").str.json_path_match("$" + "".join(f"['{part}']" for part in path.split(".")))
    return pl.when(found.is_null()).then(pl.lit(1).cast(QUANTITY)).otherwise(found.cast(QUANTITY, strict=False))
