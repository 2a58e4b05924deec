-- Margins and value: what revenue rules can say, repeated costs, samples, and the views over them.

ALTER TABLE costs ADD COLUMN sampling_weight DECIMAL(18,6);

COMMENT ON COLUMN costs.sampling_weight IS 'How many calls this one stands for; NULL when not sampled.';

ALTER TABLE event_margins ADD COLUMN recurring_usd DECIMAL(18,12);

COMMENT ON COLUMN event_margins.recurring_usd IS 'The event''s share of a recurring fee, part of revenue_usd.';

ALTER TABLE event_margins ADD COLUMN original_currency VARCHAR;

COMMENT ON COLUMN event_margins.original_currency IS 'Currency in which it earns, where that is not US dollars.';

ALTER TABLE event_margins ADD COLUMN original_revenue DECIMAL(18,12);

COMMENT ON COLUMN event_margins.original_revenue IS 'What it earns in that currency, without a share of a fee.';

ALTER TABLE event_margins ADD COLUMN fx_rate DECIMAL(18,12);

COMMENT ON COLUMN event_margins.fx_rate IS 'US dollars for one unit of that currency on that day.';

ALTER TABLE event_margins ADD COLUMN cost_repeated BOOLEAN;

COMMENT ON COLUMN event_margins.cost_repeated IS 'Whether other events show the same costs in full: do not add cost_usd up.';

ALTER TABLE revenue_rules ADD COLUMN currency VARCHAR;

COMMENT ON COLUMN revenue_rules.currency IS 'Currency of the amounts not named _usd; NULL: US dollars.';

ALTER TABLE revenue_rules ADD COLUMN unit_price DECIMAL(18,12);

COMMENT ON COLUMN revenue_rules.unit_price IS 'What a quantity of one earns, in currency.';

ALTER TABLE revenue_rules ADD COLUMN plan_price DECIMAL(38,12);

COMMENT ON COLUMN revenue_rules.plan_price IS 'What a plan costs; divided by plan_credits it is the value of a credit.';

ALTER TABLE revenue_rules ADD COLUMN plan_credits DECIMAL(18,6);

COMMENT ON COLUMN revenue_rules.plan_credits IS 'Credits that a plan grants.';

ALTER TABLE revenue_rules ADD COLUMN brackets JSON;

COMMENT ON COLUMN revenue_rules.brackets IS 'Credits by the quantity of the event: up_to, credits or credits_per_unit.';

ALTER TABLE revenue_rules ADD COLUMN tiers JSON;

COMMENT ON COLUMN revenue_rules.tiers IS 'Prices by the quantity of the billing period: up_to, unit_price, flat.';

ALTER TABLE revenue_rules ADD COLUMN tier_mode VARCHAR;

COMMENT ON COLUMN revenue_rules.tier_mode IS 'graduated or volume: how the tiers are meant.';

ALTER TABLE revenue_rules ADD COLUMN cost_multiplier DECIMAL(18,6);

COMMENT ON COLUMN revenue_rules.cost_multiplier IS 'Cost-plus: what the event cost, times this.';

ALTER TABLE revenue_rules ADD COLUMN revenue_path VARCHAR;

COMMENT ON COLUMN revenue_rules.revenue_path IS 'Where in the signal''s data its own figure stands.';

ALTER TABLE revenue_rules ADD COLUMN currency_path VARCHAR;

COMMENT ON COLUMN revenue_rules.currency_path IS 'Where in the signal''s data the currency of that figure stands.';

ALTER TABLE revenue_rules ADD COLUMN condition JSON;

COMMENT ON COLUMN revenue_rules.condition IS 'What must hold of the signal''s data for it to earn: field, operator, value.';

ALTER TABLE revenue_rules ADD COLUMN recurring_fee DECIMAL(38,12);

COMMENT ON COLUMN revenue_rules.recurring_fee IS 'What a customer pays per billing period whatever happens, in currency.';

ALTER TABLE revenue_rules ADD COLUMN spread BOOLEAN;

COMMENT ON COLUMN revenue_rules.spread IS 'Whether that fee is divided among the events of the period.';

ALTER TABLE revenue_rules ADD COLUMN period_months BIGINT;

COMMENT ON COLUMN revenue_rules.period_months IS 'Length of the billing period; NULL: one month.';

ALTER TABLE revenue_rules ADD COLUMN anchor_day BIGINT;

COMMENT ON COLUMN revenue_rules.anchor_day IS 'Day of the month on which it begins; NULL: that of valid_from, else 1.';

COMMENT ON TABLE revenue_rules IS 'What events earn, for whom and from when on. NULL among product, event and customer matches all.';

CREATE OR REPLACE VIEW ingest_progress AS
SELECT source, max(position) AS position, max(updated_at) AS updated_at
FROM ingest_log
GROUP BY source;

