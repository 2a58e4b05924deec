"""The sums of a what-if: actual figures beside what they would have been, and the difference."""

from collections.abc import Sequence

import polars as pl

from analytics.frames import MONEY_SUM

BY = ("day", "customer_id", "product_id", "event", "model")
"""What figures can be grouped by. A revenue belongs to no model: grouped by models there are costs only."""

FACTS = pl.Schema(
    {
        "day": pl.Date(),
        **dict.fromkeys(("customer_id", "product_id", "event", "model"), pl.String()),
        **dict.fromkeys(("events", "calls", "unpriced_calls", "new_unpriced_calls"), pl.Int64()),
        **dict.fromkeys(("revenue_usd", "new_revenue_usd", "cost_usd", "new_cost_usd", "gain_usd"), MONEY_SUM),
        **dict.fromkeys(("no_revenue", "new_no_revenue", "no_cost", "new_no_cost"), pl.Int64()),
    }
)
"""What is added up. no_revenue and no_cost: how many are missing from the sums. new_: the same of what would be.
gain_usd: what more is left, of the revenues and costs that are known in both.

A call is counted with the first of the events that share it, but its cost is missing from each of them.
"""


def summed(facts: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """FACTS added up by some of BY; what is unknown counts as nothing, which no_revenue and no_cost tell."""
    measures = [pl.col(name).sum() for name in FACTS if name not in BY]
    if keys:
        return facts.group_by(keys).agg(measures)
    return facts.select(measures)


def told(facts: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """FACTS as people read them, by some of BY, sorted by these; money is Decimal(38, 12).

    revenue_usd and cost_usd are the known parts. margin_usd and difference_usd are NULL when anything they need is
    unknown; margin_known_usd is what the known parts leave, and difference_known_usd adds up what is known in both.
    whatif_: what would be.
    """
    rows = summed(facts, by)
    rows = rows.with_columns(
        _margin("").alias("margin_usd"),
        _margin("new_").alias("whatif_margin_usd"),
        margin_known_usd=pl.col("revenue_usd") - pl.col("cost_usd"),
        whatif_margin_known_usd=pl.col("new_revenue_usd") - pl.col("new_cost_usd"),
        cost_difference_usd=_both_known(pl.col("new_cost_usd") - pl.col("cost_usd")),
    ).with_columns(difference_usd=pl.col("whatif_margin_usd") - pl.col("margin_usd"))
    costs: list[str | pl.Expr] = [
        *by,
        "calls",
        "unpriced_calls",
        "cost_usd",
        pl.col("new_unpriced_calls").alias("whatif_unpriced_calls"),
        pl.col("new_cost_usd").alias("whatif_cost_usd"),
        "cost_difference_usd",
    ]
    margins: list[str | pl.Expr] = [
        "events",
        "revenue_usd",
        "margin_usd",
        "margin_known_usd",
        pl.col("new_revenue_usd").alias("whatif_revenue_usd"),
        "whatif_margin_usd",
        "whatif_margin_known_usd",
        "difference_usd",
        pl.col("gain_usd").alias("difference_known_usd"),
    ]
    order = rows.sort(by, nulls_last=True) if by else rows
    if "model" in by:
        # rows of events have no model
        return order.filter(pl.col("model").is_not_null() | (pl.col("calls") > 0)).select(costs)
    return order.select(*costs, *margins)


def _margin(prefix: str) -> pl.Expr:
    known = (pl.col(f"{prefix}no_revenue") == 0) & (pl.col(f"{prefix}no_cost") == 0)
    return pl.when(known).then(pl.col(f"{prefix}revenue_usd") - pl.col(f"{prefix}cost_usd"))


def _both_known(money: pl.Expr) -> pl.Expr:
    return pl.when((pl.col("no_cost") == 0) & (pl.col("new_no_cost") == 0)).then(money)
