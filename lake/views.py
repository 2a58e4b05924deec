"""The everyday questions, as views. Each is one SELECT; later ones build on earlier ones."""

from lake.daily import CLEAN_DAYS, DAILY_COLUMNS, daily_sql, not_rolled
from lake.definitions import View
from lake.everyday_views import EVERYDAY_VIEWS

BILLABLE_COSTS = View(
    "billable_costs",
    "Every cost that counts once: costs without the rows that repeat what others report.",
    "SELECT * FROM costs WHERE status <> 'aggregate'",
)

UNCLAIMED_COSTS = View(
    "unclaimed_costs",
    "Costs that no signal bears. Linked plus unclaimed is everything, exactly.",
    "SELECT * FROM billable_costs ANTI JOIN cost_links USING (cost_id)",
)

COST_BY_MODEL_DAILY = View(
    "cost_by_model_daily",
    "Calls, tokens and cost per day, provider and model. estimated_: sampled calls count for what they stand for.",
    """
SELECT make_timestamp(epoch_us(occurred_at))::DATE AS day,
       provider,
       coalesce(model, response_model, request_model) AS model,
       count(*) AS calls,
       count(*) FILTER (WHERE status = 'unpriced') AS unpriced_calls,
       sum(input_tokens)::BIGINT AS input_tokens,
       sum(cache_read_tokens)::BIGINT AS cache_read_tokens,
       sum(output_tokens)::BIGINT AS output_tokens,
       sum(reasoning_tokens)::BIGINT AS reasoning_tokens,
       sum(cost_usd) AS cost_usd,
       sum(coalesce(sampling_weight, 1)) AS estimated_calls,
       sum(cost_usd * coalesce(sampling_weight, 1))::DECIMAL(38,12) AS estimated_cost_usd
FROM billable_costs
GROUP BY ALL
""",
)

UNPRICED_MODELS = View(
    "unpriced_models",
    "Models whose calls have no known price, most calls first: what to add to the price book.",
    """
SELECT provider,
       coalesce(response_model, request_model) AS model,
       rate_note,
       count(*) AS calls,
       sum(input_tokens)::BIGINT AS input_tokens,
       sum(output_tokens)::BIGINT AS output_tokens,
       min(occurred_at) AS first_seen,
       max(occurred_at) AS last_seen
FROM costs
WHERE status = 'unpriced'
GROUP BY ALL
ORDER BY calls DESC, provider, model
""",
)

UNMAPPED_KINDS = View(
    "unmapped_kinds",
    "Spans that look like model calls and are not understood, by kind, most spans first: what to map or to report.",
    """
SELECT scope_name,
       name,
       reason,
       attribute_names,
       count(*) AS spans,
       min(occurred_at) AS first_seen,
       max(occurred_at) AS last_seen
FROM unmapped_calls
GROUP BY ALL
ORDER BY spans DESC, scope_name, name, reason, attribute_names
""",
)

COVERAGE = View(
    "coverage",
    "Per day: how many billable calls have a known cost, and which share that is.",
    """
SELECT make_timestamp(epoch_us(occurred_at))::DATE AS day,
       count(*) AS calls,
       count(cost_usd) AS priced_calls,
       count(*) FILTER (WHERE status = 'unpriced') AS unpriced_calls,
       count(*) FILTER (WHERE usage_source = 'missing') AS calls_without_usage,
       (100 * count(cost_usd) / count(*))::DECIMAL(18,6) AS priced_pct
FROM billable_costs
GROUP BY ALL
""",
)

