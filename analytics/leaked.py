"""Spans that carry somebody else's customer: made outside every block of the Paid SDK, with what an earlier one left.

The Python SDK keeps customer, product and cost scope in context variables and stamps them on every span that starts.
After nested blocks, or after `cost_attributed_signal`, some of them stay set, so a later span of the same thread claims
to serve a customer whose block is over. One such span looks like any other; its trace does not. Inside a block every
span hangs below the block's own, which is named `paid.trace.parent_span`.
"""

from typing import Final

import polars as pl

from analytics.forest import nearest, parent_rows
from analytics.frames import SPAN_KEY

PREFIX: Final = "paid.trace."
"""How the SDK begins the names of all spans that it stamps."""

BLOCK: Final = "paid.trace.parent_span"
"""The span of a block."""

_OUTSIDE, _INSIDE = 0, 1


def leaked(spans: pl.DataFrame) -> pl.Series:
    """Whether what a span says of customer, product and scope was left over from a block that it is not part of.

    spans: trace_id, span_id, parent_span_id, name, own_cost_scope; whole traces. A span is leaked that the SDK stamped
    with a scope, whose ancestors are known up to a root, and none of them (nor itself) is a block. As long as an
    ancestor is missing, the block may still arrive (it ends last), or its root may never (a process that continues
    another's trace): such spans are believed. Rows keep their order.
    """
    stamped = pl.col("name").str.starts_with(PREFIX) & pl.col("own_cost_scope").is_not_null()
    suspects = spans.filter(stamped & (pl.col("name") != BLOCK)).select("trace_id").unique()
    if suspects.is_empty():
        return pl.Series("leaked", [False]).new_from_index(0, spans.height)
    numbered = spans.with_row_index("row")
    part = numbered.join(suspects, on="trace_id", how="semi", maintain_order="left").select(
        "row", *SPAN_KEY, "parent_span_id", stamped.alias("stamped"),
        pl.when(pl.col("name") == BLOCK).then(_INSIDE)
        .when(pl.col("parent_span_id").is_null()).then(_OUTSIDE).alias("place"),
    )  # fmt: skip
    place = nearest(part["place"], parent_rows(part))
    outside = part.filter(part["stamped"] & (place == _OUTSIDE).fill_null(False))["row"]
    return numbered.select(pl.col("row").is_in(outside.implode()).alias("leaked"))["leaked"]
