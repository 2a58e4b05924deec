-- The first schema: every table and view of the lake, with their meaning.

CALL lake.set_option('parquet_compression', 'zstd');

CALL lake.set_option('target_file_size', '32MB');

CREATE TABLE spans (
    trace_id VARCHAR NOT NULL,
    span_id VARCHAR NOT NULL,
    parent_span_id VARCHAR,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    start_time TIMESTAMPTZ NOT NULL,
    duration_ns BIGINT NOT NULL,
    status VARCHAR NOT NULL,
    status_message VARCHAR,
    service_name VARCHAR,
    scope_name VARCHAR,
    scope_version VARCHAR,
    dialect VARCHAR,
    customer_id VARCHAR,
    product_id VARCHAR,
    cost_scope VARCHAR,
    own_customer_id VARCHAR,
    own_product_id VARCHAR,
    own_cost_scope VARCHAR,
    sampling_weight DECIMAL(18,6),
    attributes JSON,
    content_hash UBIGINT,
    ingested_at TIMESTAMPTZ
);

COMMENT ON TABLE spans IS 'One row per accepted span; (trace_id, span_id) occurs once.';

COMMENT ON COLUMN spans.trace_id IS 'Trace, 32 lower-case hex digits.';

COMMENT ON COLUMN spans.span_id IS 'Span within the trace, 16 lower-case hex digits.';

COMMENT ON COLUMN spans.parent_span_id IS 'The span that caused this one; NULL for a root.';

COMMENT ON COLUMN spans.name IS 'What the instrumentation called the operation.';

COMMENT ON COLUMN spans.kind IS 'unspecified, internal, server, client, producer or consumer.';

COMMENT ON COLUMN spans.start_time IS 'When the operation began.';

COMMENT ON COLUMN spans.duration_ns IS 'How long it took, nanoseconds.';

COMMENT ON COLUMN spans.status IS 'unset, ok or error.';

COMMENT ON COLUMN spans.status_message IS 'What the sender said about the status.';

COMMENT ON COLUMN spans.service_name IS 'Resource attribute service.name.';

COMMENT ON COLUMN spans.scope_name IS 'Instrumentation library that made the span.';

COMMENT ON COLUMN spans.scope_version IS 'Version of that library.';

COMMENT ON COLUMN spans.dialect IS 'Convention the span was read as; NULL when it is no model call.';

COMMENT ON COLUMN spans.customer_id IS 'Customer served: the span''s own, else its nearest ancestor''s.';

COMMENT ON COLUMN spans.product_id IS 'Product or agent used: the span''s own, else its nearest ancestor''s.';

COMMENT ON COLUMN spans.cost_scope IS 'Scope id stamped on the span, by which a signal may claim its cost.';

COMMENT ON COLUMN spans.own_customer_id IS 'Customer the span itself or its resource named.';

COMMENT ON COLUMN spans.own_product_id IS 'Product the span itself or its resource named.';

COMMENT ON COLUMN spans.own_cost_scope IS 'Scope id the span itself or its resource carried.';

COMMENT ON COLUMN spans.sampling_weight IS 'How many spans this one stands for; NULL when not sampled.';

COMMENT ON COLUMN spans.attributes IS 'Span attributes after redaction, and the resource''s under ''resource''.';

COMMENT ON COLUMN spans.content_hash IS 'xxh3-64 of the span as sent; tells a retry from a conflict.';

COMMENT ON COLUMN spans.ingested_at IS 'When the span was received (bookkeeping).';