COMMENT ON VIEW ingest_progress IS 'How far each source has been taken in; it moves in the same transaction as its rows.';

CREATE OR REPLACE VIEW billable_costs AS
SELECT * FROM costs WHERE status <> 'aggregate';

COMMENT ON VIEW billable_costs IS 'Every cost that counts once: costs without the rows that repeat what others report.';

CREATE OR REPLACE VIEW unclaimed_costs AS
SELECT * FROM billable_costs ANTI JOIN cost_links USING (cost_id);

COMMENT ON VIEW unclaimed_costs IS 'Costs that no signal bears. Linked plus unclaimed is everything, exactly.';

CREATE OR REPLACE VIEW cost_by_model_daily AS
SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day,
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

CREATE OR REPLACE VIEW unpriced_models AS
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
ORDER BY calls DESC, provider, model;

COMMENT ON VIEW unpriced_models IS 'Models whose calls have no known price, most calls first: what to add to the price book.';

CREATE OR REPLACE VIEW unmapped_kinds AS
SELECT scope_name,
       name,
       reason,
       attribute_names,
       count(*) AS spans,
       min(occurred_at) AS first_seen,
       max(occurred_at) AS last_seen
FROM unmapped_calls
GROUP BY ALL
ORDER BY spans DESC, scope_name, name, reason, attribute_names;

COMMENT ON VIEW unmapped_kinds IS 'Spans that look like model calls and are not understood, by kind, most spans first: what to map or to report.';

CREATE OR REPLACE VIEW coverage AS
SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day,
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
SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day,
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
       count(*) FILTER (WHERE margin_usd IS NULL) AS signals_without_margin
FROM counted
GROUP BY ALL;

COMMENT ON VIEW margin_by_event IS 'Per product and event: how often, what it earns, costs and leaves on average. A cost that several events show in full counts once, in its shares.';

CREATE OR REPLACE VIEW margin_daily AS
WITH earned AS (
    SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day, customer_id, product_id, event_name,
           count(*) AS signals, sum(revenue_usd) AS revenue_usd,
           count(*) FILTER (WHERE revenue_usd IS NULL) AS signals_without_revenue,
           count(*) FILTER (WHERE cost_status = 'untraced') AS untraced_signals, sum(value_usd) AS value_usd
    FROM event_margins
    GROUP BY ALL
), borne AS (
    SELECT (m.occurred_at AT TIME ZONE 'UTC')::DATE AS day,
           coalesce(c.customer_id, m.customer_id) AS customer_id,
           coalesce(c.product_id, m.product_id) AS product_id,
           m.event_name, sum(l.cost_usd) AS linked_cost_usd,
           sum(l.cost_usd * coalesce(c.sampling_weight, 1)) AS estimated_cost_usd,
           count(DISTINCT l.cost_id) FILTER (WHERE l.cost_usd IS NULL) AS unpriced_calls
    FROM cost_links AS l
    JOIN costs AS c ON c.cost_id = l.cost_id
    JOIN event_margins AS m ON m.signal_id = l.signal_id
    GROUP BY ALL
), unclaimed AS (
    SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day, customer_id, product_id, NULL::VARCHAR AS event_name,
           sum(cost_usd) AS unclaimed_cost_usd,
           sum(cost_usd * coalesce(sampling_weight, 1)) AS estimated_cost_usd,
           count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced_calls
    FROM unclaimed_costs
    GROUP BY ALL
), everything AS (
    SELECT day, customer_id, product_id, event_name, signals, signals_without_revenue, untraced_signals,
           revenue_usd, value_usd, NULL AS linked_cost_usd, NULL AS unclaimed_cost_usd, NULL AS estimated_cost_usd,
           0 AS unpriced_calls
    FROM earned
    UNION ALL
    SELECT day, customer_id, product_id, event_name, 0, 0, 0, NULL, NULL, linked_cost_usd, NULL,
           estimated_cost_usd, unpriced_calls
    FROM borne
    UNION ALL
    SELECT day, customer_id, product_id, event_name, 0, 0, 0, NULL, NULL, NULL, unclaimed_cost_usd,
           estimated_cost_usd, unpriced_calls
    FROM unclaimed
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
       coalesce(sum(estimated_cost_usd), 0)::DECIMAL(38,12) AS estimated_cost_usd
FROM everything
GROUP BY ALL;

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
       sum(estimated_cost_usd) AS estimated_cost_usd
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
       sum(estimated_cost_usd) AS estimated_cost_usd
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
       sum(estimated_cost_usd) AS estimated_cost_usd
FROM margin_daily
GROUP BY ALL;

COMMENT ON VIEW margin_monthly IS 'Per month, customer and product: revenue, cost, margin. Costs counted once each, unclaimed ones included. margin_usd is NULL while a price, a revenue or an event''s cost is unknown; margin_known_usd is what the known figures leave.';
