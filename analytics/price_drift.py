"""Where what calls cost in the lake drifts from what others say: a newer price book, or the senders themselves."""

from decimal import Decimal

import polars as pl

from analytics.frames import MONEY_SUM, divide_half_even, from_pico, int128, to_pico
from analytics.reprice_difference import Difference
from lake.connect import Lake

DRIFT = pl.Schema(
    {
        "check": pl.String(),
        "day": pl.Date(),
        "provider": pl.String(),
        "model": pl.String(),
        "calls": pl.Int64(),
        "lake_usd": MONEY_SUM,
        "other_usd": MONEY_SUM,
        "difference_usd": MONEY_SUM,
        "drift_pct": pl.Decimal(38, 6),
        "worst_cost_id": pl.String(),
    }
)
"""One row of drift.

check: 'catalog' (the other price book charges another price), 'unpriced' (it knows a price where the lake has none),
'reported' (the senders report another cost). difference_usd: other less lake; drift_pct: that in percent of the lake's
cost, NULL when there is none. worst_cost_id: the call furthest apart, for 'reported'.
"""

_MICRO_PERCENT = 100 * 10**6


def catalog_drift(found: Difference, tolerance_pct: Decimal) -> pl.DataFrame:
    """Models that another price book prices otherwise by more than the tolerance, or prices at all (DRIFT)."""
    models = found.by("provider", "model")
    known = models.filter(pl.col("changed") > pl.col("newly_priced")).select(
        pl.lit("catalog").alias("check"),
        "provider",
        "model",
        "calls",
        pl.col("before_usd").alias("lake_usd"),
        (pl.col("after_usd") - pl.col("newly_priced_usd")).alias("other_usd"),
    )
    unknown = models.filter(pl.col("newly_priced") > 0).select(
        pl.lit("unpriced").alias("check"),
        "provider",
        "model",
        pl.col("newly_priced").alias("calls"),
        pl.lit(None, MONEY_SUM).alias("lake_usd"),
        pl.col("newly_priced_usd").alias("other_usd"),
    )
    return pl.concat([_conform(known).filter(_beyond(tolerance_pct)), _conform(unknown)])


def reported_drift(lake: Lake, tolerance_pct: Decimal) -> pl.DataFrame:
    """Days and models for which the senders report another cost than ours by more than the tolerance (DRIFT)."""
    rows = lake.read(
        "SELECT 'reported' AS check, day, provider, model, calls, cost_usd AS lake_usd, "
        "reported_cost_usd AS other_usd, worst_cost_id FROM reported_costs_daily ORDER BY day, provider, model"
    )
    return _conform(rows).filter(_beyond(tolerance_pct))


def _conform(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with all columns of DRIFT; difference and percentage are worked out exactly."""
    missing = [pl.lit(None, DRIFT[name]).alias(name) for name in ("day", "worst_cost_id") if name not in rows.columns]
    apart = pl.col("other_usd") - pl.col("lake_usd")
    rows = rows.with_columns(*missing, pl.col("lake_usd", "other_usd").cast(MONEY_SUM))
    rows = rows.with_columns(apart.alias("difference_usd"))
    divisor = to_pico(pl.when(pl.col("lake_usd") > 0).then("lake_usd"))
    micro = divide_half_even(to_pico(pl.col("difference_usd")) * int128(_MICRO_PERCENT), divisor)
    # from_pico reads 12 decimals, a percentage has 6.
    percent = from_pico(micro * int128(10**6)).cast(DRIFT["drift_pct"])
    return rows.with_columns(percent.alias("drift_pct")).select(
        pl.col(name).cast(dtype) for name, dtype in DRIFT.items()
    )


def _beyond(tolerance_pct: Decimal) -> pl.Expr:
    """Whether the difference is more than so many percent of the lake's cost; any is where that cost is nothing."""
    return (pl.col("difference_usd") != 0) & (
        pl.col("drift_pct").is_null() | (pl.col("drift_pct").abs() > pl.lit(tolerance_pct))
    )