CREATE TABLE costs (
    cost_id VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    trace_id VARCHAR,
    span_id VARCHAR,
    parent_span_id VARCHAR,
    link_trace_id VARCHAR,
    cost_scope VARCHAR,
    occurred_at TIMESTAMPTZ NOT NULL,
    duration_ns BIGINT,
    customer_id VARCHAR,
    product_id VARCHAR,
    own_customer_id VARCHAR,
    own_product_id VARCHAR,
    own_cost_scope VARCHAR,
    dialect VARCHAR,
    scope_name VARCHAR,
    role VARCHAR,
    provider VARCHAR,
    request_model VARCHAR,
    response_model VARCHAR,
    model VARCHAR,
    operation VARCHAR,
    service_tier VARCHAR,
    batch BOOLEAN,
    response_id VARCHAR,
    failed BOOLEAN,
    input_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_5m_tokens BIGINT,
    cache_write_1h_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    audio_input_tokens BIGINT,
    audio_output_tokens BIGINT,
    image_input_tokens BIGINT,
    image_output_tokens BIGINT,
    search_requests BIGINT,
    requests BIGINT,
    usage_source VARCHAR,
    usage_note VARCHAR,
    status VARCHAR NOT NULL,
    dedup VARCHAR,
    match VARCHAR,
    rate_id VARCHAR,
    catalog_id VARCHAR,
    rate_note VARCHAR,
    input_cost_usd DECIMAL(18,12),
    cache_read_cost_usd DECIMAL(18,12),
    cache_write_cost_usd DECIMAL(18,12),
    output_cost_usd DECIMAL(18,12),
    other_cost_usd DECIMAL(18,12),
    cost_usd DECIMAL(18,12),
    reported_cost_usd DECIMAL(18,12),
    priced_at TIMESTAMPTZ
);

COMMENT ON TABLE costs IS 'One row per thing that cost money. Sum cost_usd over any rows: aggregates carry no money.';

COMMENT ON COLUMN costs.cost_id IS 'Identity: ''cost_'' + trace_id + ''_'' + span_id for spans.';

COMMENT ON COLUMN costs.source IS 'span, api or signal: what reported it.';

COMMENT ON COLUMN costs.trace_id IS 'Trace of the call.';

COMMENT ON COLUMN costs.span_id IS 'Span of the call.';

COMMENT ON COLUMN costs.parent_span_id IS 'Parent of that span.';

COMMENT ON COLUMN costs.link_trace_id IS 'Trace whose signal may bear the cost; differs from trace_id for twins.';

COMMENT ON COLUMN costs.cost_scope IS 'Scope id by which a signal may claim the cost.';

COMMENT ON COLUMN costs.occurred_at IS 'When the call began; prices are those in force then.';

COMMENT ON COLUMN costs.duration_ns IS 'How long the call took, nanoseconds.';

COMMENT ON COLUMN costs.customer_id IS 'Customer served: the span''s own, else its nearest ancestor''s.';

COMMENT ON COLUMN costs.product_id IS 'Product or agent used: the span''s own, else its nearest ancestor''s.';

COMMENT ON COLUMN costs.own_customer_id IS 'Customer the span itself or its resource named.';

COMMENT ON COLUMN costs.own_product_id IS 'Product the span itself or its resource named.';

COMMENT ON COLUMN costs.own_cost_scope IS 'Scope id the span itself or its resource carried.';

COMMENT ON COLUMN costs.dialect IS 'Convention the span was read as.';

COMMENT ON COLUMN costs.scope_name IS 'Instrumentation library that made the span.';

COMMENT ON COLUMN costs.role IS 'call or aggregate: what the dialect took the span for.';

COMMENT ON COLUMN costs.provider IS 'Who serves the model, one spelling each (openai, anthropic, google, ...).';

COMMENT ON COLUMN costs.request_model IS 'Model asked for.';

COMMENT ON COLUMN costs.response_model IS 'Model that answered.';

COMMENT ON COLUMN costs.model IS 'Model of the price book that was charged.';

COMMENT ON COLUMN costs.operation IS 'chat, completion, embeddings, image, audio, rerank, ...';

COMMENT ON COLUMN costs.service_tier IS 'Service tier of the call (flex, priority, ...).';

COMMENT ON COLUMN costs.batch IS 'Whether it ran in the provider''s batch interface.';

COMMENT ON COLUMN costs.response_id IS 'The provider''s id of the response; the same call seen twice shares it.';

COMMENT ON COLUMN costs.failed IS 'Whether the call ended in an error.';

COMMENT ON COLUMN costs.input_tokens IS 'All input tokens, cached and audio ones included.';

COMMENT ON COLUMN costs.cache_read_tokens IS 'Input tokens read from the cache (part of input_tokens).';

COMMENT ON COLUMN costs.cache_write_5m_tokens IS 'Input tokens written to a 5-minute cache (part of input_tokens).';

