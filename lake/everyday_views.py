"""More everyday questions: caches, failures, model mixes, the worst events, what nobody bears, changes of prices.

Money is exact. A cost that several events show in full (`attribution = "each"`) counts here in its shares, once.
"""

from lake.definitions import View

_MILLIONTH = "0.000001::DECIMAL(7,6)"

CACHE_SAVINGS = View(
    "cache_savings",
    "Per day, provider and model: what prompt caches saved. full_rate_usd is what the tokens read from and written to "
    "caches would have cost as plain input at the rate of the call; saved_usd is that less what was charged, negative "
    "where writing cost more than reading saved. unknown_calls used a cache too, at a price that the rate does not "
    "show (a discount, another currency, no price): they are in none of the amounts.",
    f"""
WITH used AS (
    SELECT c.*,
           coalesce(cache_read_tokens, 0) AS read_tokens,
           coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) AS written_tokens
    FROM billable_costs AS c
    WHERE coalesce(cache_read_tokens, 0) + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) > 0
), rated AS (
    SELECT u.*,
           r.input_mtok * read_tokens::DECIMAL(18,0) * {_MILLIONTH} AS read_full_usd,
           r.input_mtok * written_tokens::DECIMAL(18,0) * {_MILLIONTH} AS written_full_usd,
           r.cache_read_mtok * read_tokens::DECIMAL(18,0) * {_MILLIONTH} AS read_listed_usd
    FROM used AS u
    LEFT JOIN rates AS r ON r.rate_id = u.rate_id AND r.currency IS NULL
), judged AS (
    SELECT *,
           coalesce(status = 'priced' AND read_full_usd IS NOT NULL
                    AND cache_read_cost_usd + cache_write_cost_usd IS NOT NULL
                    AND (read_tokens = 0 OR abs(cache_read_cost_usd - read_listed_usd) <= 0.000000000001)
                    AND (written_tokens = 0 OR cache_write_cost_usd > 0)
                    AND (price_rule IS NULL OR read_tokens > 0 AND written_tokens = 0), false) AS known
    FROM rated
)
SELECT make_timestamp(epoch_us(occurred_at))::DATE AS day,
       provider,
       coalesce(model, response_model, request_model) AS model,
       count(*) AS calls,
       count(*) FILTER (WHERE NOT known) AS unknown_calls,
       sum(read_tokens)::BIGINT AS cache_read_tokens,
       sum(written_tokens)::BIGINT AS cache_write_tokens,
       (sum(read_full_usd + written_full_usd) FILTER (WHERE known))::DECIMAL(38,12) AS full_rate_usd,
       sum(cache_read_cost_usd + cache_write_cost_usd) FILTER (WHERE known) AS charged_usd,
       (sum(read_full_usd + written_full_usd - cache_read_cost_usd - cache_write_cost_usd)
        FILTER (WHERE known))::DECIMAL(38,12) AS saved_usd
FROM judged
GROUP BY ALL
""",
)

ERRORS_AND_RETRIES = View(
    "errors_and_retries",
    "Per day, provider and requested model: calls that ended in an error, and how many of them were tried again (the "
    "same span asked the same model once more), with what the provider charged for them all the same. "
    "failed_unpriced_calls have an unknown cost, which is in no amount.",
    """
WITH attempts AS (
    SELECT make_timestamp(epoch_us(occurred_at))::DATE AS day,
           provider,
           coalesce(request_model, response_model) AS request_model,
           coalesce(failed, false) AS failed,
           coalesce(failed, false) AND trace_id IS NOT NULL AND parent_span_id IS NOT NULL
               AND lead(cost_id) OVER (
                   PARTITION BY trace_id, parent_span_id, provider, coalesce(request_model, response_model)
                   ORDER BY occurred_at, cost_id) IS NOT NULL AS tried_again,
           cost_usd
    FROM billable_costs
)
SELECT day,
       provider,
       request_model,
       count(*) AS calls,
       count(*) FILTER (WHERE failed) AS failed_calls,
       count(*) FILTER (WHERE tried_again) AS retried_calls,
       count(*) FILTER (WHERE failed AND cost_usd IS NULL) AS failed_unpriced_calls,
       CASE WHEN count(*) FILTER (WHERE failed) = 0 THEN 0
            ELSE sum(cost_usd) FILTER (WHERE failed) END AS failed_cost_usd,
       CASE WHEN count(*) FILTER (WHERE tried_again) = 0 THEN 0
            ELSE sum(cost_usd) FILTER (WHERE tried_again) END AS retried_cost_usd,
       (100 * count(*) FILTER (WHERE failed) / count(*))::DECIMAL(18,6) AS failed_pct
FROM attempts
GROUP BY ALL
""",
)

