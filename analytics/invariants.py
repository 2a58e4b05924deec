"""What must hold in every lake at every moment, as SQL that returns the rows which break it."""

from dataclasses import dataclass

from lake.daily import DAILY_COLUMNS, daily_sql


@dataclass(frozen=True)
class Invariant:
    """`sql`: one DuckDB SELECT over the lake's tables that returns what breaks the rule in `explanation`."""

    name: str
    sql: str
    explanation: str


_BILLABLE = "status <> 'aggregate'"

CONSERVATION = Invariant(
    "conservation",
    f"""
    WITH totals AS (
        SELECT
            (SELECT coalesce(sum(cost_usd), 0) FROM cost_links) AS linked_usd,
            (SELECT coalesce(sum(cost_usd), 0) FROM costs
             WHERE {_BILLABLE} AND cost_id NOT IN (SELECT cost_id FROM cost_links)) AS unclaimed_usd,
            (SELECT coalesce(sum(cost_usd), 0) FROM costs WHERE {_BILLABLE}) AS billable_usd
    )
    SELECT * FROM totals WHERE linked_usd + unclaimed_usd <> billable_usd
    """,
    "Linked and unclaimed cost together must be the billable cost, to the picodollar.",
)

LINKS_ADD_UP = Invariant(
    "links_add_up",
    """
    SELECT c.cost_id, any_value(c.cost_usd) AS cost_usd, sum(l.cost_usd) AS linked_usd
    FROM cost_links l JOIN costs c USING (cost_id)
    GROUP BY c.cost_id
    HAVING sum(l.cost_usd) IS DISTINCT FROM any_value(c.cost_usd)
    """,
    "The links of one cost must add up to it, and be NULL when it is unknown.",
)

LINKS_HAVE_ENDS = Invariant(
    "links_have_ends",
    f"""
    SELECT l.cost_id, l.signal_id
    FROM cost_links l
    LEFT JOIN (SELECT cost_id FROM costs WHERE {_BILLABLE}) c USING (cost_id)
    LEFT JOIN (SELECT signal_id FROM signals) s USING (signal_id)
    WHERE c.cost_id IS NULL OR s.signal_id IS NULL
    """,
    "A link must join a billable cost and a signal that exist.",
)

NO_DUPLICATES = Invariant(
    "no_duplicates",
    """
    SELECT 'spans' AS table_name, trace_id || ':' || span_id AS id, count(*) AS copies
    FROM spans GROUP BY trace_id, span_id HAVING count(*) > 1
    UNION ALL
    SELECT 'costs', cost_id, count(*) FROM costs GROUP BY cost_id HAVING count(*) > 1
    UNION ALL
    SELECT 'signals', signal_id, count(*) FROM signals GROUP BY signal_id HAVING count(*) > 1
    UNION ALL
    SELECT 'cost_links', cost_id || ':' || signal_id, count(*)
    FROM cost_links GROUP BY cost_id, signal_id HAVING count(*) > 1
    UNION ALL
    SELECT 'event_margins', signal_id, count(*) FROM event_margins GROUP BY signal_id HAVING count(*) > 1
    """,
    "A span, cost, signal, link or margin must be there once.",
)

PRICED_HAS_RATE = Invariant(
    "priced_has_rate",
    """
    SELECT c.cost_id, c.model, c.rate_id
    FROM costs c LEFT JOIN (SELECT DISTINCT rate_id AS known FROM rates) r ON c.rate_id = r.known
    WHERE c.status = 'priced' AND r.known IS NULL
    """,
    "A priced call must name a rate that is in the price book.",
)

AGGREGATES_WITHOUT_MONEY = Invariant(
    "aggregates_without_money",
    """
    SELECT cost_id, dedup FROM costs
    WHERE status = 'aggregate' AND (
        dedup IS NULL
        OR coalesce(cost_usd, input_cost_usd, cache_read_cost_usd, cache_write_cost_usd, output_cost_usd,
                    other_cost_usd) IS NOT NULL
    )
    """,
    "A row that repeats others must carry no money and say why.",
)

UNKNOWN_IS_NULL = Invariant(
    "unknown_is_null",
    f"""
    SELECT cost_id, status, cost_usd FROM costs
    WHERE {_BILLABLE} AND (status = 'unpriced') <> (cost_usd IS NULL)
    """,
    "A cost must be NULL exactly when the call is unpriced.",
)

PARTS_ADD_UP = Invariant(
    "parts_add_up",
    """
    SELECT cost_id, cost_usd FROM costs
    WHERE status = 'priced' AND cost_usd IS DISTINCT FROM
        input_cost_usd + cache_read_cost_usd + cache_write_cost_usd + output_cost_usd + other_cost_usd
    """,
    "The parts of a priced call must add up to its cost.",
)

