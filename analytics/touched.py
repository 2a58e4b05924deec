"""What new rows touch, and what of a recomputed set of rows really changed: for the caller that works incrementally."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from analytics.twins import response_key

SCOPE_KEY = ("cost_scope", "customer_id", "product_id")


@dataclass(frozen=True)
class Touched:
    """Where new rows may change results.

    `trace_ids`: traces whose calls must be settled and linked again. `response_ids`: response ids as stored, whose
    calls in other traces must come along. `scopes`: cost_scope, customer_id, product_id whose costs must be linked
    again. None of them has repeats or nulls (but a product may be null).
    """

    trace_ids: pl.Series
    response_ids: pl.Series
    scopes: pl.DataFrame


def touched(spans: pl.DataFrame, calls: pl.DataFrame, signals: pl.DataFrame) -> Touched:
    """What these rows touch.

    spans: trace_id. calls: trace_id, response_id, provider, cost_scope, customer_id, product_id. signals: trace_id,
    cost_scope, customer_id, product_id. Identity is the inherited one. Settling the touched traces may move a cost to
    another scope or trace: compare old and new costs with `scopes_of` and `traces_of` to find those.
    """
    traces = pl.concat([frame["trace_id"] for frame in (spans, calls, signals)])
    return Touched(
        trace_ids=traces.drop_nulls().unique(),
        response_ids=response_ids(calls),
        scopes=pl.concat([scopes_of(calls), scopes_of(signals)]).unique(),
    )


def response_ids(calls: pl.DataFrame) -> pl.Series:
    """The response ids (as stored) by which twins of these calls can be found. calls: response_id, provider."""
    return calls.filter(response_key().is_not_null())["response_id"].unique()


def scopes_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Distinct cost_scope, customer_id, product_id by which costs or signals can be linked."""
    return (
        rows.filter(pl.col("cost_scope").is_not_null() & pl.col("customer_id").is_not_null()).select(SCOPE_KEY).unique()
    )


def traces_of(costs: pl.DataFrame) -> pl.Series:
    """Distinct traces whose signals may bear these costs. costs: trace_id, link_trace_id."""
    return pl.concat([costs["trace_id"], costs["link_trace_id"]]).drop_nulls().unique()


def diff(
    old: pl.DataFrame, new: pl.DataFrame, key: Sequence[str], ignore: Collection[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(keys to delete, rows to insert) that turn the rows `old` into `new`.

    Rows are the same when they agree in every column of `new` but those to `ignore` (bookkeeping); a NULL agrees with a
    NULL. A row that changed is deleted by its key and inserted anew. `old` may have more columns.
    """
    compared = [name for name in new.columns if name not in ignore]
    before = old.select(pl.col(name).cast(new.schema[name]) for name in compared)
    gone = before.join(new, on=compared, how="anti", nulls_equal=True).select(key)
    fresh = new.join(before, on=compared, how="anti", nulls_equal=True)
    return gone, fresh
