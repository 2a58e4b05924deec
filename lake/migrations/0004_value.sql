-- Delivered value: the models used, why a value is unknown, and what was delivered for what was paid.

COMMENT ON COLUMN event_margins.value_usd IS 'Value delivered to the customer, all metrics; NULL where none, or a part is unknown.';

COMMENT ON COLUMN event_values.model_version IS 'Version of the value model that says so: joins value_models.';

ALTER TABLE event_values ADD COLUMN note VARCHAR;

COMMENT ON COLUMN event_values.note IS 'Why amount or value_usd is unknown; NULL where nothing is amiss.';

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
