"""A database beside the lake, SQLite or Postgres, as views of what may be read of it."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from lake.definitions import quoted
from lake.errors import LakeError
from lake.extensions import load_optional

_POSTGRES: Final = "postgres_scanner"
_VISIBLE: Final = """
SELECT n.nspname::text, c.relname::text, a.attname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'
  AND a.attnum > 0 AND NOT a.attisdropped
"""
"""Schema, table and column of the tables that the business finds by the search path of its connection."""
_NAME: Final = re.compile(r"(?<!\w)_[0-9a-f]{32}(?!\w)")
_SUGGESTION: Final = re.compile(r'\s*Did you mean "_[0-9a-f]{32}\b[^"]*"\?')
_KEYS: Final = {"dbname": "database"}
"""What libpq calls otherwise than DuckDB."""


@dataclass(frozen=True)
class Server:
    """A Postgres database. options: libpq's keywords of the connection, among them the password."""

    options: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Beside:
    """A database, the name its tables are to be found under, and by table what each column is in SQL.

    Tables and columns that are not listed cannot be read; those that the database lacks are left out.
    """

    source: Path | Server
    name: str
    tables: Mapping[str, Mapping[str, str]]


def attach_file(connection: duckdb.DuckDBPyConnection, beside: Beside, file: Path) -> None:
    """Make the views `NAME.TABLE`; `file` is the SQLite file to read, its own or a copy. Raises duckdb.Error."""
    hidden = _hidden_name()
    connection.execute(f"ATTACH {quoted(str(file))} AS {hidden} (TYPE sqlite, READ_ONLY)")
    found = "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE database_name = ?"
    _make_views(connection, beside, hidden, connection.execute(found, [hidden]).fetchall())


def attach_server(connection: duckdb.DuckDBPyConnection, beside: Beside, server: Server) -> None:
    """Make the views `NAME.TABLE` of a Postgres database; one query sees one snapshot of it. Raises `LakeError`.

    Where it is and the password are nowhere in the connection that a query could ask: not in the name of the database,
    not in the path it was attached by, and the secret is gone.
    """
    load_optional(connection, _POSTGRES)
    hidden = _hidden_name()
    options = "".join(f", {_KEYS.get(key, key)} {quoted(value)}" for key, value in server.options.items())
    try:
        # One stream a table: a query takes few of the server's connections, however many cores there are here.
        connection.execute("SET pg_use_ctid_scan = false")
        connection.execute(f"CREATE TEMPORARY SECRET {hidden} (TYPE postgres{options})")
        connection.execute(f"ATTACH '' AS {hidden} (TYPE postgres, READ_ONLY, SECRET {hidden})")
        connection.execute(f"DROP SECRET {hidden}")
        found = connection.execute(f"FROM postgres_query('{hidden}', {quoted(_VISIBLE)})").fetchall()
        _make_views(connection, beside, hidden, found)
    except duckdb.Error as error:
        raise LakeError(f"the database of {beside.name} cannot be read: {_reason(error)}") from None


def _hidden_name() -> str:
    """A name for the database itself that nobody can know when they write their query."""
    return f"_{secrets.token_hex(16)}"


def without_hidden_names(message: str) -> str:
    """An error message of DuckDB without the names of the databases behind the views, which it likes to suggest."""
    return _NAME.sub("hidden", _SUGGESTION.sub("", message))


def _make_views(
    connection: duckdb.DuckDBPyConnection, beside: Beside, hidden: str, found: Iterable[tuple[str, str, str]]
) -> None:
    """The views of the listed tables that are there. found: schema, table and column of all there are."""
    connection.execute(f"ATTACH ':memory:' AS {beside.name}")
    present: dict[str, set[str]] = {}
    schemas: dict[str, str] = {}
    for schema, table, column in found:
        present.setdefault(table, set()).add(column)
        schemas[table] = schema
    for table, columns in beside.tables.items():
        shown = [f'{sql} AS "{name}"' for name, sql in columns.items() if name in present.get(table, ())]
        if shown:
            own, view = f'{hidden}."{schemas[table]}"."{table}"', f'{beside.name}.main."{table}"'
            connection.execute(f"CREATE VIEW {view} AS SELECT {', '.join(shown)} FROM {own}")


def _reason(error: duckdb.Error) -> str:
    """What the server or its driver said, on one line, without the words of ours that it repeats."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = " ".join(line for line in lines if line and not line.startswith(("LINE ", "^")))
    return said.removeprefix("IO Error: ").removeprefix('Unable to connect to Postgres at "": ')