COMMENT ON COLUMN costs.cache_write_1h_tokens IS 'Input tokens written to a 1-hour cache (part of input_tokens).';

COMMENT ON COLUMN costs.output_tokens IS 'All output tokens, reasoning included.';

COMMENT ON COLUMN costs.reasoning_tokens IS 'Output tokens spent on reasoning (part of output_tokens).';

COMMENT ON COLUMN costs.audio_input_tokens IS 'Input tokens that were audio (part of input_tokens).';

COMMENT ON COLUMN costs.audio_output_tokens IS 'Output tokens that were audio (part of output_tokens).';

COMMENT ON COLUMN costs.image_input_tokens IS 'Input tokens that were images (part of input_tokens).';

COMMENT ON COLUMN costs.image_output_tokens IS 'Output tokens that were images (part of output_tokens).';

COMMENT ON COLUMN costs.search_requests IS 'Searches the provider ran for the call.';

COMMENT ON COLUMN costs.requests IS 'Requests, where the provider charges per request.';

COMMENT ON COLUMN costs.usage_source IS 'reported, estimated or missing: where the counts come from.';

COMMENT ON COLUMN costs.usage_note IS 'What had to be assumed about the counts, comma separated.';

COMMENT ON COLUMN costs.status IS 'priced, zero_rated, reported, unpriced or aggregate.';

COMMENT ON COLUMN costs.dedup IS 'Why the row is an aggregate: descendant, nested, response_id, heuristic or no_usage; aggregate_fallback on an aggregate that counts because nothing below it reports usage.';

COMMENT ON COLUMN costs.match IS 'How the model was found in the price book.';

COMMENT ON COLUMN costs.rate_id IS 'Rate charged: joins rates.';

COMMENT ON COLUMN costs.catalog_id IS 'Price book used: joins catalogs.';

COMMENT ON COLUMN costs.rate_note IS 'Why a row is unpriced or how the price was chosen.';

COMMENT ON COLUMN costs.input_cost_usd IS 'Uncached text input.';

COMMENT ON COLUMN costs.cache_read_cost_usd IS 'Cached input read.';

COMMENT ON COLUMN costs.cache_write_cost_usd IS 'Input written to the cache.';

COMMENT ON COLUMN costs.output_cost_usd IS 'Output, reasoning included.';

COMMENT ON COLUMN costs.other_cost_usd IS 'Audio, images, searches, requests.';

COMMENT ON COLUMN costs.cost_usd IS 'The sum of the five parts; NULL when unpriced or aggregate.';

COMMENT ON COLUMN costs.reported_cost_usd IS 'What the sender said it cost.';

COMMENT ON COLUMN costs.priced_at IS 'When we priced it (bookkeeping).';

CREATE TABLE signals (
    signal_id VARCHAR NOT NULL,
    event_name VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    customer_id VARCHAR,
    product_id VARCHAR,
    own_customer_id VARCHAR,
    own_product_id VARCHAR,
    occurred_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ,
    trace_id VARCHAR,
    span_id VARCHAR,
    parent_span_id VARCHAR,
    cost_scope VARCHAR,
    cost_traced BOOLEAN NOT NULL,
    idempotency_key VARCHAR,
    quantity DECIMAL(18,6),
    data JSON
);

COMMENT ON TABLE signals IS 'One row per billable event.';

COMMENT ON COLUMN signals.signal_id IS 'Identity of the event.';

COMMENT ON COLUMN signals.event_name IS 'What happened, in the product''s words.';

COMMENT ON COLUMN signals.source IS 'otlp or api: how it arrived.';

COMMENT ON COLUMN signals.customer_id IS 'Customer billed: the event''s own, else its nearest ancestor span''s.';

COMMENT ON COLUMN signals.product_id IS 'Product or agent: the event''s own, else its nearest ancestor span''s.';

COMMENT ON COLUMN signals.own_customer_id IS 'Customer the event itself named.';

COMMENT ON COLUMN signals.own_product_id IS 'Product the event itself named.';

COMMENT ON COLUMN signals.occurred_at IS 'When it happened.';

COMMENT ON COLUMN signals.received_at IS 'When we received it (bookkeeping).';

COMMENT ON COLUMN signals.trace_id IS 'Trace it was sent in; NULL for the API.';

