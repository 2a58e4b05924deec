"""Questions to a lake from outside the service: read only, beside a running writer, with no way to write a file."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from lake.beside import Beside, Server, attach_file, attach_server, without_hidden_names
from lake.connect import CATALOG_FILE, DATA_DIRECTORY, attach, check_lake, connect, first_line, is_transient
from lake.definitions import quoted
from lake.errors import LakeError, LakeLockedError

_EXPLAIN = re.compile(r"\s*explain(\s+analyze)?\s*(\([^)]*\))?", re.IGNORECASE)
_HARMLESS_LAKE_FUNCTIONS = frozenset(
    {
        "ducklake_current_snapshot",
        "ducklake_last_committed_snapshot",
        "ducklake_list_files",
        "ducklake_options",
        "ducklake_settings",
        "ducklake_snapshots",
        "ducklake_table_changes",
        "ducklake_table_deletions",
        "ducklake_table_info",
        "ducklake_table_insertions",
    }
)
_NOT_IN_POLARS = ("INTERVAL", "UNION", "MAP", "BIT", "VARIANT", "TIME WITH TIME ZONE")
_TEXT_AS_QUERY = frozenset({"query", "query_table"})
_OTHER_DATABASES = ("sqlite_", "postgres_", "ducklake_scan")
"""Beginnings of functions that open files and databases past DuckDB's own guard."""
_FILE_READERS = ("read_", "sniff_")
"""Beginnings of functions that read any file as bytes or text. DuckDB lets them read the database files it attached."""


class QueryError(LakeError):
    """The query is wrong, or would do more than read."""


def query(
    data_dir: Path,
    sql: str,
    *,
    memory_limit: str | None = None,
    threads: int | None = None,
    attempts: int = 8,
    beside: Beside | None = None,
) -> pl.DataFrame:
    """The answer to one SQL query on the newest committed state of the lake in `data_dir`.

    Works beside a running service, on a moved or copied directory and on a read-only one. Decimals, times and
    64-bit integers are exact. `beside`: another database that the query may name.

    Raises `QueryError` for a wrong query or one that does more than read, `LakeError` when there is
    no lake, `LakeLockedError` when its catalog stayed busy over all attempts.
    """
    for attempt in range(attempts):
        try:
            with reading(data_dir, memory_limit=memory_limit, threads=threads, beside=beside) as connection:
                only_reads(connection, sql, files=beside is None)
                return _answer(connection.sql(sql))
        except duckdb.Error as error:
            if not is_transient(error):
                raise QueryError(_explained(error)) from error
            failure = LakeLockedError(f"the catalog of {data_dir} stayed busy: {first_line(error)}")
        except LakeLockedError as error:
            failure = error
        if attempt < attempts - 1:
            time.sleep(random.uniform(0.5, 1.0) * min(0.05 * 2**attempt, 1.0))
    raise failure


@contextmanager
def reading(
    data_dir: Path, *, memory_limit: str | None = None, threads: int | None = None, beside: Beside | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the lake that can read the lake's files, and no others; raises `LakeError`."""
    data_dir = data_dir.expanduser().absolute()
    check_lake(data_dir)
    connection = connect(memory_limit=memory_limit, threads=threads)
    try:
        with ExitStack() as files:
            catalog = files.enter_context(_file_to_read(data_dir / CATALOG_FILE))
            attach(connection, data_dir, read_only=True, catalog=catalog)
            if beside is not None:
                source = beside.source
                if isinstance(source, Server):
                    attach_server(connection, beside, source)
                elif source.is_file():
                    attach_file(connection, beside, files.enter_context(_file_to_read(source)))
            # DuckLake opens its catalog once more for some of what it is asked.
            opened = ", ".join(quoted(f"{catalog}{part}") for part in ("", "-wal", "-shm"))
            connection.execute(f"SET allowed_paths = [{opened}]")
            connection.execute(f"SET allowed_directories = [{quoted(str(data_dir / DATA_DIRECTORY))}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
    finally:
        connection.close()


@contextmanager
def _file_to_read(database: Path) -> Iterator[Path]:
    """The SQLite file to attach: the database itself, or a copy when nobody could write beside it.

    SQLite keeps an index of its write-ahead log in a file next to the database. When that file is missing and we may
    not make it (read-only media, another user's directory) then no process is writing, and a copy is as good.
    """
    if os.access(database.parent, os.W_OK) or Path(f"{database}-shm").exists():
        yield database
        return
    with tempfile.TemporaryDirectory(prefix="marginlake-") as folder:
        copy = Path(folder) / database.name
        shutil.copyfile(database, copy)
        yield copy


def only_reads(connection: duckdb.DuckDBPyConnection, sql: str, *, files: bool = True) -> None:
    """Raise `QueryError` unless `sql` is one statement that only reads. EXPLAIN of such a statement is one too.

    files: whether it may name files, which DuckDB itself restricts to the lake's.
    """
    statement = _single(sql)
    if statement.type == duckdb.StatementType.EXPLAIN:
        sql = _EXPLAIN.sub("", sql, count=1)
        statement = _single(sql)
    if statement.type != duckdb.StatementType.SELECT:
        raise QueryError(f"only queries are allowed here, not {statement.type.name}")
    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    parsed = json.loads(row[0]) if row else {}
    for name in sorted(_functions(parsed)):
        writes = name.startswith("ducklake_") and name not in _HARMLESS_LAKE_FUNCTIONS
        past = name.startswith(_OTHER_DATABASES) or (not files and name.startswith(_FILE_READERS))
        if writes or past or name in _TEXT_AS_QUERY:
            raise QueryError(f"function {name} is not allowed here: it can do more than read")


def _answer(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """All rows; names that repeat get a suffix, and types that Polars lacks (intervals, unions, ...) become text."""
    distinct = relation.project("*")
    columns = []
    for name, kind in zip(distinct.columns, distinct.types, strict=True):
        quoted_name = '"' + name.replace('"', '""') + '"'
        foreign = any(word in str(kind) for word in _NOT_IN_POLARS)
        columns.append(f"{quoted_name}::VARCHAR AS {quoted_name}" if foreign else quoted_name)
    return distinct.project(", ".join(columns)).pl()


def _single(sql: str) -> duckdb.Statement:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(_explained(error)) from error
    if len(statements) != 1:
        raise QueryError(f"give one query, not {len(statements)}")
    return statements[0]


def _functions(node: Any) -> set[str]:
    """Names of all functions in a parsed query."""
    if isinstance(node, list):
        return set().union(*map(_functions, node))
    if not isinstance(node, dict):
        return set()
    name = node.get("function_name")
    own = {name.lower()} if isinstance(name, str) else set()
    return own.union(*map(_functions, node.values()))


def _explained(error: duckdb.Error) -> str:
    """DuckDB's message on one line, without the caret picture."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith(("LINE ", "^"))]
    return without_hidden_names(" ".join(kept))
