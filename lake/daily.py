"""What the events and costs of some days come to, per day, customer, product and event: one definition in SQL.

The view `margin_daily` runs it over the days that are not rolled up, a rollup over the days that it rolls up, a check
over all of them. So a rolled day holds what the view would work out.
"""

from collections.abc import Callable

DAILY_COLUMNS = (
    "day", "customer_id", "product_id", "event_name", "signals", "revenue_usd", "linked_cost_usd", "unclaimed_cost_usd",
    "margin_usd", "value_usd", "unpriced_calls", "signals_without_revenue", "untraced_signals", "estimated_cost_usd",
)  # fmt: skip
"""The columns of `margin_daily`, of `margin_rollup` and of what `daily_sql` gives."""

CLEAN_DAYS = "SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL"
"""The days whose rows in `margin_rollup` are what they come to."""

_LIVE_FROM = """coalesce((
    SELECT least(min(day) FILTER (WHERE rolled_at IS NULL), max(day) + 1)::TIMESTAMP AT TIME ZONE 'UTC' FROM rolled_days
), '-infinity'::TIMESTAMPTZ)"""
"""No row before this moment lies on a day that is not rolled up."""


def utc_day(moment: str) -> str:
    """SQL of the UTC day of a TIMESTAMPTZ. Ten times as quick as AT TIME ZONE."""
    return f"make_timestamp(epoch_us({moment}))::DATE"


def not_rolled(moment: str) -> str:
    """SQL condition: this time is on a day that is not rolled up (or not any more)."""
    # The first half says nothing that the second does not, but files and row groups are left out by it.
    return f"({moment} >= (SELECT {_LIVE_FROM}) AND {utc_day(moment)} NOT IN ({CLEAN_DAYS}))"


def daily_sql(among: Callable[[str], str] | None = None) -> str:
    """SELECT of DAILY_COLUMNS for the days that `among` takes: given SQL of a time, a condition (None: all days).

    It must take a day whole or not at all. Linked costs are on the day of their event, unclaimed ones (event_name NULL)
    on their own.
    """
    inside = among or (lambda moment: "true")
    elsewhere = ""
    if among is not None:
        elsewhere = f"""
    UNION ALL
    SELECT c.cost_id, c.customer_id, c.product_id, c.occurred_at, c.sampling_weight, l.signal_id, l.cost_usd
    FROM (SELECT * FROM cost_links WHERE {inside("event_at")} AND NOT {inside("occurred_at")}) AS l
    JOIN costs AS c ON c.cost_id = l.cost_id"""
    return f"""
WITH earned AS (
    SELECT {utc_day("occurred_at")} AS day, customer_id, product_id, event_name,
           count(*) AS signals, sum(revenue_usd) AS revenue_usd,
           count(*) FILTER (WHERE revenue_usd IS NULL) AS signals_without_revenue,
           count(*) FILTER (WHERE cost_status = 'untraced') AS untraced_signals, sum(value_usd) AS value_usd
    FROM event_margins
    WHERE {inside("occurred_at")}
    GROUP BY ALL
), linked AS (
    SELECT c.cost_id, c.customer_id, c.product_id, c.occurred_at, c.sampling_weight, l.signal_id,
           CASE WHEN l.cost_id IS NULL THEN c.cost_usd ELSE l.cost_usd END AS cost_usd
    FROM (SELECT * FROM costs WHERE {inside("occurred_at")}) AS c
    LEFT JOIN (SELECT * FROM cost_links WHERE {inside("occurred_at")}) AS l ON l.cost_id = c.cost_id
    WHERE l.cost_id IS NOT NULL OR c.status <> 'aggregate'{elsewhere}
), borne AS (
    SELECT {utc_day("coalesce(m.occurred_at, l.occurred_at)")} AS day,
           coalesce(l.customer_id, m.customer_id) AS customer_id,
           coalesce(l.product_id, m.product_id) AS product_id,
           m.event_name,
           sum(l.cost_usd) FILTER (WHERE l.signal_id IS NOT NULL) AS linked_cost_usd,
           sum(l.cost_usd) FILTER (WHERE l.signal_id IS NULL) AS unclaimed_cost_usd,
           sum(l.cost_usd) FILTER (WHERE l.sampling_weight IS NULL) AS unsampled_cost_usd,
           sum(l.cost_usd * l.sampling_weight) AS sampled_cost_usd,
           count(DISTINCT l.cost_id) FILTER (WHERE l.cost_usd IS NULL) AS unpriced_calls
    FROM linked AS l
    LEFT JOIN (SELECT * FROM event_margins WHERE {inside("occurred_at")}) AS m ON m.signal_id = l.signal_id
    WHERE l.signal_id IS NULL OR m.signal_id IS NOT NULL
    GROUP BY ALL
), everything AS (
    SELECT day, customer_id, product_id, event_name, signals, signals_without_revenue, untraced_signals,
           revenue_usd, value_usd, NULL AS linked_cost_usd, NULL AS unclaimed_cost_usd,
           NULL AS unsampled_cost_usd, NULL AS sampled_cost_usd, 0 AS unpriced_calls
    FROM earned
    UNION ALL
    SELECT day, customer_id, product_id, event_name, 0, 0, 0, NULL, NULL, linked_cost_usd, unclaimed_cost_usd,
           unsampled_cost_usd, sampled_cost_usd, unpriced_calls
    FROM borne
)
SELECT day, customer_id, product_id, event_name,
       sum(signals)::BIGINT AS signals,
       sum(revenue_usd)::DECIMAL(38,12) AS revenue_usd,
       coalesce(sum(linked_cost_usd), 0)::DECIMAL(38,12) AS linked_cost_usd,
       coalesce(sum(unclaimed_cost_usd), 0)::DECIMAL(38,12) AS unclaimed_cost_usd,
       CASE WHEN sum(unpriced_calls) = 0 AND sum(signals_without_revenue) = 0 AND sum(untraced_signals) = 0
            THEN (coalesce(sum(revenue_usd), 0) - coalesce(sum(linked_cost_usd), 0)
                  - coalesce(sum(unclaimed_cost_usd), 0))::DECIMAL(38,12) END AS margin_usd,
       sum(value_usd)::DECIMAL(38,12) AS value_usd,
       sum(unpriced_calls)::BIGINT AS unpriced_calls,
       sum(signals_without_revenue)::BIGINT AS signals_without_revenue,
       sum(untraced_signals)::BIGINT AS untraced_signals,
       (coalesce(sum(unsampled_cost_usd), 0) + coalesce(sum(sampled_cost_usd), 0))::DECIMAL(38,12) AS estimated_cost_usd
FROM everything
GROUP BY ALL"""