MARGINS_MATCH_SIGNALS = Invariant(
    "margins_match_signals",
    """
    SELECT coalesce(s.signal_id, m.signal_id) AS signal_id
    FROM (SELECT signal_id FROM signals) s FULL JOIN (SELECT signal_id FROM event_margins) m
        ON s.signal_id = m.signal_id
    WHERE s.signal_id IS NULL OR m.signal_id IS NULL
    """,
    "Every signal must have its margin row, and no other may exist.",
)

MARGINS_MATCH_LINKS = Invariant(
    "margins_match_links",
    """
    SELECT m.signal_id, m.cost_status, m.cost_usd, l.cost_usd AS linked_usd, m.model_calls, l.calls
    FROM event_margins m
    LEFT JOIN (
        SELECT signal_id, count(*) AS calls, count(*) - count(cost_usd) AS unpriced,
               CASE WHEN bool_or(coalesce(repeating.cost_repeated, false)) THEN sum(repeating.whole_usd)
                    ELSE sum(cost_usd) END AS cost_usd
        FROM cost_links
        LEFT JOIN (
            SELECT r.signal_id, k.cost_id, true AS cost_repeated, c.cost_usd AS whole_usd
            FROM (SELECT signal_id FROM event_margins WHERE cost_repeated) r
            JOIN cost_links k USING (signal_id) JOIN costs c USING (cost_id)
        ) repeating USING (signal_id, cost_id)
        GROUP BY signal_id
    ) l USING (signal_id)
    WHERE m.model_calls IS DISTINCT FROM coalesce(l.calls, 0)
       OR m.unpriced_calls IS DISTINCT FROM coalesce(l.unpriced, 0)
       OR m.cost_usd IS DISTINCT FROM
            CASE WHEN m.cost_status IN ('untraced', 'unpriced') THEN NULL ELSE coalesce(l.cost_usd, 0) END
    """,
    "The cost and calls of an event must be those of its links, or the whole costs where it repeats them.",
)

MARGIN_IS_REVENUE_LESS_COST = Invariant(
    "margin_is_revenue_less_cost",
    """
    SELECT signal_id, cost_status, revenue_usd, cost_usd, margin_usd FROM event_margins
    WHERE margin_usd IS DISTINCT FROM
        CASE WHEN cost_status IN ('complete', 'no_calls') THEN revenue_usd - cost_usd END
    """,
    "A margin must be revenue less cost, and NULL unless both are fully known.",
)

LINKS_HAVE_TIMES = Invariant(
    "links_have_times",
    """
    SELECT l.cost_id, l.signal_id, l.occurred_at, l.event_at
    FROM cost_links l JOIN costs c USING (cost_id) JOIN signals s USING (signal_id)
    WHERE l.occurred_at IS DISTINCT FROM c.occurred_at OR l.event_at IS DISTINCT FROM s.occurred_at
    """,
    "A link must lie in time where its cost and its event do.",
)

STATED_COSTS_HAVE_THEIR_EVENT = Invariant(
    "stated_costs_have_their_event",
    """
    SELECT c.cost_id, l.signal_id, l.cost_usd
    FROM costs c LEFT JOIN cost_links l USING (cost_id)
    WHERE c.source = 'signal' AND (
        l.signal_id IS DISTINCT FROM concat('sig_', c.trace_id) OR l.cost_usd IS DISTINCT FROM c.cost_usd
    )
    """,
    "A cost that an event states must be borne by that event, whole.",
)

_DAILY = ", ".join(DAILY_COLUMNS)

ROLLED_DAYS_HOLD = Invariant(
    "rolled_days_hold",
    f"""
    WITH kept AS (
        SELECT {_DAILY} FROM margin_rollup
        WHERE day IN (SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL)
    ), worked_out AS (
        SELECT {_DAILY} FROM ({daily_sql()})
        WHERE day <= (SELECT max(day) FROM rolled_days)
          AND day NOT IN (SELECT day FROM rolled_days WHERE rolled_at IS NULL)
    )
    SELECT * FROM (FROM kept EXCEPT ALL FROM worked_out)
    UNION ALL
    SELECT * FROM (FROM worked_out EXCEPT ALL FROM kept)
    """,
    "A day that is rolled up must be what its events and costs come to.",
)

INVARIANTS: tuple[Invariant, ...] = (
    CONSERVATION,
    LINKS_ADD_UP,
    LINKS_HAVE_ENDS,
    NO_DUPLICATES,
    PRICED_HAS_RATE,
    AGGREGATES_WITHOUT_MONEY,
    UNKNOWN_IS_NULL,
    PARTS_ADD_UP,
    MARGINS_MATCH_SIGNALS,
    MARGINS_MATCH_LINKS,
    MARGIN_IS_REVENUE_LESS_COST,
    LINKS_HAVE_TIMES,
    STATED_COSTS_HAVE_THEIR_EVENT,
    ROLLED_DAYS_HOLD,
)
"""All of them, in the order to show them. They read spans, costs, signals, cost_links, event_margins, rates,
margin_rollup and rolled_days."""
