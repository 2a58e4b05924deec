-- Charges by amount, regions, the operator's own prices, currencies, calls nobody understands, re-pricings.

ALTER TABLE costs ADD COLUMN images BIGINT;

COMMENT ON COLUMN costs.images IS 'Images made, where the call is charged by the image.';

ALTER TABLE costs ADD COLUMN audio_seconds DECIMAL(18,6);

COMMENT ON COLUMN costs.audio_seconds IS 'Audio heard or made, where the call is charged by time.';

ALTER TABLE costs ADD COLUMN video_seconds DECIMAL(18,6);

COMMENT ON COLUMN costs.video_seconds IS 'Video made, where the call is charged by time.';

ALTER TABLE costs ADD COLUMN characters BIGINT;

COMMENT ON COLUMN costs.characters IS 'Characters of text, where the call is charged by them.';

ALTER TABLE costs ADD COLUMN pages BIGINT;

COMMENT ON COLUMN costs.pages IS 'Pages of documents, where the call is charged by them.';

ALTER TABLE costs ADD COLUMN region VARCHAR;

COMMENT ON COLUMN costs.region IS 'Where it was served: a cloud region (eu-west-1) or a residency (eu, us).';

ALTER TABLE costs ADD COLUMN price_rule VARCHAR;

COMMENT ON COLUMN costs.price_rule IS 'The operator''s own rule that holds for the call; NULL: the list price holds.';

ALTER TABLE costs ADD COLUMN original_currency VARCHAR;

COMMENT ON COLUMN costs.original_currency IS 'Currency of the rate, where it is not US dollars.';

ALTER TABLE costs ADD COLUMN original_cost DECIMAL(18,12);

COMMENT ON COLUMN costs.original_cost IS 'The cost in that currency.';

ALTER TABLE costs ADD COLUMN fx_rate DECIMAL(18,12);

COMMENT ON COLUMN costs.fx_rate IS 'US dollars for one unit of that currency on that day.';

ALTER TABLE costs ADD COLUMN likeness VARCHAR;

COMMENT ON COLUMN costs.likeness IS 'Under what the same call is looked for in other traces; NULL: it need not be.';

ALTER TABLE rates ADD COLUMN region VARCHAR;

COMMENT ON COLUMN rates.region IS 'Cloud region or data residency it is for; NULL: any other.';

ALTER TABLE rates ADD COLUMN weekdays VARCHAR;

COMMENT ON COLUMN rates.weekdays IS 'Days of the week (UTC) on which it holds, e.g. ''mon,tue''; NULL: every day.';

ALTER TABLE rates ADD COLUMN currency VARCHAR;

COMMENT ON COLUMN rates.currency IS 'Currency of the prices; NULL: US dollars.';

ALTER TABLE rates ADD COLUMN alias_of VARCHAR;

COMMENT ON COLUMN rates.alias_of IS 'Model that the row''s name stood for at that time; NULL: itself.';

ALTER TABLE rates ADD COLUMN input_images_kcount DECIMAL(38,18);

COMMENT ON COLUMN rates.input_images_kcount IS 'US dollars per thousand input images.';

ALTER TABLE rates ADD COLUMN output_images_kcount DECIMAL(38,18);

COMMENT ON COLUMN rates.output_images_kcount IS 'US dollars per thousand images made.';

ALTER TABLE rates ADD COLUMN output_video_hours DECIMAL(38,18);

COMMENT ON COLUMN rates.output_video_hours IS 'US dollars per hour of video made.';

ALTER TABLE rates ADD COLUMN output_mchars DECIMAL(38,18);

COMMENT ON COLUMN rates.output_mchars IS 'US dollars per million output characters.';

ALTER TABLE rates ADD COLUMN compute_hours DECIMAL(38,18);

COMMENT ON COLUMN rates.compute_hours IS 'Per hour of a machine of one''s own, where an own rule says so.';

CREATE TABLE unmapped_calls (
    trace_id VARCHAR NOT NULL,
    span_id VARCHAR NOT NULL,
    occurred_at TIMESTAMPTZ,
    service_name VARCHAR,
    scope_name VARCHAR,
    scope_version VARCHAR,
    name VARCHAR,
    reason VARCHAR NOT NULL,
    attribute_names VARCHAR
);

COMMENT ON TABLE unmapped_calls IS 'Spans that look like a model call but that no dialect understands: what to report, or to map in the configuration.';

COMMENT ON COLUMN unmapped_calls.trace_id IS 'Trace of the span.';

COMMENT ON COLUMN unmapped_calls.span_id IS 'The span.';

COMMENT ON COLUMN unmapped_calls.occurred_at IS 'When it began.';