COMMENT ON COLUMN signals.span_id IS 'Span it was sent in or as; NULL for the API.';

COMMENT ON COLUMN signals.parent_span_id IS 'Parent of that span.';

COMMENT ON COLUMN signals.cost_scope IS 'Scope whose costs the event claims.';

COMMENT ON COLUMN signals.cost_traced IS 'Whether the event bears the costs of its trace or scope.';

COMMENT ON COLUMN signals.idempotency_key IS 'The sender''s key against double billing.';

COMMENT ON COLUMN signals.quantity IS 'How much is billed; NULL when what was sent is no amount.';

COMMENT ON COLUMN signals.data IS 'The event''s own data.';

CREATE TABLE cost_links (
    cost_id VARCHAR NOT NULL,
    signal_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    cost_usd DECIMAL(18,12),
    trace_id VARCHAR,
    occurred_at TIMESTAMPTZ
);

COMMENT ON TABLE cost_links IS 'Which signal bears which cost. The links of one cost add up to that cost exactly.';

COMMENT ON COLUMN cost_links.cost_id IS 'The cost borne: joins costs.';

COMMENT ON COLUMN cost_links.signal_id IS 'The event that bears it: joins signals and event_margins.';

COMMENT ON COLUMN cost_links.rule IS 'scope, trace, scope_split or trace_split: why.';

COMMENT ON COLUMN cost_links.cost_usd IS 'The share borne; NULL for an unpriced call.';

COMMENT ON COLUMN cost_links.trace_id IS 'Trace of the cost.';

COMMENT ON COLUMN cost_links.occurred_at IS 'When the cost occurred.';

CREATE TABLE event_margins (
    signal_id VARCHAR NOT NULL,
    event_name VARCHAR NOT NULL,
    customer_id VARCHAR,
    product_id VARCHAR,
    occurred_at TIMESTAMPTZ NOT NULL,
    revenue_usd DECIMAL(18,12),
    revenue_rule VARCHAR,
    cost_usd DECIMAL(18,12),
    margin_usd DECIMAL(18,12),
    margin_pct DECIMAL(18,6),
    value_usd DECIMAL(18,12),
    model_calls BIGINT,
    unpriced_calls BIGINT,
    cost_status VARCHAR NOT NULL,
    updated_at TIMESTAMPTZ
);

COMMENT ON TABLE event_margins IS 'One row per signal: what it earned, what it cost, what is left.';

COMMENT ON COLUMN event_margins.signal_id IS 'The event: joins signals.';

COMMENT ON COLUMN event_margins.event_name IS 'What happened, in the product''s words.';

COMMENT ON COLUMN event_margins.customer_id IS 'Customer billed.';

COMMENT ON COLUMN event_margins.product_id IS 'Product or agent.';

COMMENT ON COLUMN event_margins.occurred_at IS 'When it happened.';

COMMENT ON COLUMN event_margins.revenue_usd IS 'What the event earns; NULL when no rule says.';

COMMENT ON COLUMN event_margins.revenue_rule IS 'The rule that says.';

COMMENT ON COLUMN event_margins.cost_usd IS 'Sum of the linked costs that are known; NULL when none is or it is untraced.';

COMMENT ON COLUMN event_margins.margin_usd IS 'revenue_usd - cost_usd; NULL when either is not fully known.';

COMMENT ON COLUMN event_margins.margin_pct IS '100 * margin / revenue; NULL when revenue is NULL or 0.';

COMMENT ON COLUMN event_margins.value_usd IS 'Value delivered to the customer, all metrics.';

COMMENT ON COLUMN event_margins.model_calls IS 'Calls linked to the event.';

COMMENT ON COLUMN event_margins.unpriced_calls IS 'How many of them have no known price.';

COMMENT ON COLUMN event_margins.cost_status IS 'complete, no_calls, partial, unpriced or untraced.';

COMMENT ON COLUMN event_margins.updated_at IS 'When we worked it out (bookkeeping).';

CREATE TABLE event_values (
    signal_id VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    occurred_at TIMESTAMPTZ,
    amount DECIMAL(18,6),
    unit VARCHAR,
    value_usd DECIMAL(18,12),
    model_version VARCHAR
);

COMMENT ON TABLE event_values IS 'One row per signal and value metric.';

