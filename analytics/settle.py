"""Each call once: which call rows count, which repeat others, and whose each cost is.

The rules are in docs/linking.md. Settling looks at a whole connected set of traces at once and knows no history, so
settling again with more spans gives what settling everything together would have given.
"""

from datetime import timedelta

import polars as pl

from analytics.apart import apart_pairs, stream_pairs
from analytics.frames import COSTS, IDENTITY, MONEY_PARTS, SPAN_KEY, conform
from analytics.nesting import IS_AGGREGATE, nest
from analytics.richness import richest_first
from analytics.signal_cost_keys import SOURCE as STATED
from analytics.signal_cost_keys import is_stated
from analytics.twins import TWIN_WINDOW, alike_pairs, join_by_response, join_pairs, shared_responses
from pricing_tables.overrides import SHARED_HOUR
from receiver.dialects.direct import SCOPE as DIRECT_COSTS

FALLBACK = "aggregate_fallback"


def settle(
    calls: pl.DataFrame, spans: pl.DataFrame, signals: pl.DataFrame, *, twin_window: timedelta = TWIN_WINDOW
) -> pl.DataFrame:
    """Decide every call row once; returns rows of the table `costs` without its bookkeeping.

    calls: CALL_SCHEMA, `likeness`, the columns of `price_calls`, and customer_id, product_id, cost_scope with their
    own_ counterparts as `inherit_calls` adds them; (trace_id, span_id) unique. Money must be that of pricing: rows
    read back from the lake have to be priced again, since aggregates are stored without.
    spans: trace_id, span_id, parent_span_id, of at least all traces of the calls.
    signals: trace_id, cost_traced, cost_scope.

    Rows that repeat others get status 'aggregate', no money, and in `dedup` why: 'descendant', 'nested', 'response_id',
    'heuristic', or 'no_usage' (an agent or tool span that reports nothing). An aggregate that stands for calls whose
    usage nobody reports keeps its status and has dedup 'aggregate_fallback'. `link_trace_id` is the trace whose signal
    may bear the cost.
    """
    frame = calls.with_columns(shared_responses(calls, twin_window)).with_row_index("row")
    known = (pl.col("usage_source") != "missing") | (pl.col("status") == "reported") | _on_own_machine()
    frame = frame.with_columns(known=known)
    # a call that reports no usage still has it when a twin elsewhere does: then its ancestors only repeat
    shared = pl.col("response").is_not_null() & pl.col("known").any().over("response")
    frame = nest(frame.with_columns(bears=pl.col("known") | shared), spans)
    frame = join_by_response(frame).with_columns(alike=pl.lit(False))
    for find in (stream_pairs, alike_pairs, apart_pairs):
        frame = join_pairs(frame, find)
    frame = _one_of_each(frame)
    frame = _identity(frame, signals)
    return conform(_as_costs(frame), COSTS)


def _on_own_machine() -> pl.Expr:
    """A call that an own rule prices whatever it used: by its time, by the hour, or not at all."""
    priced = pl.col("status").is_in(["priced", "zero_rated"]) | pl.col("rate_note").str.starts_with(SHARED_HOUR)
    ruled = pl.col("price_rule").is_not_null() & ~IS_AGGREGATE & ~pl.col("failed").fill_null(False)
    return (ruled & priced).fill_null(False)


def _one_of_each(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep the richest row of every component; the others say how they were found."""
    several = frame.filter(pl.col("component").is_not_null() & pl.col("component").is_duplicated())
    frame = frame.with_columns(counts=pl.col("why").is_null())
    if several.is_empty():
        return frame
    standing = several.filter(pl.col("why").is_null())
    richest = richest_first(standing).unique("component", keep="first", maintain_order=True)
    poorer = pl.col("row").is_in(standing.join(richest, on="row", how="anti")["row"].implode())
    by_response = pl.col("response").is_not_null() & (pl.len().over("component", "response") > 1)
    frame = frame.with_columns(
        why=pl.when(poorer & pl.col("alike") & ~by_response)
        .then(pl.lit("heuristic"))
        .when(poorer)
        .then(pl.lit("response_id"))
        .otherwise("why")
    )
    return frame.with_columns(counts=pl.col("why").is_null())


def _identity(frame: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """Add link_trace_id, and give what counts the customer, product and scope that any of its twins knows.

    The twin in the trace that holds a cost-traced signal is believed first, then the row itself, then the others. A
    scope id is only taken from a twin of the same customer: a stale one, stamped by a leaking context, stays behind.
    """
    frame = frame.with_columns(link_trace_id=pl.col("trace_id"))
    members = frame.filter(pl.col("component").is_not_null() & pl.col("component").is_duplicated())
    if members.is_empty():
        return frame
    traced = signals.filter(pl.col("cost_traced") & pl.col("cost_scope").is_null() & pl.col("trace_id").is_not_null())
    members = members.select("row", "component", "counts", *SPAN_KEY, *IDENTITY).with_columns(
        signalled=pl.col("trace_id").is_in(traced["trace_id"].unique().implode())
    )
    members = members.sort(
        "component", ~pl.col("signalled"), ~pl.col("counts"), pl.col("trace_id"), pl.col("span_id")
    ).with_columns(link=pl.col("trace_id").first().over("component"))
    members = members.sort("component", pl.col("trace_id") != pl.col("link"), ~pl.col("counts"), *SPAN_KEY)
    customer = pl.col("customer_id")
    members = members.with_columns(customer=customer.drop_nulls().first().over("component"))
    same = customer.eq_missing(pl.col("customer"))
    chosen = members.group_by("component").agg(
        pl.col("row").filter("counts").first(),
        pl.col("link").first(),
        pl.col("customer").first(),
        pl.col("product_id").filter(same | customer.is_null()).drop_nulls().first().alias("product"),
        pl.col("cost_scope").filter(same).drop_nulls().first().alias("scope"),
    )
    frame = frame.join(chosen.drop("component"), on="row", how="left", maintain_order="left")
    twin = pl.col("link").is_not_null()
    return frame.with_columns(
        link_trace_id=pl.coalesce("link", "link_trace_id"),
        customer_id=pl.when(twin).then("customer").otherwise("customer_id"),
        product_id=pl.when(twin).then("product").otherwise("product_id"),
        cost_scope=pl.when(twin).then("scope").otherwise("cost_scope"),
    )


def _as_costs(frame: pl.DataFrame) -> pl.DataFrame:
    counts = pl.col("counts")
    priced_only = (*MONEY_PARTS, "cost_usd")
    return frame.with_columns(
        *(pl.when(counts).then(pl.col(name)).alias(name) for name in priced_only),
        cost_id=pl.concat_str(pl.lit("cost_"), "trace_id", pl.lit("_"), "span_id"),
        source=pl.when(pl.col("scope_name") == DIRECT_COSTS)
        .then(pl.lit("api"))
        .when(is_stated())
        .then(pl.lit(STATED))
        .otherwise(pl.lit("span")),
        status=pl.when(counts).then("status").otherwise(pl.lit("aggregate")),
        dedup=pl.when(counts & IS_AGGREGATE).then(pl.lit(FALLBACK)).otherwise("why"),
    )
