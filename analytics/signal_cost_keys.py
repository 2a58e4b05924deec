"""Which span, call and cost an event's `costData` became: the event's id without its prefix is their trace id.

An id is enough both ways, so an event finds its cost and a cost its event without a column or a look-up of their own.
"""

import polars as pl

from analytics.frames import SPAN_KEY
from receiver.dialects.cost_data import COST_DATA, SCOPE
from receiver.signals.cost_data import says_cost

SOURCE = "signal"
"""`costs.source` of costs that events state."""

_PREFIX = "sig_"
_ID = r"^sig_[0-9a-f]{32}$"
_SPAN_DIGITS = 16


def cost_keys(signals: pl.DataFrame) -> pl.DataFrame:
    """The signals that may state a cost, with trace_id and span_id (SPAN_KEY) of its span in place of their own.

    signals: signal_id, data and whatever else. Rows keep their order.
    """
    trace_id = pl.col("signal_id").str.slice(len(_PREFIX))
    return signals.filter(says_cost(pl.col("data")) & pl.col("signal_id").str.contains(_ID)).with_columns(
        trace_id=trace_id, span_id=trace_id.str.tail(_SPAN_DIGITS)
    )


def bearers_of(costs: pl.DataFrame) -> pl.DataFrame:
    """signal_id of the events that state those of the costs that any does. costs: trace_id, dialect, scope_name."""
    return costs.filter(is_stated()).select(bearer().alias("signal_id")).unique()


def is_stated() -> pl.Expr:
    """Whether a call (dialect, scope_name) is a cost that an event states; never null."""
    # the scope alone could be anybody's
    stated = (pl.col("dialect") == COST_DATA.name) & (pl.col("scope_name") == SCOPE)
    return stated.fill_null(value=False)


def bearer() -> pl.Expr:
    """The signal_id of the event that states a cost, from its trace_id."""
    return pl.concat_str(pl.lit(_PREFIX), "trace_id")


def served_by_signals(spans: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """The spans; those of costs that events state serve whom their event serves.

    spans: the result of `inherit`. signals: signal_id, data, customer_id, product_id after inheritance. Rows keep their
    order.
    """
    known = cost_keys(signals)
    if known.is_empty():
        return spans
    whom = known.select(
        *SPAN_KEY,
        pl.col("customer_id").alias("_customer"),
        pl.col("product_id").alias("_product"),
        pl.lit(value=True).alias("_stated"),
    )
    stated = pl.col("_stated").fill_null(value=False)
    return (
        spans.join(whom, on=SPAN_KEY, how="left", maintain_order="left")
        .with_columns(
            customer_id=pl.when(stated).then("_customer").otherwise("customer_id"),
            product_id=pl.when(stated).then("_product").otherwise("product_id"),
        )
        .drop("_customer", "_product", "_stated")
    )