COMMENT ON COLUMN event_values.signal_id IS 'The event: joins signals.';

COMMENT ON COLUMN event_values.metric IS 'What was measured.';

COMMENT ON COLUMN event_values.occurred_at IS 'When the event happened.';

COMMENT ON COLUMN event_values.amount IS 'How much, in the unit.';

COMMENT ON COLUMN event_values.unit IS 'Unit of amount.';

COMMENT ON COLUMN event_values.value_usd IS 'What that is worth.';

COMMENT ON COLUMN event_values.model_version IS 'Version of the value model that says so.';

CREATE TABLE rates (
    rate_id VARCHAR NOT NULL,
    catalog_id VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    processing VARCHAR,
    service_tier VARCHAR,
    condition VARCHAR,
    valid_from TIMESTAMPTZ,
    valid_to TIMESTAMPTZ,
    window_start TIME,
    window_end TIME,
    tier_min BIGINT,
    input_mtok DECIMAL(38,18),
    cache_read_mtok DECIMAL(38,18),
    cache_write_mtok DECIMAL(38,18),
    cache_write_5m_mtok DECIMAL(38,18),
    cache_write_1h_mtok DECIMAL(38,18),
    output_mtok DECIMAL(38,18),
    output_reasoning_mtok DECIMAL(38,18),
    output_citation_mtok DECIMAL(38,18),
    input_audio_mtok DECIMAL(38,18),
    cache_audio_read_mtok DECIMAL(38,18),
    output_audio_mtok DECIMAL(38,18),
    input_image_mtok DECIMAL(38,18),
    cache_image_read_mtok DECIMAL(38,18),
    output_image_mtok DECIMAL(38,18),
    input_video_mtok DECIMAL(38,18),
    output_video_mtok DECIMAL(38,18),
    input_mchars DECIMAL(38,18),
    input_text_messages_kcount DECIMAL(38,18),
    audio_hours DECIMAL(38,18),
    input_audio_hours DECIMAL(38,18),
    output_audio_hours DECIMAL(38,18),
    input_gpixels DECIMAL(38,18),
    input_document_kpages DECIMAL(38,18),
    input_annotated_document_kpages DECIMAL(38,18),
    rerank_searches_kcount DECIMAL(38,18),
    web_searches_kcount DECIMAL(38,18),
    social_searches_kcount DECIMAL(38,18),
    storage_searches_kcount DECIMAL(38,18),
    code_executions_kcount DECIMAL(38,18),
    requests_kcount DECIMAL(38,18),
    standard_units VARCHAR,
    note VARCHAR
);

COMMENT ON TABLE rates IS 'What a provider charges for a model: one row per price in force, US dollars as on the price page.';

COMMENT ON COLUMN rates.rate_id IS 'Identity of the rate within its price book.';

COMMENT ON COLUMN rates.catalog_id IS 'Price book it belongs to: joins catalogs.';

COMMENT ON COLUMN rates.provider IS 'Who serves the model.';

COMMENT ON COLUMN rates.model IS 'Model of the price book.';