REPORTED_COSTS_DAILY = View(
    "reported_costs_daily",
    "Per day, provider and model: our list price beside what the senders say the same calls cost. Calls priced by an "
    "own price or discount are left out; worst_cost_id is the call furthest apart.",
    """
WITH both_known AS (
    SELECT *, reported_cost_usd - cost_usd AS apart_usd
    FROM billable_costs
    WHERE status = 'priced' AND reported_cost_usd > 0 AND price_rule IS NULL
)
SELECT make_timestamp(epoch_us(occurred_at))::DATE AS day,
       provider,
       model,
       count(*) AS calls,
       sum(cost_usd) AS cost_usd,
       sum(reported_cost_usd) AS reported_cost_usd,
       sum(apart_usd) AS difference_usd,
       TRY_CAST(100 * sum(apart_usd) / nullif(sum(cost_usd), 0) AS DECIMAL(18,6)) AS drift_pct,
       max(struct_pack(apart := abs(apart_usd), cost_id := cost_id)).cost_id AS worst_cost_id
FROM both_known
GROUP BY ALL
""",
)

MARGIN_BY_EVENT = View(
    "margin_by_event",
    "Per product and event: how often, what it earns, costs and leaves on average. A cost that several events show in "
    "full counts once, in its shares.",
    """
WITH shares AS (
    SELECT signal_id, sum(cost_usd) AS shared_usd
    FROM cost_links
    SEMI JOIN (SELECT signal_id FROM event_margins WHERE cost_repeated) USING (signal_id)
    GROUP BY signal_id
), counted AS (
    SELECT m.* REPLACE (
        CASE WHEN m.cost_repeated THEN s.shared_usd ELSE m.cost_usd END AS cost_usd,
        CASE WHEN m.margin_usd IS NOT NULL AND m.cost_repeated
             THEN m.revenue_usd - s.shared_usd ELSE m.margin_usd END AS margin_usd)
    FROM event_margins AS m
    LEFT JOIN shares AS s ON s.signal_id = m.signal_id
)
SELECT product_id,
       event_name,
       count(*) AS signals,
       sum(revenue_usd) AS revenue_usd,
       sum(cost_usd) AS cost_usd,
       CASE WHEN bool_and(margin_usd IS NOT NULL) THEN sum(margin_usd) END AS margin_usd,
       CASE WHEN bool_and(margin_usd IS NOT NULL) AND sum(revenue_usd) <> 0
            THEN (100 * sum(margin_usd) / sum(revenue_usd))::DECIMAL(38,6) END AS margin_pct,
       sum(value_usd) AS value_usd,
       sum(model_calls)::BIGINT AS model_calls,
       sum(unpriced_calls)::BIGINT AS unpriced_calls,
       count(*) FILTER (WHERE revenue_usd IS NULL) AS signals_without_revenue,
       count(*) FILTER (WHERE margin_usd IS NULL) AS signals_without_margin,
       CASE WHEN bool_and(revenue_usd IS NOT NULL) AND sum(revenue_usd) > 0
            THEN TRY_CAST(sum(value_usd) / sum(revenue_usd) AS DECIMAL(38,6)) END AS roi
FROM counted
GROUP BY ALL
""",
)

MARGIN_DAILY = View(
    "margin_daily",
    "Per day, customer, product and event: revenue, linked and unclaimed cost, margin. Every cost is counted once: "
    "linked ones on the day of their event, unclaimed ones (event_name NULL) on their own day. estimated_cost_usd "
    "weighs the costs of sampled spans by what they stand for.",
    f"""
SELECT {", ".join(DAILY_COLUMNS)}
FROM margin_rollup
SEMI JOIN ({CLEAN_DAYS}) USING (day)
UNION ALL
SELECT {", ".join(DAILY_COLUMNS)}
FROM ({daily_sql(not_rolled)})
""",
)


