"""Which traces need no stage to tell what becomes of them: the bulk of a lake, found by a few scans of whole tables.

Settling a trace is plain when every call in it is a leaf span of one instrumentation, counts, has nobody's response id
but its own, no likeness and no scope, and when at most one of its events bears costs. Then each call counts as it is,
whom it served is what its span inherited, and its one event bears it. What is stored is compared with that; a trace
that is not plain, or is not stored like that, is one of `others`, for the exact stages to decide. Naming a plain trace
there costs time, missing another one would cost exactness: every rule here leans to the former.

Rows are matched by 64-bit hashes of their ids, which need a fraction of the memory and time of ids: a span by two, its
own and its trace's, a link by those of its call, trace and event. Customers, products, money and times are compared as
they are. So in a lake that is as it should be two ids of one hash can only make others of plain traces; in one that is
not, an id that is wrong is overlooked at a chance of one in 2^64. Nothing is ever written by a hash.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

Read = Callable[..., pl.DataFrame]
"""Answers SQL on one snapshot of the lake; frames given by name are tables of it."""

_WHOM = ("customer_id", "product_id", "own_customer_id", "own_product_id", "sampling_weight")

_OWN_ID = f"""(response_id >= '!' AND strlen(response_id) = length(response_id)
    AND NOT ({" OR ".join(f"suffix(response_id, chr({code}))" for code in (9, 10, 11, 12, 13, 32))}))"""
"""A response id of ASCII that no blank begins or ends, so that no other spelling is the same one."""

_CALLS = f"""
SELECT c.trace FROM (
    SELECT hash(trace_id) AS trace, hash(span_id) AS span, {", ".join(_WHOM)}, (
        source = 'span' AND role = 'call' AND dedup IS NULL AND likeness IS NULL AND price_rule IS NULL
        AND status IN ('priced', 'zero_rated', 'reported', 'unpriced') AND (status = 'unpriced') = (cost_usd IS NULL)
        AND cost_scope IS NULL AND own_cost_scope IS NULL AND link_trace_id = trace_id
        AND cost_id = concat('cost_', trace_id, '_', span_id) AND (response_id IS NULL OR {_OWN_ID})
        AND (rate_note IS NULL OR NOT starts_with(rate_note, 'shared hour'))
    ) IS NOT TRUE AS odd
    FROM costs
) AS c LEFT JOIN (
    SELECT hash(trace_id) AS trace, hash(span_id) AS span, true AS there, {", ".join(_WHOM)}
    FROM spans WHERE dialect IS NOT NULL
) AS s ON s.trace = c.trace AND s.span = c.span
WHERE c.odd OR s.there IS NULL OR {" OR ".join(f"s.{name} IS DISTINCT FROM c.{name}" for name in _WHOM)}
"""
"""Calls that may be anything but counting ones of no scope, whose span knows that it is a call and says the same."""

_UNLIKE_PARENT = """
SELECT c.trace FROM (
    SELECT hash(trace_id) AS trace, hash(span_id) AS span, start_time,
           CASE WHEN parent_span_id IS NOT NULL THEN hash(parent_span_id) END AS parent,
           customer_id, product_id, own_customer_id, own_product_id,
           (own_customer_id IS NULL AND customer_id IS NOT NULL)
               OR (own_product_id IS NULL AND product_id IS NOT NULL) AS taught,
           cost_scope IS NOT NULL OR own_cost_scope IS NOT NULL AS odd
    FROM spans
) AS c LEFT JOIN (
    SELECT hash(trace_id) AS trace, hash(span_id) AS span, start_time, dialect IS NOT NULL AS call,
           customer_id, product_id
    FROM spans
) AS p ON p.trace = c.trace AND p.span = c.parent
WHERE c.odd OR p.call OR c.customer_id IS DISTINCT FROM coalesce(c.own_customer_id, p.customer_id)
   OR c.product_id IS DISTINCT FROM coalesce(c.own_product_id, p.product_id)
   -- what goes round in a circle has no beginning: taught only by those before them in one order, everything has
   OR (c.taught AND (p.start_time > c.start_time OR (p.start_time = c.start_time AND p.span >= c.span)))