EVENT_COSTS = View(
    "event_costs",
    "event_margins with every cost counted once: an event that shows shared costs in full has its share here, so that "
    "cost_usd and margin_usd may be added up. models are those that answered for it.",
    """
WITH borne AS (
    SELECT l.signal_id,
           sum(l.cost_usd) AS shared_usd,
           string_agg(DISTINCT coalesce(c.model, c.response_model, c.request_model), ' + '
                      ORDER BY coalesce(c.model, c.response_model, c.request_model))
               FILTER (WHERE NOT coalesce(c.failed, false)) AS models
    FROM cost_links AS l
    JOIN costs AS c ON c.cost_id = l.cost_id
    GROUP BY l.signal_id
)
SELECT m.signal_id,
       m.event_name,
       m.customer_id,
       m.product_id,
       m.occurred_at,
       b.models,
       m.revenue_usd,
       m.revenue_rule,
       CASE WHEN m.cost_repeated THEN b.shared_usd ELSE m.cost_usd END::DECIMAL(38,12) AS cost_usd,
       CASE WHEN m.margin_usd IS NOT NULL AND m.cost_repeated
            THEN m.revenue_usd - b.shared_usd ELSE m.margin_usd END::DECIMAL(38,12) AS margin_usd,
       m.value_usd,
       m.model_calls,
       m.unpriced_calls,
       m.cost_status
FROM event_margins AS m
LEFT JOIN borne AS b ON b.signal_id = m.signal_id
""",
)

WORST_EVENTS = View(
    "worst_events",
    "Events by what they left, least first; those whose margin is unknown are left out. Add LIMIT 10.",
    """
SELECT signal_id, customer_id, product_id, event_name, occurred_at, models, model_calls,
       revenue_usd, cost_usd, margin_usd
FROM event_costs
WHERE margin_usd IS NOT NULL
ORDER BY margin_usd, signal_id
""",
)

MARGIN_BY_MODEL_MIX = View(
    "margin_by_model_mix",
    "Per product, event and the models that answered together: how often, what it earns, costs and leaves. models is "
    "NULL for events without calls. margin_usd is NULL while that of one of them is unknown.",
    """
SELECT product_id,
       event_name,
       models,
       count(*) AS signals,
       sum(revenue_usd) AS revenue_usd,
       sum(cost_usd) AS cost_usd,
       CASE WHEN bool_and(margin_usd IS NOT NULL) THEN sum(margin_usd) END AS margin_usd,
       CASE WHEN bool_and(margin_usd IS NOT NULL) AND sum(revenue_usd) <> 0
            THEN (100 * sum(margin_usd) / sum(revenue_usd))::DECIMAL(38,6) END AS margin_pct,
       sum(model_calls)::BIGINT AS model_calls,
       sum(unpriced_calls)::BIGINT AS unpriced_calls,
       count(*) FILTER (WHERE margin_usd IS NULL) AS signals_without_margin
FROM event_costs
GROUP BY ALL
""",
)

UNCLAIMED_BY_SERVICE = View(
    "unclaimed_by_service",
    "Per day, service and model: the cost that no event bears, most of it for want of a signal. "
    "calls_without_customer can be given to no customer either.",
    """
SELECT make_timestamp(epoch_us(u.occurred_at))::DATE AS day,
       s.service_name,
       u.provider,
       coalesce(u.model, u.response_model, u.request_model) AS model,
       count(*) AS calls,
       count(*) FILTER (WHERE u.cost_usd IS NULL) AS unpriced_calls,
       count(*) FILTER (WHERE u.customer_id IS NULL) AS calls_without_customer,
       sum(u.cost_usd) AS cost_usd
FROM unclaimed_costs AS u
LEFT JOIN spans AS s ON s.trace_id = u.trace_id AND s.span_id = u.span_id
GROUP BY ALL
""",
)

PRICE_CHANGES = View(
    "price_changes",
    "Every dated change of a price in a price book, with the price before, and the calls charged at the new one.",
    """
WITH dated AS (
    SELECT *,
           lag(rate_id) OVER series AS previous_rate_id,
           lag(input_mtok) OVER series AS input_mtok_before,
           lag(cache_read_mtok) OVER series AS cache_read_mtok_before,
           lag(output_mtok) OVER series AS output_mtok_before
    FROM rates
    WINDOW series AS (
        PARTITION BY catalog_id, provider, model, processing, service_tier, region, condition, currency,
                     window_start, window_end, weekdays, tier_min
        ORDER BY valid_from NULLS FIRST)
), charged AS (
    SELECT rate_id, count(*) AS calls, sum(cost_usd) AS cost_usd
    FROM billable_costs
    GROUP BY rate_id
)
SELECT d.catalog_id, d.provider, d.model, d.processing, d.service_tier, d.region, d.tier_min,
       d.valid_from AS changed_at,
       d.previous_rate_id, d.rate_id,
       d.input_mtok_before, d.input_mtok,
       d.cache_read_mtok_before, d.cache_read_mtok,
       d.output_mtok_before, d.output_mtok,
       coalesce(c.calls, 0) AS calls,
       c.cost_usd
FROM dated AS d
LEFT JOIN charged AS c ON c.rate_id = d.rate_id
WHERE d.previous_rate_id IS NOT NULL
  AND (d.input_mtok IS DISTINCT FROM d.input_mtok_before
       OR d.cache_read_mtok IS DISTINCT FROM d.cache_read_mtok_before
       OR d.output_mtok IS DISTINCT FROM d.output_mtok_before)
""",
)

EVERYDAY_VIEWS = (
    CACHE_SAVINGS,
    ERRORS_AND_RETRIES,
    EVENT_COSTS,
    WORST_EVENTS,
    MARGIN_BY_MODEL_MIX,
    UNCLAIMED_BY_SERVICE,
    PRICE_CHANGES,
)