COMMENT ON COLUMN rates.processing IS '''batch'' for the batch interface; NULL: the usual one.';

COMMENT ON COLUMN rates.service_tier IS 'Service tier it is for; NULL: the standard one.';

COMMENT ON COLUMN rates.condition IS 'A condition of the source that no telemetry carries.';

COMMENT ON COLUMN rates.valid_from IS 'The provider charges it from here on; NULL: always did.';

COMMENT ON COLUMN rates.valid_to IS 'The provider charges it until just before; NULL: still does.';

COMMENT ON COLUMN rates.window_start IS 'Time of day (UTC) from which it holds; NULL: all day.';

COMMENT ON COLUMN rates.window_end IS 'Time of day (UTC) until which it holds; NULL: all day.';

COMMENT ON COLUMN rates.tier_min IS 'Smallest total input of a request that gets this rate.';

COMMENT ON COLUMN rates.input_mtok IS 'US dollars per million input tokens.';

COMMENT ON COLUMN rates.cache_read_mtok IS 'US dollars per million input tokens read from the cache.';

COMMENT ON COLUMN rates.cache_write_mtok IS 'US dollars per million input tokens written to the cache, whatever its lifetime.';

COMMENT ON COLUMN rates.cache_write_5m_mtok IS 'US dollars per million input tokens written to a 5-minute cache.';

COMMENT ON COLUMN rates.cache_write_1h_mtok IS 'US dollars per million input tokens written to a 1-hour cache.';

COMMENT ON COLUMN rates.output_mtok IS 'US dollars per million output tokens.';

COMMENT ON COLUMN rates.output_reasoning_mtok IS 'US dollars per million reasoning tokens.';

COMMENT ON COLUMN rates.output_citation_mtok IS 'US dollars per million citation tokens.';

COMMENT ON COLUMN rates.input_audio_mtok IS 'US dollars per million audio input tokens.';

COMMENT ON COLUMN rates.cache_audio_read_mtok IS 'US dollars per million audio input tokens read from the cache.';

COMMENT ON COLUMN rates.output_audio_mtok IS 'US dollars per million audio output tokens.';

COMMENT ON COLUMN rates.input_image_mtok IS 'US dollars per million image input tokens.';

COMMENT ON COLUMN rates.cache_image_read_mtok IS 'US dollars per million image input tokens read from the cache.';

COMMENT ON COLUMN rates.output_image_mtok IS 'US dollars per million image output tokens.';

COMMENT ON COLUMN rates.input_video_mtok IS 'US dollars per million video input tokens.';

COMMENT ON COLUMN rates.output_video_mtok IS 'US dollars per million video output tokens.';

COMMENT ON COLUMN rates.input_mchars IS 'US dollars per million input characters.';

COMMENT ON COLUMN rates.input_text_messages_kcount IS 'US dollars per thousand text messages.';

COMMENT ON COLUMN rates.audio_hours IS 'US dollars per hour of audio.';

COMMENT ON COLUMN rates.input_audio_hours IS 'US dollars per hour of input audio.';

COMMENT ON COLUMN rates.output_audio_hours IS 'US dollars per hour of output audio.';

COMMENT ON COLUMN rates.input_gpixels IS 'US dollars per billion input pixels.';

COMMENT ON COLUMN rates.input_document_kpages IS 'US dollars per thousand document pages.';

COMMENT ON COLUMN rates.input_annotated_document_kpages IS 'US dollars per thousand annotated document pages.';

COMMENT ON COLUMN rates.rerank_searches_kcount IS 'US dollars per thousand rerank searches.';

COMMENT ON COLUMN rates.web_searches_kcount IS 'US dollars per thousand web searches.';

COMMENT ON COLUMN rates.social_searches_kcount IS 'US dollars per thousand searches of social media.';

COMMENT ON COLUMN rates.storage_searches_kcount IS 'US dollars per thousand searches of stored files.';

COMMENT ON COLUMN rates.code_executions_kcount IS 'US dollars per thousand code executions.';

COMMENT ON COLUMN rates.requests_kcount IS 'US dollars per thousand requests.';

COMMENT ON COLUMN rates.standard_units IS 'Prices the variant takes over from the standard rate.';

COMMENT ON COLUMN rates.note IS 'What the source says about it.';

CREATE TABLE catalogs (
    catalog_id VARCHAR NOT NULL,
    source VARCHAR,
    source_version VARCHAR,
    licence VARCHAR,
    imported_at TIMESTAMPTZ
);

COMMENT ON TABLE catalogs IS 'The price books used: which data, of which version, under which licence.';

COMMENT ON COLUMN catalogs.catalog_id IS 'Identity: the SHA-256 of the price book''s content.';

COMMENT ON COLUMN catalogs.source IS 'Where the data comes from.';

COMMENT ON COLUMN catalogs.source_version IS 'Version of that data.';

COMMENT ON COLUMN catalogs.licence IS 'Licence of that data.';

COMMENT ON COLUMN catalogs.imported_at IS 'When these prices came to be known.';

CREATE TABLE revenue_rules (
    rule_id VARCHAR NOT NULL,
    product_id VARCHAR,
    event_name VARCHAR,
    customer_id VARCHAR,
    unit_price_usd DECIMAL(18,12),
    credits DECIMAL(18,6),
    credit_value_usd DECIMAL(18,12),
    quantity_path VARCHAR,
    valid_from TIMESTAMPTZ,
    valid_to TIMESTAMPTZ
);

COMMENT ON TABLE revenue_rules IS 'What events earn: unit_price_usd, or credits times credit_value_usd, times a quantity. NULL matches all.';

COMMENT ON COLUMN revenue_rules.rule_id IS 'Name of the rule; event_margins.revenue_rule.';

COMMENT ON COLUMN revenue_rules.product_id IS 'Product it is for.';

COMMENT ON COLUMN revenue_rules.event_name IS 'Event it is for.';

COMMENT ON COLUMN revenue_rules.customer_id IS 'Customer it is for.';

COMMENT ON COLUMN revenue_rules.unit_price_usd IS 'US dollars for a quantity of one.';

COMMENT ON COLUMN revenue_rules.credits IS 'Credits for a quantity of one.';

COMMENT ON COLUMN revenue_rules.credit_value_usd IS 'US dollars a credit is worth.';

COMMENT ON COLUMN revenue_rules.quantity_path IS 'Where in the signal''s data the quantity stands; NULL: its own quantity.';

COMMENT ON COLUMN revenue_rules.valid_from IS 'In force from here on.';

COMMENT ON COLUMN revenue_rules.valid_to IS 'In force until just before.';

CREATE TABLE rejected (
    rejected_id VARCHAR NOT NULL,
    received_at TIMESTAMPTZ,
    kind VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    detail VARCHAR,
    trace_id VARCHAR,
    span_id VARCHAR,
    content_hash UBIGINT,
    payload_seq BIGINT
);

COMMENT ON TABLE rejected IS 'What was refused and why; nothing is dropped without a row here.';

COMMENT ON COLUMN rejected.rejected_id IS 'Identity: a hash of what was refused.';

COMMENT ON COLUMN rejected.received_at IS 'When it was received.';

COMMENT ON COLUMN rejected.kind IS 'span, signal or record.';

COMMENT ON COLUMN rejected.reason IS 'Short code, e.g. invalid_trace_id or conflicting_duplicate.';

COMMENT ON COLUMN rejected.detail IS 'The reason in a sentence.';

COMMENT ON COLUMN rejected.trace_id IS 'Trace, where it had a readable one.';

COMMENT ON COLUMN rejected.span_id IS 'Span, where it had a readable one.';

COMMENT ON COLUMN rejected.content_hash IS 'xxh3-64 of the refused span as sent.';

COMMENT ON COLUMN rejected.payload_seq IS 'Journal record that held it.';

CREATE TABLE ingest_log (
    source VARCHAR NOT NULL,
    position BIGINT NOT NULL,
    updated_at TIMESTAMPTZ
);

COMMENT ON TABLE ingest_log IS 'Every step by which a source was taken in, written with the rows it brought; see ingest_progress.';

COMMENT ON COLUMN ingest_log.source IS '''journal'', or ''import:'' and the SHA-256 of a file.';