def _margin_totals(name: str, comment: str, grouping: str) -> View:
    """Totals of margin_daily by `grouping`; the margin is NULL as soon as a part of it is unknown."""
    return View(
        name,
        f"{comment} Costs counted once each, unclaimed ones included. margin_usd is NULL while a price, a revenue or "
        "an event's cost is unknown; margin_known_usd is what the known figures leave.",
        f"""
SELECT {grouping},
       sum(signals)::BIGINT AS signals,
       sum(revenue_usd) AS revenue_usd,
       sum(linked_cost_usd) AS linked_cost_usd,
       sum(unclaimed_cost_usd) AS unclaimed_cost_usd,
       sum(linked_cost_usd) + sum(unclaimed_cost_usd) AS cost_usd,
       CASE WHEN bool_and(margin_usd IS NOT NULL) THEN sum(margin_usd) END AS margin_usd,
       coalesce(sum(revenue_usd), 0) - sum(linked_cost_usd) - sum(unclaimed_cost_usd) AS margin_known_usd,
       CASE WHEN bool_and(margin_usd IS NOT NULL) AND sum(revenue_usd) <> 0
            THEN (100 * sum(margin_usd) / sum(revenue_usd))::DECIMAL(38,6) END AS margin_pct,
       sum(value_usd) AS value_usd,
       sum(unpriced_calls)::BIGINT AS unpriced_calls,
       sum(signals_without_revenue)::BIGINT AS signals_without_revenue,
       sum(untraced_signals)::BIGINT AS untraced_signals,
       sum(estimated_cost_usd) AS estimated_cost_usd,
       CASE WHEN sum(signals_without_revenue) = 0 AND sum(revenue_usd) > 0
            THEN TRY_CAST(sum(value_usd) / sum(revenue_usd) AS DECIMAL(38,6)) END AS roi
FROM margin_daily
GROUP BY ALL
""",
    )


MARGIN_BY_CUSTOMER = _margin_totals("margin_by_customer", "Per customer: revenue, cost, margin.", "customer_id")
MARGIN_BY_PRODUCT = _margin_totals("margin_by_product", "Per product: revenue, cost, margin.", "product_id")
MARGIN_MONTHLY = _margin_totals(
    "margin_monthly",
    "Per month, customer and product: revenue, cost, margin.",
    "date_trunc('month', day)::DATE AS month, customer_id, product_id",
)

EVENT_ROI = View(
    "event_roi",
    "Per event: what it delivered beside what was paid for it. roi = value_usd / revenue_usd; NULL when either is "
    "unknown or nothing was paid.",
    """
SELECT signal_id, event_name, customer_id, product_id, occurred_at, revenue_rule, revenue_usd, cost_usd, margin_usd,
       value_usd,
       CASE WHEN revenue_usd > 0 THEN TRY_CAST(value_usd / revenue_usd AS DECIMAL(38,6)) END AS roi
FROM event_margins
""",
)

VALUE_BY_METRIC = View(
    "value_by_metric",
    "Per month, customer, product, event and metric: how much was delivered, and what it is worth. unknown counts the "
    "events whose data could not be read; they are in no sum.",
    """
SELECT date_trunc('month', make_timestamp(epoch_us(v.occurred_at)))::DATE AS month,
       m.customer_id, m.product_id, m.event_name, v.metric, v.unit,
       count(*) AS signals,
       sum(v.amount) AS amount,
       sum(v.value_usd) AS value_usd,
       count(v.note) AS unknown
FROM event_values AS v
JOIN event_margins AS m USING (signal_id)
GROUP BY ALL
""",
)

INGEST_PROGRESS = View(
    "ingest_progress",
    "How far each source has been taken in; it moves in the same transaction as its rows.",
    """
SELECT source, max(position) AS position, max(updated_at) AS updated_at
FROM ingest_log
GROUP BY source
""",
)

ALL_VIEWS = (
    INGEST_PROGRESS,
    BILLABLE_COSTS,
    UNCLAIMED_COSTS,
    COST_BY_MODEL_DAILY,
    UNPRICED_MODELS,
    UNMAPPED_KINDS,
    COVERAGE,
    REPORTED_COSTS_DAILY,
    MARGIN_BY_EVENT,
    MARGIN_DAILY,
    MARGIN_BY_CUSTOMER,
    MARGIN_BY_PRODUCT,
    MARGIN_MONTHLY,
    EVENT_ROI,
    VALUE_BY_METRIC,
    *EVERYDAY_VIEWS,
)
