"""A SQLite database beside the lake, as views of what may be read of it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lake.definitions import quoted


@dataclass(frozen=True)
class Beside:
    """A database file, the name its tables are to be found under, and by table what each column is in SQL.

    Tables and columns that are not listed cannot be read; those that the file lacks are left out.
    """

    file: Path
    name: str
    tables: Mapping[str, Mapping[str, str]]


def attach_beside(connection: duckdb.DuckDBPyConnection, beside: Beside, file: Path) -> None:
    """Make the views `NAME.TABLE`; `file` is the file to read, the database's own or a copy. Raises duckdb.Error.

    The database itself has a name that nobody can know when they write their query.
    """
    hidden = f"_{secrets.token_hex(16)}"
    connection.execute(f"ATTACH {quoted(str(file))} AS {hidden} (TYPE sqlite, READ_ONLY)")
    connection.execute(f"ATTACH ':memory:' AS {beside.name}")
    present: dict[str, set[str]] = {}
    found = "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = ?"
    for table, column in connection.execute(found, [hidden]).fetchall():
        present.setdefault(table, set()).add(column)
    for table, columns in beside.tables.items():
        shown = [f'{sql} AS "{name}"' for name, sql in columns.items() if name in present.get(table, ())]
        if shown:
            view = f'{beside.name}.main."{table}"'
            connection.execute(f'CREATE VIEW {view} AS SELECT {", ".join(shown)} FROM {hidden}."{table}"')
