"""Whether the links of plain traces are what they should be: a comparison of calls, events and links by hashes.

See `analytics.plain` for what plain is, and for what a hash can tell.
"""

import polars as pl

from analytics.period import Period, windows
from analytics.plain import Read

WINDOW = 4_000_000
"""Calls whose links are compared together."""

_BAD = """
WITH b AS (
    SELECT hash(trace_id) AS trace, hash(signal_id) AS signal, customer_id, occurred_at FROM signals
    WHERE cost_traced AND cost_scope IS NULL AND trace_id IS NOT NULL
), c AS (
    SELECT hash(costs.trace_id) AS trace, hash(cost_id) AS cost, cost_usd, occurred_at, status <> 'aggregate' AS counts,
           customer_id
    FROM costs WHERE {within}
), l AS (
    SELECT hash(trace_id) AS trace, hash(cost_id) AS cost, hash(signal_id) AS signal, cost_usd, occurred_at, event_at,
           rule = 'trace' AS by_trace
    FROM cost_links WHERE {within}
)
SELECT c.trace AS of_call, l.trace AS of_link, l.cost IS NOT NULL AS linked
FROM c LEFT JOIN b ON b.trace = c.trace FULL JOIN l ON l.cost = c.cost
WHERE CASE WHEN b.signal IS NULL OR NOT c.counts OR coalesce(b.customer_id <> c.customer_id, false)
           THEN l.cost IS NOT NULL ELSE (
    l.signal = b.signal AND l.trace = c.trace AND l.by_trace AND l.cost_usd IS NOT DISTINCT FROM c.cost_usd
    AND l.occurred_at = c.occurred_at AND l.event_at = b.occurred_at
) IS NOT TRUE END
"""
"""Of calls, the links that they should have and do not; of links, those that no call should have."""


def links_hold(read: Read, others: pl.DataFrame) -> bool:
    """Whether all traces but the `others` (trace_id) have the links they should have, and none besides."""
    known = read("SELECT hash(trace_id) AS trace FROM others", others=others)["trace"].implode()
    for within in _times(read):
        bad = read(_BAD.format(within=within))
        call, link = (pl.col(name).is_in(known).fill_null(False) for name in ("of_call", "of_link"))
        theirs = (call | pl.col("of_call").is_null()) & (link | ~pl.col("linked"))
        if not bad.select(theirs.all()).item():
            return False
    return True


def _times(read: Read) -> list[str]:
    """Conditions on occurred_at that together hold for every row, each for at most WINDOW calls."""
    bounds = [window.period.start for window in windows(read, Period(), WINDOW)][1:]
    periods = [Period(start, end) for start, end in zip([None, *bounds], [*bounds, None], strict=True)]
    return ["true" if period == Period() else _condition(period) for period in periods]


def _condition(period: Period) -> str:
    inside = period.condition("occurred_at")
    return f"({inside} OR occurred_at IS NULL)" if period.start is None else inside