"""
"""Spans below a call or stamped with a scope, and those that do not serve whom they, or else their parents, say."""

_SEVERAL_LIBRARIES = """
SELECT hash(trace_id) AS trace FROM costs GROUP BY trace
HAVING min(coalesce(scope_name, '')) <> max(coalesce(scope_name, ''))
"""
"""Traces whose calls were seen by several instrumentations, so that some may be twins."""

_ANSWERS = "SELECT hash(response_id) AS answer FROM costs WHERE response_id IS NOT NULL"

_SAME_ANSWER = "SELECT hash(trace_id) AS trace FROM costs WHERE hash(response_id) IN (FROM shared)"
"""Calls that share a response id (or, rarely, its hash) with others."""

_BEARERS = "SELECT hash(trace_id) AS trace FROM signals WHERE cost_traced AND trace_id IS NOT NULL"

_SIGNALS = """
SELECT hash(trace_id) AS trace FROM signals WHERE trace_id IS NOT NULL AND (
    cost_scope IS NOT NULL OR (span_id IS NULL AND parent_span_id IS NOT NULL)
    OR (own_customer_id IS NOT NULL AND customer_id IS DISTINCT FROM own_customer_id)
    OR (own_product_id IS NOT NULL AND product_id IS DISTINCT FROM own_product_id)
)
"""
"""Events that claim a scope, or do not serve whom they say."""

_TAUGHT = "trace_id IS NOT NULL AND (own_customer_id IS NULL OR own_product_id IS NULL)"

_UNLIKE_SPAN = f"""
WITH known AS (
    SELECT hash(trace_id) AS trace, hash(span_id) AS span, customer_id, product_id FROM spans
)
SELECT s.trace FROM (
    SELECT hash(trace_id) AS trace, CASE WHEN span_id IS NOT NULL THEN hash(span_id) END AS span,
           CASE WHEN parent_span_id IS NOT NULL THEN hash(parent_span_id) END AS parent,
           customer_id, product_id, own_customer_id, own_product_id
    FROM signals WHERE {_TAUGHT}
) AS s
LEFT JOIN known AS own ON own.trace = s.trace AND own.span = s.span
LEFT JOIN known AS above ON above.trace = s.trace AND above.span = s.parent
WHERE s.customer_id IS DISTINCT FROM coalesce(s.own_customer_id, own.customer_id, above.customer_id)
   OR s.product_id IS DISTINCT FROM coalesce(s.own_product_id, own.product_id, above.product_id)
"""
"""Events that do not serve whom their spans say, where they do not say so themselves."""

_UNKNOWN_TO_TRACES = """
SELECT signal_id FROM signals WHERE trace_id IS NULL AND (
    cost_scope IS NOT NULL OR customer_id IS DISTINCT FROM own_customer_id OR product_id IS DISTINCT FROM own_product_id
)
"""


def others(read: Read) -> pl.DataFrame:
    """trace_id of the traces that the stages must decide, once each."""
    found = [read(_CALLS), read(_UNLIKE_PARENT), read(_SIGNALS), repeated(read(_BEARERS))]
    shared = repeated(read(_ANSWERS))
    if not shared.is_empty():
        found.append(read(_SAME_ANSWER, shared=shared))
    if read(f"SELECT count(*) FROM signals WHERE {_TAUGHT}").item():
        found.append(read(_UNLIKE_SPAN))
    if read("SELECT count(DISTINCT coalesce(scope_name, '')) FROM costs").item() > 1:
        found.append(read(_SEVERAL_LIBRARIES))
    hashes = pl.concat([frame.select("trace") for frame in found]).drop_nulls().unique()
    if hashes.is_empty():
        return pl.DataFrame(schema={"trace_id": pl.String})
    named = " UNION ".join(
        f"SELECT trace_id FROM {table} WHERE hash(trace_id) IN (FROM hashes)" for table in ("spans", "costs", "signals")
    )
    return read(f"{named} ORDER BY trace_id", hashes=hashes).drop_nulls()


def repeated(hashes: pl.DataFrame) -> pl.DataFrame:
    """The values that a frame of one column of hashes holds more than once, once each."""
    # sorting takes a third of what grouping does, and 16 bytes a row
    ordered = np.sort(hashes.to_series().to_numpy())
    return pl.DataFrame({hashes.columns[0]: np.unique(ordered[1:][ordered[1:] == ordered[:-1]])})


def other_loose_signals(read: Read) -> pl.DataFrame:
    """signal_id of the events without a trace that claim a scope, or do not serve whom they say."""
    return read(_UNKNOWN_TO_TRACES)
