"""Who a span served: its own customer and product, else those of its nearest ancestor in the trace."""

import polars as pl

from analytics.forest import nearest, parent_rows
from analytics.frames import IDENTITY, SPAN_KEY
from analytics.leaked import leaked


def inherit(spans: pl.DataFrame) -> pl.DataFrame:
    """Add customer_id, product_id and cost_scope to spans, and `leaked` (see `leaked.leaked`).

    spans: whole traces; trace_id, span_id, parent_span_id, name, own_customer_id, own_product_id, own_cost_scope
    (strings, null when absent) and whatever else. Customer and product come each from the span itself, else from the
    nearest ancestor that has it. cost_scope is the span's own: SDKs stamp it on every span they mean. What a leaked
    span says of the three is not believed. Rows keep their order; result columns that exist already are replaced.
    """
    marked = spans.with_columns(leaked(spans))
    own = [pl.when(~pl.col("leaked")).then(pl.col(f"own_{name}")).alias(name) for name in IDENTITY]
    frame = marked.with_columns(own)
    lacking = pl.col("customer_id").is_null() | pl.col("product_id").is_null()
    orphans = frame.select((lacking & pl.col("parent_span_id").is_not_null()).any()).item()
    if not orphans:
        return frame
    numbered = frame.with_row_index("_row")
    # only traces in which somebody knows something can teach the others
    traces = numbered.filter(lacking & pl.col("parent_span_id").is_not_null()).select("trace_id").unique()
    part = numbered.select("_row", *SPAN_KEY, "parent_span_id", "customer_id", "product_id").join(
        traces, on="trace_id", how="semi", maintain_order="left"
    )
    parent = parent_rows(part)
    learnt = part.select("_row").with_columns(nearest(part["customer_id"], parent), nearest(part["product_id"], parent))
    if learnt.height == numbered.height:
        return frame.with_columns(learnt["customer_id"], learnt["product_id"])
    return numbered.update(learnt, on="_row", how="left").drop("_row")


def inherit_signals(signals: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Add customer_id and product_id to signals: their own, else those of their span, else of that span's parent.

    signals: trace_id, span_id, parent_span_id, own_customer_id, own_product_id (a REST signal has no span and keeps
    its own; what one has from a leaked span is not its own). spans: the result of `inherit`, (trace_id, span_id)
    unique. Rows keep their order.
    """
    frame = signals.with_columns(pl.col(f"own_{name}").alias(name) for name in ("customer_id", "product_id"))
    frame = _without_leaked(frame, spans)
    lacking = (pl.col("customer_id").is_null() | pl.col("product_id").is_null()) & pl.col("span_id").is_not_null()
    if not frame.select(lacking.any()).item():
        return frame
    frame = _filled(frame, spans, "span_id")
    if not frame.select(lacking.any()).item():
        return frame
    return _filled(frame, spans, "parent_span_id")


def _without_leaked(signals: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """The signals without the customer and product that a leaked span gave them."""
    from_leaked = spans.filter("leaked").select(
        *SPAN_KEY, pl.col("own_customer_id").alias("_customer"), pl.col("own_product_id").alias("_product")
    )
    if from_leaked.is_empty():
        return signals
    customer, product = pl.col("customer_id"), pl.col("product_id")
    return (
        signals.join(from_leaked, on=SPAN_KEY, how="left", maintain_order="left")
        .with_columns(
            customer_id=pl.when(customer.ne_missing(pl.col("_customer"))).then(customer),
            product_id=pl.when(product.ne_missing(pl.col("_product"))).then(product),
        )
        .drop("_customer", "_product")
    )


def _filled(signals: pl.DataFrame, spans: pl.DataFrame, by: str) -> pl.DataFrame:
    known = spans.select(*SPAN_KEY, pl.col("customer_id").alias("_customer"), pl.col("product_id").alias("_product"))
    return (
        signals.join(known, left_on=("trace_id", by), right_on=SPAN_KEY, how="left", maintain_order="left")
        .with_columns(
            customer_id=pl.coalesce("customer_id", "_customer"), product_id=pl.coalesce("product_id", "_product")
        )
        .drop("_customer", "_product")
    )


def inherit_calls(calls: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Add to calls what their span knows: customer_id, product_id, cost_scope, their own_ columns, sampling_weight.

    calls: trace_id, span_id. spans: the result of `inherit`, (trace_id, span_id) unique, holding the span of every
    call. Rows keep their order.
    """
    names = [*IDENTITY, *(f"own_{name}" for name in IDENTITY), "sampling_weight"]
    known = spans.select(*SPAN_KEY, *names)
    return calls.drop(names, strict=False).join(known, on=SPAN_KEY, how="left", maintain_order="left")
