"""Which traces need no stage to tell what becomes of them: the bulk of a lake, found by a few scans of whole tables.

Settling a trace is plain when every call in it is a leaf span of one instrumentation, counts, has nobody's response id
but its own, no likeness and no scope, and when at most one of its events bears costs. Then each call counts as it is,
whom it served is what its span inherited, and its one event bears it. What is stored is compared with that; a trace
that is not plain, or is not stored like that, is one of `others`, for the exact stages to decide. Naming a plain trace
there costs time, missing another one would cost exactness: every rule here leans to the former.
"""

from collections.abc import Callable

import polars as pl

Read = Callable[[str], pl.DataFrame]
"""Answers SQL on one snapshot of the lake."""

# Ids are grouped by their hash, which is quicker: two of one hash only make others of plain traces.

_CALLS = """
SELECT c.trace_id FROM costs AS c LEFT JOIN spans AS s ON s.trace_id = c.trace_id AND s.span_id = c.span_id
WHERE (
    source = 'span' AND role = 'call' AND dedup IS NULL AND likeness IS NULL AND price_rule IS NULL
    AND c.status IN ('priced', 'zero_rated', 'reported', 'unpriced') AND (c.status = 'unpriced') = (cost_usd IS NULL)
    AND c.cost_scope IS NULL AND c.own_cost_scope IS NULL AND link_trace_id = c.trace_id
    AND cost_id = concat('cost_', c.trace_id, '_', c.span_id)
    AND (response_id IS NULL OR regexp_matches(response_id, '^[!-~].*[!-~]$'))
    AND (rate_note IS NULL OR NOT starts_with(rate_note, 'shared hour'))
) IS NOT TRUE
   OR s.dialect IS NULL OR s.customer_id IS DISTINCT FROM c.customer_id OR s.product_id IS DISTINCT FROM c.product_id
   OR s.own_customer_id IS DISTINCT FROM c.own_customer_id OR s.own_product_id IS DISTINCT FROM c.own_product_id
   OR s.sampling_weight IS DISTINCT FROM c.sampling_weight
"""
"""Calls that may be anything but counting ones of no scope, whose span knows that it is a call and says the same."""

_UNLIKE_PARENT = """
SELECT c.trace_id FROM spans AS c
LEFT JOIN spans AS p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id
WHERE p.dialect IS NOT NULL OR c.cost_scope IS NOT NULL OR c.own_cost_scope IS NOT NULL
   OR c.customer_id IS DISTINCT FROM coalesce(c.own_customer_id, p.customer_id)
   OR c.product_id IS DISTINCT FROM coalesce(c.own_product_id, p.product_id)
   -- what goes round in a circle has no beginning: taught only by earlier spans, everything has
   OR (((c.own_customer_id IS NULL AND c.customer_id IS NOT NULL)
        OR (c.own_product_id IS NULL AND c.product_id IS NOT NULL))
       AND (p.start_time > c.start_time OR (p.start_time = c.start_time AND p.span_id >= c.span_id)))
"""
"""Spans below a call or stamped with a scope, and those that do not serve whom they, or else their parents, say."""

_SEVERAL_LIBRARIES = """
SELECT trace_id FROM costs SEMI JOIN (
    SELECT hash(trace_id) AS trace FROM costs GROUP BY trace
    HAVING min(coalesce(scope_name, '')) <> max(coalesce(scope_name, ''))
) AS mixed ON mixed.trace = hash(costs.trace_id)
"""
"""Traces whose calls were seen by several instrumentations, so that some may be twins."""

_SAME_ANSWER = """
SELECT trace_id FROM costs SEMI JOIN (
    SELECT hash(response_id) AS answer FROM costs WHERE response_id IS NOT NULL GROUP BY answer HAVING count(*) > 1
) AS shared ON shared.answer = hash(costs.response_id)
"""
"""Calls that share a response id (or, rarely, its hash) with others."""

_SIGNALS = """
SELECT trace_id FROM signals WHERE trace_id IS NOT NULL AND (
    cost_scope IS NOT NULL OR (span_id IS NULL AND parent_span_id IS NOT NULL)
    OR (own_customer_id IS NOT NULL AND customer_id IS DISTINCT FROM own_customer_id)
    OR (own_product_id IS NOT NULL AND product_id IS DISTINCT FROM own_product_id)
)
UNION ALL
SELECT trace_id FROM signals SEMI JOIN (
    SELECT hash(trace_id) AS trace FROM signals WHERE cost_traced AND trace_id IS NOT NULL
    GROUP BY trace HAVING count(*) > 1
) AS shared ON shared.trace = hash(signals.trace_id)
UNION ALL
SELECT s.trace_id
FROM (SELECT * FROM signals WHERE trace_id IS NOT NULL AND (own_customer_id IS NULL OR own_product_id IS NULL)) AS s
LEFT JOIN spans AS own ON own.trace_id = s.trace_id AND own.span_id = s.span_id
LEFT JOIN spans AS above ON above.trace_id = s.trace_id AND above.span_id = s.parent_span_id
WHERE s.customer_id IS DISTINCT FROM coalesce(s.own_customer_id, own.customer_id, above.customer_id)
   OR s.product_id IS DISTINCT FROM coalesce(s.own_product_id, own.product_id, above.product_id)
"""
"""Events that claim a scope, share the costs of their trace, or do not serve whom they, or else their spans, say."""

_UNKNOWN_TO_TRACES = """
SELECT signal_id FROM signals WHERE trace_id IS NULL AND (
    cost_scope IS NOT NULL OR customer_id IS DISTINCT FROM own_customer_id OR product_id IS DISTINCT FROM own_product_id
)
"""


def others(read: Read) -> pl.DataFrame:
    """trace_id of the traces that the stages must decide, once each."""
    checks = [_CALLS, _UNLIKE_PARENT, _SAME_ANSWER, _SIGNALS]
    if read("SELECT count(DISTINCT coalesce(scope_name, '')) FROM costs").item() > 1:
        checks.append(_SEVERAL_LIBRARIES)
    return pl.concat([read(check) for check in checks]).drop_nulls().unique()


def other_loose_signals(read: Read) -> pl.DataFrame:
    """signal_id of the events without a trace that claim a scope, or do not serve whom they say."""
    return read(_UNKNOWN_TO_TRACES)