COMMENT ON COLUMN unmapped_calls.service_name IS 'Resource attribute service.name.';

COMMENT ON COLUMN unmapped_calls.scope_name IS 'Instrumentation library that made it.';

COMMENT ON COLUMN unmapped_calls.scope_version IS 'Version of that library.';

COMMENT ON COLUMN unmapped_calls.name IS 'What the instrumentation called it.';

COMMENT ON COLUMN unmapped_calls.reason IS 'Why it is here.';

COMMENT ON COLUMN unmapped_calls.attribute_names IS 'Names of the span''s attributes, sorted, comma separated.';

CREATE TABLE reprices (
    reprice_id VARCHAR NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    catalog_id VARCHAR NOT NULL,
    period_from TIMESTAMPTZ,
    period_to TIMESTAMPTZ,
    snapshot_before BIGINT,
    calls BIGINT,
    changed BIGINT,
    cost_before_usd DECIMAL(38,12),
    cost_after_usd DECIMAL(38,12)
);

COMMENT ON TABLE reprices IS 'Every re-pricing: what was priced again under which price book, what it changed, and the snapshot before.';

COMMENT ON COLUMN reprices.reprice_id IS 'Identity of the run.';

COMMENT ON COLUMN reprices.started_at IS 'When it began.';

COMMENT ON COLUMN reprices.finished_at IS 'When it ended; NULL: it has not, or was interrupted.';

COMMENT ON COLUMN reprices.catalog_id IS 'Price book used: joins catalogs.';

COMMENT ON COLUMN reprices.period_from IS 'Calls from here on; NULL: from the first.';

COMMENT ON COLUMN reprices.period_to IS 'Calls until just before; NULL: to the last.';

COMMENT ON COLUMN reprices.snapshot_before IS 'Snapshot that shows what was: FROM costs AT (VERSION => this).';

COMMENT ON COLUMN reprices.calls IS 'Calls priced again.';

COMMENT ON COLUMN reprices.changed IS 'Calls whose row changed.';

COMMENT ON COLUMN reprices.cost_before_usd IS 'What the calls cost before.';

COMMENT ON COLUMN reprices.cost_after_usd IS 'What they cost since.';

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
       sum(cost_usd) AS cost_usd
FROM billable_costs
GROUP BY ALL;

COMMENT ON VIEW cost_by_model_daily IS 'Calls, tokens and cost per day, provider and model.';

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
FROM event_margins
GROUP BY ALL;

COMMENT ON VIEW margin_by_event IS 'Per product and event: how often, what it earns, costs and leaves on average.';

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
           count(DISTINCT l.cost_id) FILTER (WHERE l.cost_usd IS NULL) AS unpriced_calls
    FROM cost_links AS l
    JOIN costs AS c ON c.cost_id = l.cost_id
    JOIN event_margins AS m ON m.signal_id = l.signal_id
    GROUP BY ALL
), unclaimed AS (
    SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day, customer_id, product_id, NULL::VARCHAR AS event_name,
           sum(cost_usd) AS unclaimed_cost_usd, count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced_calls
    FROM unclaimed_costs
    GROUP BY ALL
), everything AS (
    SELECT day, customer_id, product_id, event_name, signals, signals_without_revenue, untraced_signals,
           revenue_usd, value_usd, NULL AS linked_cost_usd, NULL AS unclaimed_cost_usd, 0 AS unpriced_calls
    FROM earned
    UNION ALL
    SELECT day, customer_id, product_id, event_name, 0, 0, 0, NULL, NULL, linked_cost_usd, NULL, unpriced_calls
    FROM borne
    UNION ALL
    SELECT day, customer_id, product_id, event_name, 0, 0, 0, NULL, NULL, NULL, unclaimed_cost_usd, unpriced_calls
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
       sum(untraced_signals)::BIGINT AS untraced_signals
FROM everything
GROUP BY ALL;

COMMENT ON VIEW margin_daily IS 'Per day, customer, product and event: revenue, linked and unclaimed cost, margin. Every cost is counted once: linked ones on the day of their event, unclaimed ones (event_name NULL) on their own day.';

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
       sum(untraced_signals)::BIGINT AS untraced_signals
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
       sum(untraced_signals)::BIGINT AS untraced_signals
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
       sum(untraced_signals)::BIGINT AS untraced_signals
FROM margin_daily
GROUP BY ALL;

COMMENT ON VIEW margin_monthly IS 'Per month, customer and product: revenue, cost, margin. Costs counted once each, unclaimed ones included. margin_usd is NULL while a price, a revenue or an event''s cost is unknown; margin_known_usd is what the known figures leave.';

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
