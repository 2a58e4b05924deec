-- Days in views are told in a quicker way.

CREATE OR REPLACE VIEW cost_by_model_daily AS
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
GROUP BY ALL;

COMMENT ON VIEW cost_by_model_daily IS 'Calls, tokens and cost per day, provider and model. estimated_: sampled calls count for what they stand for.';

CREATE OR REPLACE VIEW coverage AS
SELECT make_timestamp(epoch_us(occurred_at))::DATE AS day,
       count(*) AS calls,
       count(cost_usd) AS priced_calls,
       count(*) FILTER (WHERE status = 'unpriced') AS unpriced_calls,
       count(*) FILTER (WHERE usage_source = 'missing') AS calls_without_usage,
       (100 * count(cost_usd) / count(*))::DECIMAL(18,6) AS priced_pct
FROM billable_costs
GROUP BY ALL;

COMMENT ON VIEW coverage IS 'Per day: how many billable calls have a known cost, and which share that is.';

CREATE OR REPLACE VIEW reported_costs_daily AS
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
GROUP BY ALL;

COMMENT ON VIEW reported_costs_daily IS 'Per day, provider and model: our list price beside what the senders say the same calls cost. Calls priced by an own price or discount are left out; worst_cost_id is the call furthest apart.';

CREATE OR REPLACE VIEW value_by_metric AS
SELECT date_trunc('month', make_timestamp(epoch_us(v.occurred_at)))::DATE AS month,
       m.customer_id, m.product_id, m.event_name, v.metric, v.unit,
       count(*) AS signals,
       sum(v.amount) AS amount,
       sum(v.value_usd) AS value_usd,
       count(v.note) AS unknown
FROM event_values AS v
JOIN event_margins AS m USING (signal_id)
GROUP BY ALL;

COMMENT ON VIEW value_by_metric IS 'Per month, customer, product, event and metric: how much was delivered, and what it is worth. unknown counts the events whose data could not be read; they are in no sum.';

CREATE OR REPLACE VIEW cache_savings AS
WITH used AS (
    SELECT c.*,
           coalesce(cache_read_tokens, 0) AS read_tokens,
           coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) AS written_tokens
    FROM billable_costs AS c
    WHERE coalesce(cache_read_tokens, 0) + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) > 0
), rated AS (
    SELECT u.*,
           r.input_mtok * read_tokens::DECIMAL(18,0) * 0.000001::DECIMAL(7,6) AS read_full_usd,
           r.input_mtok * written_tokens::DECIMAL(18,0) * 0.000001::DECIMAL(7,6) AS written_full_usd,
           r.cache_read_mtok * read_tokens::DECIMAL(18,0) * 0.000001::DECIMAL(7,6) AS read_listed_usd
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
GROUP BY ALL;

COMMENT ON VIEW cache_savings IS 'Per day, provider and model: what prompt caches saved. full_rate_usd is what the tokens read from and written to caches would have cost as plain input at the rate of the call; saved_usd is that less what was charged, negative where writing cost more than reading saved. unknown_calls used a cache too, at a price that the rate does not show (a discount, another currency, no price): they are in none of the amounts.';

CREATE OR REPLACE VIEW errors_and_retries AS
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
GROUP BY ALL;

COMMENT ON VIEW errors_and_retries IS 'Per day, provider and requested model: calls that ended in an error, and how many of them were tried again (the same span asked the same model once more), with what the provider charged for them all the same. failed_unpriced_calls have an unknown cost, which is in no amount.';

CREATE OR REPLACE VIEW unclaimed_by_service AS
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
GROUP BY ALL;

COMMENT ON VIEW unclaimed_by_service IS 'Per day, service and model: the cost that no event bears, most of it for want of a signal. calls_without_customer can be given to no customer either.';
