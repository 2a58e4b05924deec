"""What was refused, how far we are, and how to find rows quickly."""

from lake.definitions import TIME, Column, Table

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
