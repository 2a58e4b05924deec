-- Value, days rolled up, alerts, and the everyday views.

ALTER TABLE cost_links ADD COLUMN event_at TIMESTAMPTZ;

COMMENT ON COLUMN cost_links.event_at IS 'When the event happened.';

UPDATE cost_links SET event_at = s.occurred_at FROM signals AS s WHERE s.signal_id = cost_links.signal_id;

COMMENT ON COLUMN event_margins.value_usd IS 'Value delivered to the customer, all metrics; NULL where none, or a part is unknown.';

COMMENT ON COLUMN event_values.model_version IS 'Version of the value model that says so: joins value_models.';

ALTER TABLE event_values ADD COLUMN note VARCHAR;

COMMENT ON COLUMN event_values.note IS 'Why amount or value_usd is unknown; NULL where nothing is amiss.';

CREATE TABLE margin_rollup (
    day DATE NOT NULL,
    customer_id VARCHAR,
    product_id VARCHAR,
    event_name VARCHAR,
    signals BIGINT NOT NULL,
    revenue_usd DECIMAL(38,12),
    linked_cost_usd DECIMAL(38,12) NOT NULL,
    unclaimed_cost_usd DECIMAL(38,12) NOT NULL,
    margin_usd DECIMAL(38,12),
    value_usd DECIMAL(38,12),
    unpriced_calls BIGINT NOT NULL,
    signals_without_revenue BIGINT NOT NULL,
    untraced_signals BIGINT NOT NULL,
    estimated_cost_usd DECIMAL(38,12) NOT NULL
);

COMMENT ON TABLE margin_rollup IS 'The rows of margin_daily for days that are rolled up. Read margin_daily, which knows whether they hold.';

COMMENT ON COLUMN margin_rollup.day IS 'Day, UTC.';

COMMENT ON COLUMN margin_rollup.customer_id IS 'Customer served.';

COMMENT ON COLUMN margin_rollup.product_id IS 'Product or agent.';

COMMENT ON COLUMN margin_rollup.event_name IS 'What happened; NULL: costs that no event bears.';

COMMENT ON COLUMN margin_rollup.signals IS 'Events.';

COMMENT ON COLUMN margin_rollup.revenue_usd IS 'What they earn, as far as known.';

COMMENT ON COLUMN margin_rollup.linked_cost_usd IS 'Costs they bear, as far as known.';

COMMENT ON COLUMN margin_rollup.unclaimed_cost_usd IS 'Costs that no event bears, as far as known.';

COMMENT ON COLUMN margin_rollup.margin_usd IS 'Revenue less costs; NULL when one of them is not fully known.';

COMMENT ON COLUMN margin_rollup.value_usd IS 'Value delivered.';

COMMENT ON COLUMN margin_rollup.unpriced_calls IS 'Calls without a known price.';

COMMENT ON COLUMN margin_rollup.signals_without_revenue IS 'Events whose revenue no rule says.';

COMMENT ON COLUMN margin_rollup.untraced_signals IS 'Events whose costs are not traced.';

COMMENT ON COLUMN margin_rollup.estimated_cost_usd IS 'All costs, sampled calls for what they stand for.';

CREATE TABLE rolled_days (
    day DATE NOT NULL,
    rolled_at TIMESTAMPTZ,
    claim VARCHAR
);

COMMENT ON TABLE rolled_days IS 'Days up to the last that was rolled up. A day before that without a row has no events and no costs.';

COMMENT ON COLUMN rolled_days.day IS 'Day, UTC.';

COMMENT ON COLUMN rolled_days.rolled_at IS 'When it was rolled up; NULL: it changed since, and is worked out as it is read.';

COMMENT ON COLUMN rolled_days.claim IS 'The rollup that works on it right now; gone when the day changes meanwhile.';

CREATE TABLE value_models (
    version BIGINT NOT NULL,
    content JSON NOT NULL,
    effective_from TIMESTAMPTZ,
    effective_to TIMESTAMPTZ,
    recorded_at TIMESTAMPTZ
);

COMMENT ON TABLE value_models IS 'Versions of the value model, as written. An event goes by the newest one in force when it happened.';

COMMENT ON COLUMN value_models.version IS 'Number of the version; event_values.model_version.';

