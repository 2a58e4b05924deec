"""Shares of a cost, exact to the picodollar."""

import polars as pl

from analytics.frames import MONEY, from_pico, to_pico


def split_evenly(bearers: pl.DataFrame) -> pl.DataFrame:
    """Replace cost_usd, the whole cost on every row, by the share of that row.

    bearers: cost_id, signal_id (unique together), cost_usd Decimal(18, 12)|null. The shares of a cost add up to it
    exactly: each gets the whole picodollars of the quotient, and what is left over goes one picodollar each to the
    first signals in the order of their ids (equal shares have equal remainders, so the largest-remainder method comes
    down to that order). An unknown cost has unknown shares.
    """
    sharers = pl.len().over("cost_id").cast(pl.Int128)
    place = pl.int_range(pl.len()).over("cost_id").cast(pl.Int128)
    cost = to_pico(pl.col("cost_usd"))
    return (
        bearers.sort("cost_id", "signal_id")
        .with_columns(_cost=cost, _sharers=sharers, _place=place)
        .with_columns(
            cost_usd=from_pico(
                pl.col("_cost") // pl.col("_sharers")
                + (pl.col("_place") < pl.col("_cost") % pl.col("_sharers")).cast(pl.Int128)
            ).cast(MONEY)
        )
        .drop("_cost", "_sharers", "_place")
    )
