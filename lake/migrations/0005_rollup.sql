-- Days rolled up: margin_daily reads them, and works out only the days that changed since.

ALTER TABLE cost_links ADD COLUMN event_at TIMESTAMPTZ;

COMMENT ON COLUMN cost_links.event_at IS 'When the event happened.';

UPDATE cost_links SET event_at = s.occurred_at FROM signals AS s WHERE s.signal_id = cost_links.signal_id;

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
