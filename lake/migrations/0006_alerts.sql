-- Alerts: what was found wrong, and who was told.

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