COMMENT ON COLUMN value_models.content IS 'The model: metric (of the configuration), model (a manifest), groups.';

COMMENT ON COLUMN value_models.effective_from IS 'In force for events from here on; NULL: since ever.';

COMMENT ON COLUMN value_models.effective_to IS 'In force until just before; NULL: without end.';

COMMENT ON COLUMN value_models.recorded_at IS 'When the lake first had it.';

CREATE TABLE alerts (
    alert_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    customer_id VARCHAR,
    product_id VARCHAR,
    event_name VARCHAR,
    window_start TIMESTAMPTZ NOT NULL,
    window_end TIMESTAMPTZ NOT NULL,
    level DECIMAL(18,6),
    value DECIMAL(38,12),
    threshold DECIMAL(38,12) NOT NULL,
    unit VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    note VARCHAR,
    fired_at TIMESTAMPTZ NOT NULL,
    resolved_at TIMESTAMPTZ,
    delivered_at TIMESTAMPTZ,
    attempts BIGINT NOT NULL,
    next_attempt_at TIMESTAMPTZ,
    last_error VARCHAR
);

COMMENT ON TABLE alerts IS 'One row per alert rule, scope and window that fired: what was found, and whether it was delivered.';

COMMENT ON COLUMN alerts.alert_id IS 'Identity: a hash of rule, scope, window and level.';

COMMENT ON COLUMN alerts.rule IS 'Name of the rule in the settings.';

COMMENT ON COLUMN alerts.kind IS 'margin_below, unclaimed_above, unpriced_above, ...: what it watches.';

COMMENT ON COLUMN alerts.severity IS 'info, warning or critical.';

COMMENT ON COLUMN alerts.customer_id IS 'Customer it is about; NULL: all that the rule looks at.';

COMMENT ON COLUMN alerts.product_id IS 'Product it is about; NULL: all that the rule looks at.';

COMMENT ON COLUMN alerts.event_name IS 'Event it is about; NULL: all that the rule looks at.';

COMMENT ON COLUMN alerts.window_start IS 'Begin of the time it is about.';

COMMENT ON COLUMN alerts.window_end IS 'End of that time, exclusive.';

COMMENT ON COLUMN alerts.level IS 'Which percentage of a budget; NULL for other kinds.';

COMMENT ON COLUMN alerts.value IS 'The figure when it fired; NULL: costs and no revenue.';

COMMENT ON COLUMN alerts.threshold IS 'The figure from which on it fires.';

COMMENT ON COLUMN alerts.unit IS 'Unit of both: %, USD or calls.';

COMMENT ON COLUMN alerts.state IS 'firing or resolved.';

COMMENT ON COLUMN alerts.note IS 'What else there is to know of the figure.';

COMMENT ON COLUMN alerts.fired_at IS 'When we found it.';

COMMENT ON COLUMN alerts.resolved_at IS 'When we found it gone.';

COMMENT ON COLUMN alerts.delivered_at IS 'When the webhook took the present state.';

COMMENT ON COLUMN alerts.attempts IS 'How often its delivery was begun.';

COMMENT ON COLUMN alerts.next_attempt_at IS 'When it is delivered (again); NULL: delivered, given up, or nobody to tell.';

COMMENT ON COLUMN alerts.last_error IS 'Why the last attempt failed.';

CREATE OR REPLACE VIEW margin_by_event AS
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
GROUP BY ALL;

COMMENT ON VIEW margin_by_event IS 'Per product and event: how often, what it earns, costs and leaves on average. A cost that several events show in full counts once, in its shares.';

