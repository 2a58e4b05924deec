"""What each event earned, cost, and left over."""

import polars as pl

from analytics.event_rules import EventRules
from analytics.frames import (
    EVENT_MARGINS,
    MONEY,
    MONEY_SUM,
    conform,
    divide_half_even,
    from_pico,
    int128,
    to_pico,
)
from analytics.link import SHARED
from analytics.revenue import apply_revenue

PERCENT = pl.Decimal(18, 6)
_PERCENT_LIMIT = 10**18
_WORTH = {"signal_id": pl.String(), "value_usd": MONEY}
_MICRO_PERCENT = 100 * 10**6


def margins(
    signals: pl.DataFrame,
    cost_links: pl.DataFrame,
    costs: pl.DataFrame,
    rules: EventRules,
    others: pl.DataFrame | None = None,
    worth: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rows of the table `event_margins` without its bookkeeping: one per signal.

    signals: the columns of the table `signals` after inheritance. cost_links: all links of these signals. costs:
    cost_id, status and whole cost_usd of the costs linked. rules: what the events earn. others: the other events of
    their billing periods (see `apply_revenue`). worth: signal_id, value_usd of those that deliver a known value.

    cost_status: 'untraced' (not cost traced, or nothing to trace by: no trace, and no scope with a customer; and it
    states no cost itself): cost NULL. 'no_calls': cost 0. 'complete': every call's cost is known. 'partial': cost_usd
    is the known part. 'unpriced': no call's cost is known: cost NULL. The margin is NULL unless revenue is known and
    the cost is complete.
    With `attribution` 'each' an event shows costs that it shares in full, and says so in cost_repeated.
    """
    calls = cost_links.select("signal_id", "cost_id", "cost_usd", "rule").join(
        costs.select("cost_id", "status", pl.col("cost_usd").alias("whole")), on="cost_id", how="left"
    )
    shared = pl.col("rule").str.ends_with(SHARED) & pl.lit(rules.attribution == "each")
    calls = calls.with_columns(
        shared=shared,
        unpriced=pl.col("status") == "unpriced",
        cost_usd=pl.when(shared).then(pl.col("whole").cast(MONEY)).otherwise("cost_usd"),
    )
    borne = calls.group_by("signal_id").agg(
        pl.col("cost_usd").sum().alias("known_cost"),
        pl.len().cast(pl.Int64).alias("model_calls"),
        pl.col("unpriced").sum().cast(pl.Int64).alias("unpriced_calls"),
        pl.col("shared").any().alias("cost_repeated"),
    )
    frame = signals.join(borne, on="signal_id", how="left", maintain_order="left")
    return margins_by_cost(frame, rules, others, worth)


def margins_by_cost(
    events: pl.DataFrame, rules: EventRules, others: pl.DataFrame | None = None, worth: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Like `margins`, of signals with what they bear: known_cost Decimal(38, 12), the sum of the costs that are known;
    model_calls and unpriced_calls Int64, how many calls and how many of these at no known cost; cost_repeated Boolean.
    All are null for a signal without links.
    """
    frame = events.with_columns(
        pl.col("model_calls", "unpriced_calls").fill_null(0),
        pl.col("cost_repeated").fill_null(False),
        cost_status=_status(),
    )
    worth = pl.DataFrame(schema=_WORTH) if worth is None else worth
    frame = frame.join(worth, on="signal_id", how="left", maintain_order="left")
    # what an event earns may hang on what it cost
    frame = apply_revenue(frame, rules.revenue, rules.fx, others)
    known = ~pl.col("cost_status").is_in(["untraced", "unpriced"])
    # Decimal sums keep 12 decimals exactly; an event without calls cost nothing, which is known
    frame = frame.with_columns(cost_usd=_fitting(pl.when(known).then(pl.col("known_cost").fill_null(0)), "cost_usd"))
    return conform(with_margin(frame), EVENT_MARGINS)


def with_margin(frame: pl.DataFrame) -> pl.DataFrame:
    """Set margin_usd and margin_pct by revenue_usd, cost_usd and cost_status; columns that are there are replaced."""
    complete = pl.col("cost_status").is_in(["complete", "no_calls"])
    margin = pl.when(complete).then(pl.col("revenue_usd").cast(MONEY_SUM) - pl.col("cost_usd"))
    return frame.with_columns(margin_usd=_fitting(margin, "margin_usd")).with_columns(margin_pct=_percent())


def _fitting(money: pl.Expr, column: str) -> pl.Expr:
    """A sum that the table has no room for (a million dollars an event) must not stop everybody else's rows."""
    return money.cast(EVENT_MARGINS[column], strict=False)


def _status() -> pl.Expr:
    by_scope = pl.col("cost_scope").is_not_null() & pl.col("customer_id").is_not_null()
    by_trace = pl.col("cost_scope").is_null() & pl.col("trace_id").is_not_null()
    calls, unpriced = pl.col("model_calls").fill_null(0), pl.col("unpriced_calls").fill_null(0)
    return (
        pl.when(~(pl.col("cost_traced") & (by_scope | by_trace)) & (calls == 0))
        .then(pl.lit("untraced"))
        .when(calls == 0)
        .then(pl.lit("no_calls"))
        .when(unpriced == 0)
        .then(pl.lit("complete"))
        .when(unpriced < calls)
        .then(pl.lit("partial"))
        .otherwise(pl.lit("unpriced"))
    )


def _percent() -> pl.Expr:
    """100 * margin / revenue, rounded half to even at 6 decimals; NULL when revenue is 0 or the result has no room."""
    revenue = to_pico(pl.col("revenue_usd"))
    divisor = pl.when(revenue > 0).then(revenue)
    micro = divide_half_even(to_pico(pl.col("margin_usd")) * int128(_MICRO_PERCENT), divisor)
    fits = micro.abs() < int128(_PERCENT_LIMIT)
    # from_pico reads 12 decimals, the percentage has 6
    return from_pico(pl.when(fits).then(micro) * int128(10**6)).cast(PERCENT)
