"""Which signal bears which cost: what it states itself, then by scope, then by trace."""

import polars as pl

from analytics.frames import COST_LINKS, conform
from analytics.signal_cost_keys import SOURCE, bearer
from analytics.split import split_evenly

SHARED = "_split"
"""How the rule of a link ends whose cost several signals share."""


def link(costs: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table `cost_links`: every billable cost that some signal bears, split evenly when several do.

    costs: cost_id, source, status, trace_id, link_trace_id, cost_scope, customer_id, product_id, occurred_at, cost_usd.
    signals: signal_id, trace_id, cost_scope, cost_traced, customer_id, product_id, occurred_at.

    A signal bears the cost that it states in its data, alone, and whether it is cost-traced or not.
    A signal that claims a scope bears the costs stamped with it for the same customer and product (a missing product
    equals only a missing product; a missing customer equals nothing). A cost-traced signal without a claim bears the
    costs of its trace that no scope claimed, unless both name a customer and they differ. Aggregates are never linked;
    unpriced calls are, with a NULL cost, so that an event knows what it does not know.
    """
    billable = costs.filter(pl.col("status") != "aggregate").select(
        "cost_id", "source", "trace_id", "link_trace_id", "cost_scope", "customer_id", "product_id", "occurred_at",
        "cost_usd",
    )  # fmt: skip
    stated, billable = billable.filter(pl.col("source") == SOURCE), billable.filter(pl.col("source") != SOURCE)
    traced = signals.filter(pl.col("cost_traced")).select(
        "signal_id", "trace_id", "cost_scope", "customer_id", "product_id", pl.col("occurred_at").alias("event_at")
    )
    by_scope = _by_scope(billable, traced)
    by_trace = _by_trace(billable, traced, by_scope)
    pairs = pl.concat(
        [
            _by_statement(stated, signals).with_columns(rule=pl.lit("stated")),
            by_scope.with_columns(rule=pl.lit("scope")),
            by_trace.with_columns(rule=pl.lit("trace")),
        ],
        how="vertical",
    )
    shared = pairs["cost_id"].is_duplicated()
    if not shared.any():
        return conform(pairs, COST_LINKS)
    split = split_evenly(pairs.filter(shared)).with_columns(rule=pl.col("rule") + SHARED)
    return pl.concat([conform(pairs.filter(~shared), COST_LINKS), conform(split, COST_LINKS)])


_PAIR = ("cost_id", "signal_id", "cost_usd", "trace_id", "occurred_at", "event_at")


def _by_statement(costs: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    events = signals.select("signal_id", pl.col("occurred_at").alias("event_at"))
    return costs.with_columns(bearer().alias("signal_id")).join(events, on="signal_id", how="inner").select(_PAIR)


def _by_scope(costs: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    key = ["cost_scope", "customer_id", "product_id"]
    claimed = pl.col("cost_scope").is_not_null() & pl.col("customer_id").is_not_null()
    claims = signals.filter(claimed).select("signal_id", "event_at", *key)
    return costs.filter(claimed).join(claims, on=key, how="inner", nulls_equal=True).select(_PAIR)


def _by_trace(costs: pl.DataFrame, signals: pl.DataFrame, by_scope: pl.DataFrame) -> pl.DataFrame:
    bearers = signals.filter(pl.col("cost_scope").is_null() & pl.col("trace_id").is_not_null()).select(
        "signal_id", "event_at", pl.col("trace_id").alias("link_trace_id"), pl.col("customer_id").alias("bearer")
    )
    free = costs if by_scope.is_empty() else costs.join(by_scope, on="cost_id", how="anti")
    strangers = pl.col("customer_id") != pl.col("bearer")
    return free.join(bearers, on="link_trace_id", how="inner").filter(~strangers.fill_null(False)).select(_PAIR)