CREATE OR REPLACE VIEW margin_daily AS
SELECT day, customer_id, product_id, event_name, signals, revenue_usd, linked_cost_usd, unclaimed_cost_usd, margin_usd, value_usd, unpriced_calls, signals_without_revenue, untraced_signals, estimated_cost_usd
FROM margin_rollup
SEMI JOIN (SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL) USING (day)
UNION ALL
SELECT day, customer_id, product_id, event_name, signals, revenue_usd, linked_cost_usd, unclaimed_cost_usd, margin_usd, value_usd, unpriced_calls, signals_without_revenue, untraced_signals, estimated_cost_usd
FROM (
WITH earned AS (
    SELECT make_timestamp(epoch_us(occurred_at))::DATE AS day, customer_id, product_id, event_name,
           count(*) AS signals, sum(revenue_usd) AS revenue_usd,
           count(*) FILTER (WHERE revenue_usd IS NULL) AS signals_without_revenue,
           count(*) FILTER (WHERE cost_status = 'untraced') AS untraced_signals, sum(value_usd) AS value_usd
    FROM event_margins
    WHERE (occurred_at >= (SELECT coalesce((
    SELECT least(min(day) FILTER (WHERE rolled_at IS NULL), max(day) + 1)::TIMESTAMP AT TIME ZONE 'UTC' FROM rolled_days
), '-infinity'::TIMESTAMPTZ)) AND make_timestamp(epoch_us(occurred_at))::DATE NOT IN (SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL))
    GROUP BY ALL
), linked AS (
    SELECT c.cost_id, c.customer_id, c.product_id, c.occurred_at, c.sampling_weight, l.signal_id,
           CASE WHEN l.cost_id IS NULL THEN c.cost_usd ELSE l.cost_usd END AS cost_usd
    FROM (SELECT * FROM costs WHERE (occurred_at >= (SELECT coalesce((
    SELECT least(min(day) FILTER (WHERE rolled_at IS NULL), max(day) + 1)::TIMESTAMP AT TIME ZONE 'UTC' FROM rolled_days
), '-infinity'::TIMESTAMPTZ)) AND make_timestamp(epoch_us(occurred_at))::DATE NOT IN (SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL))) AS c
    LEFT JOIN (SELECT * FROM cost_links WHERE (occurred_at >= (SELECT coalesce((
    SELECT least(min(day) FILTER (WHERE rolled_at IS NULL), max(day) + 1)::TIMESTAMP AT TIME ZONE 'UTC' FROM rolled_days
), '-infinity'::TIMESTAMPTZ)) AND make_timestamp(epoch_us(occurred_at))::DATE NOT IN (SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL))) AS l ON l.cost_id = c.cost_id
    WHERE l.cost_id IS NOT NULL OR c.status <> 'aggregate'
    UNION ALL
    SELECT c.cost_id, c.customer_id, c.product_id, c.occurred_at, c.sampling_weight, l.signal_id, l.cost_usd
    FROM (SELECT * FROM cost_links WHERE (event_at >= (SELECT coalesce((
    SELECT least(min(day) FILTER (WHERE rolled_at IS NULL), max(day) + 1)::TIMESTAMP AT TIME ZONE 'UTC' FROM rolled_days
), '-infinity'::TIMESTAMPTZ)) AND make_timestamp(epoch_us(event_at))::DATE NOT IN (SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL)) AND NOT (occurred_at >= (SELECT coalesce((
    SELECT least(min(day) FILTER (WHERE rolled_at IS NULL), max(day) + 1)::TIMESTAMP AT TIME ZONE 'UTC' FROM rolled_days
), '-infinity'::TIMESTAMPTZ)) AND make_timestamp(epoch_us(occurred_at))::DATE NOT IN (SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL))) AS l
    JOIN costs AS c ON c.cost_id = l.cost_id
), borne AS (
    SELECT make_timestamp(epoch_us(coalesce(m.occurred_at, l.occurred_at)))::DATE AS day,
           coalesce(l.customer_id, m.customer_id) AS customer_id,
           coalesce(l.product_id, m.product_id) AS product_id,
           m.event_name,
           sum(l.cost_usd) FILTER (WHERE l.signal_id IS NOT NULL) AS linked_cost_usd,
           sum(l.cost_usd) FILTER (WHERE l.signal_id IS NULL) AS unclaimed_cost_usd,
           sum(l.cost_usd) FILTER (WHERE l.sampling_weight IS NULL) AS unsampled_cost_usd,
           sum(l.cost_usd * l.sampling_weight) AS sampled_cost_usd,
           count(DISTINCT l.cost_id) FILTER (WHERE l.cost_usd IS NULL) AS unpriced_calls
    FROM linked AS l
    LEFT JOIN (SELECT * FROM event_margins WHERE (occurred_at >= (SELECT coalesce((
    SELECT least(min(day) FILTER (WHERE rolled_at IS NULL), max(day) + 1)::TIMESTAMP AT TIME ZONE 'UTC' FROM rolled_days
), '-infinity'::TIMESTAMPTZ)) AND make_timestamp(epoch_us(occurred_at))::DATE NOT IN (SELECT day FROM rolled_days WHERE rolled_at IS NOT NULL))) AS m ON m.signal_id = l.signal_id
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
GROUP BY ALL);

COMMENT ON VIEW margin_daily IS 'Per day, customer, product and event: revenue, linked and unclaimed cost, margin. Every cost is counted once: linked ones on the day of their event, unclaimed ones (event_name NULL) on their own day. estimated_cost_usd weighs the costs of sampled spans by what they stand for.';

CREATE OR REPLACE VIEW margin_by_customer AS
SELECT customer_id,
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
GROUP BY ALL;

COMMENT ON VIEW margin_by_customer IS 'Per customer: revenue, cost, margin. Costs counted once each, unclaimed ones included. margin_usd is NULL while a price, a revenue or an event''s cost is unknown; margin_known_usd is what the known figures leave.';

CREATE OR REPLACE VIEW margin_by_product AS
SELECT product_id,
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
GROUP BY ALL;

COMMENT ON VIEW margin_by_product IS 'Per product: revenue, cost, margin. Costs counted once each, unclaimed ones included. margin_usd is NULL while a price, a revenue or an event''s cost is unknown; margin_known_usd is what the known figures leave.';

CREATE OR REPLACE VIEW margin_monthly AS
SELECT date_trunc('month', day)::DATE AS month, customer_id, product_id,
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
GROUP BY ALL;

COMMENT ON VIEW margin_monthly IS 'Per month, customer and product: revenue, cost, margin. Costs counted once each, unclaimed ones included. margin_usd is NULL while a price, a revenue or an event''s cost is unknown; margin_known_usd is what the known figures leave.';

CREATE OR REPLACE VIEW event_roi AS
SELECT signal_id, event_name, customer_id, product_id, occurred_at, revenue_rule, revenue_usd, cost_usd, margin_usd,
       value_usd,
       CASE WHEN revenue_usd > 0 THEN TRY_CAST(value_usd / revenue_usd AS DECIMAL(38,6)) END AS roi
FROM event_margins;

COMMENT ON VIEW event_roi IS 'Per event: what it delivered beside what was paid for it. roi = value_usd / revenue_usd; NULL when either is unknown or nothing was paid.';

CREATE OR REPLACE VIEW value_by_metric AS
SELECT date_trunc('month', v.occurred_at AT TIME ZONE 'UTC')::DATE AS month,
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
SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day,
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
    SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day,
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

CREATE OR REPLACE VIEW event_costs AS
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
LEFT JOIN borne AS b ON b.signal_id = m.signal_id;

COMMENT ON VIEW event_costs IS 'event_margins with every cost counted once: an event that shows shared costs in full has its share here, so that cost_usd and margin_usd may be added up. models are those that answered for it.';

CREATE OR REPLACE VIEW worst_events AS
SELECT signal_id, customer_id, product_id, event_name, occurred_at, models, model_calls,
       revenue_usd, cost_usd, margin_usd
FROM event_costs
WHERE margin_usd IS NOT NULL
ORDER BY margin_usd, signal_id;

COMMENT ON VIEW worst_events IS 'Events by what they left, least first; those whose margin is unknown are left out. Add LIMIT 10.';

CREATE OR REPLACE VIEW margin_by_model_mix AS
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
GROUP BY ALL;

COMMENT ON VIEW margin_by_model_mix IS 'Per product, event and the models that answered together: how often, what it earns, costs and leaves. models is NULL for events without calls. margin_usd is NULL while that of one of them is unknown.';

CREATE OR REPLACE VIEW unclaimed_by_service AS
SELECT (u.occurred_at AT TIME ZONE 'UTC')::DATE AS day,
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

CREATE OR REPLACE VIEW price_changes AS
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
       OR d.output_mtok IS DISTINCT FROM d.output_mtok_before);

COMMENT ON VIEW price_changes IS 'Every dated change of a price in a price book, with the price before, and the calls charged at the new one.';
