"""Tables whose rows are only ever added: the database itself refuses to change or remove one."""

from collections.abc import Iterator

from sqlalchemy import DDL, Table, event

_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'rows of %% are only ever added', TG_TABLE_NAME; END $$ LANGUAGE plpgsql
"""


def statements(table: str, dialect: str) -> Iterator[str]:
    """The SQL that makes a table append-only, for migrations."""
    if dialect == "postgresql":
        yield _POSTGRES_FUNCTION.replace("%%", "%")
        yield (
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        yield (
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are only ever added'); END"
        )


def append_only(table: Table) -> None:
    """Make the table append-only wherever it is created from its declaration."""
    for dialect in ("sqlite", "postgresql"):
        for statement in statements(table.name, dialect):
            ddl = DDL(statement.replace("%", "%%")).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl)