COMMENT ON COLUMN ingest_log.position IS 'Next journal sequence number, or next record of the file.';

COMMENT ON COLUMN ingest_log.updated_at IS 'When it moved.';

CREATE TABLE key_directory (
    batch BIGINT NOT NULL,
    key_hash UBIGINT NOT NULL,
    first_time TIMESTAMPTZ,
    last_time TIMESTAMPTZ
);

COMMENT ON TABLE key_directory IS 'When the rows of a trace, scope, response or signal lie in time, so that one need not look elsewhere.';

COMMENT ON COLUMN key_directory.batch IS 'Number of the transaction that filed the entry.';

COMMENT ON COLUMN key_directory.key_hash IS 'Lower half of the MD5 of kind, '':'' and key.';

COMMENT ON COLUMN key_directory.first_time IS 'Earliest row filed with this entry; NULL when a row has no time.';

COMMENT ON COLUMN key_directory.last_time IS 'Latest row filed with this entry; NULL when a row has no time.';

CREATE TABLE schema_migrations (
    version INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL
);

COMMENT ON TABLE schema_migrations IS 'The numbered schema changes applied to this lake.';

COMMENT ON COLUMN schema_migrations.version IS 'Number of the migration.';

COMMENT ON COLUMN schema_migrations.name IS 'Its file name.';

COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';

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
