"""What was refused, how far we are, and how to find rows quickly."""

from lake.definitions import TIME, Column, Lookup, Table

REJECTED = Table(
    name="rejected",
    comment="What was refused and why; nothing is dropped without a row here.",
    key=("rejected_id",),
    bookkeeping=frozenset({"received_at", "payload_seq"}),
    columns=(
        Column("rejected_id", "VARCHAR", "Identity: a hash of what was refused.", required=True),
        Column("received_at", TIME, "When it was received."),
        Column("kind", "VARCHAR", "span, signal or record.", required=True),
        Column("reason", "VARCHAR", "Short code, e.g. invalid_trace_id or conflicting_duplicate.", required=True),
        Column("detail", "VARCHAR", "The reason in a sentence."),
        Column("trace_id", "VARCHAR", "Trace, where it had a readable one."),
        Column("span_id", "VARCHAR", "Span, where it had a readable one."),
        Column("content_hash", "UBIGINT", "xxh3-64 of the refused span as sent."),
        Column("payload_seq", "BIGINT", "Journal record that held it."),
    ),
)

UNMAPPED_CALLS = Table(
    name="unmapped_calls",
    comment="Spans that look like a model call but that no dialect understands: what to report, or to map in the "
    "configuration.",
    key=("trace_id", "span_id"),
    time_column="occurred_at",
    lookups=(Lookup("trace_id", "trace"),),
    columns=(
        Column("trace_id", "VARCHAR", "Trace of the span.", required=True),
        Column("span_id", "VARCHAR", "The span.", required=True),
        Column("occurred_at", TIME, "When it began."),
        Column("service_name", "VARCHAR", "Resource attribute service.name."),
        Column("scope_name", "VARCHAR", "Instrumentation library that made it."),
        Column("scope_version", "VARCHAR", "Version of that library."),
        Column("name", "VARCHAR", "What the instrumentation called it."),
        Column("reason", "VARCHAR", "Why it is here.", required=True),
        Column("attribute_names", "VARCHAR", "Names of the span's attributes, sorted, comma separated."),
    ),
)

REPRICES = Table(
    name="reprices",
    comment="Every re-pricing: what was priced again under which price book, what it changed, and the snapshot before.",
    key=("reprice_id",),
    columns=(
        Column("reprice_id", "VARCHAR", "Identity of the run.", required=True),
        Column("started_at", TIME, "When it began.", required=True),
        Column("finished_at", TIME, "When it ended; NULL: it has not, or was interrupted."),
        Column("catalog_id", "VARCHAR", "Price book used: joins catalogs.", required=True),
        Column("period_from", TIME, "Calls from here on; NULL: from the first."),
        Column("period_to", TIME, "Calls until just before; NULL: to the last."),
        Column("snapshot_before", "BIGINT", "Snapshot that shows what was: FROM costs AT (VERSION => this)."),
        Column("calls", "BIGINT", "Calls priced again."),
        Column("changed", "BIGINT", "Calls whose row changed."),
        Column("cost_before_usd", "DECIMAL(38,12)", "What the calls cost before."),
        Column("cost_after_usd", "DECIMAL(38,12)", "What they cost since."),
    ),
)

INGEST_LOG = Table(
    name="ingest_log",
    comment="Every step by which a source was taken in, written with the rows it brought; see ingest_progress.",
    key=("source", "position"),
    columns=(
        Column("source", "VARCHAR", "'journal', or 'import:' and the SHA-256 of a file.", required=True),
        Column("position", "BIGINT", "Next journal sequence number, or next record of the file.", required=True),
        Column("updated_at", TIME, "When it moved."),
    ),
)

KEY_DIRECTORY = Table(
    name="key_directory",
    comment="When the rows of a trace, scope, response or signal lie in time, so that one need not look elsewhere.",
    key=("batch", "key_hash"),
    columns=(
        Column("batch", "BIGINT", "Number of the transaction that filed the entry.", required=True),
        Column("key_hash", "UBIGINT", "Lower half of the MD5 of kind, ':' and key.", required=True),
        Column("first_time", TIME, "Earliest row filed with this entry; NULL when a row has no time."),
        Column("last_time", TIME, "Latest row filed with this entry; NULL when a row has no time."),
    ),
)

SCHEMA_MIGRATIONS = Table(
    name="schema_migrations",
    comment="The numbered schema changes applied to this lake.",
    key=("version",),
    columns=(
        Column("version", "INTEGER", "Number of the migration.", required=True),
        Column("name", "VARCHAR", "Its file name.", required=True),
        Column("applied_at", TIME, "When it was applied.", required=True),
    ),
)
