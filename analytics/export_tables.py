"""The lake's tables as plain files, Parquet or CSV, with a manifest; and as one DuckDB file that needs nothing else."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb

from analytics.export_files import ExportError, sha256
from analytics.period import Period
from lake.definitions import Table, quoted
from lake.schema import TABLES, VIEWS

BOOKKEEPING = ("ingest_log", "key_directory", "margin_rollup", "rolled_days", "schema_migrations")
"""Tables that say how this lake came about or what views have worked out; of no use outside of it, and only in a DuckDB
file."""

EXPORTED = tuple(name for name in TABLES if name not in BOOKKEEPING)
MANIFEST = "manifest.json"
MANIFEST_VERSION = 1

Partition = Literal["none", "day", "month"]
FileFormat = Literal["parquet", "csv"]
Tell = Callable[[int, int], None]

_OPTIONS = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'",
}
_PARTS = {
    "day": "strftime({time} AT TIME ZONE 'UTC', '%Y-%m-%d')",
    "month": "strftime({time} AT TIME ZONE 'UTC', '%Y-%m')",
}
_FILE = "export_file"


def chosen(names: Sequence[str]) -> list[Table]:
    """The tables of these names (none: all that are exported), in the lake's order. Raises ExportError."""
    wrong = next((name for name in names if name not in TABLES), None)
    if wrong is not None:
        raise ExportError(f"no table {wrong!r}; there are {', '.join(TABLES)}")
    return [table for name, table in TABLES.items() if name in (names or EXPORTED)]


def snapshot_of(connection: duckdb.DuckDBPyConnection) -> int:
    """The snapshot that the connection's transaction reads."""
    row = connection.execute("SELECT id FROM ducklake_current_snapshot('lake')").fetchone()
    if row is None:
        raise ExportError("the lake has no snapshot")
    return int(row[0])


def export_tables(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    tables: Sequence[Table],
    format: FileFormat,  # noqa: A002
    partition: Partition,
    period: Period,
    *,
    progress: Tell = lambda done, total: None,
) -> dict[str, Any]:
    """Write the tables into an empty folder, each into one of its own, with `manifest.json`; returns its content.

    connection: a transaction on the lake, so that all is of one snapshot. Rows of the period by each table's time;
    tables without one are written whole. Partitioned ones have Hive folders (`day=2026-11-01`, UTC).
    """
    manifest: dict[str, Any] = {
        "manifest_version": MANIFEST_VERSION,
        "snapshot_id": snapshot_of(connection),
        "format": format,
        "partition": partition,
        "from": None if period.start is None else period.start.isoformat(),
        "to": None if period.end is None else period.end.isoformat(),
        "tables": {},
    }
    for number, table in enumerate(tables):
        manifest["tables"][table.name] = _export(connection, folder, table, format, partition, period)
        progress(number + 1, len(tables))
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def _export(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    table: Table,
    format: FileFormat,  # noqa: A002
    partition: Partition,
    period: Period,
) -> dict[str, Any]:
    place = folder / table.name
    place.mkdir()
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    rows = f"FROM lake.{table.name}{_within(table, period)}"
    money = [column.name for column in table.columns if column.type.startswith("DECIMAL")]
    sums = ", ".join(f'sum("{name}")' for name in money)
    totals = connection.execute(f"SELECT count(*){', ' + sums if sums else ''} {rows}").fetchone() or (0,)
    if partition != "none" and table.time_column is not None and totals[0]:
        part = _PARTS[partition].format(time=f'"{table.time_column}"')
        connection.execute(
            f"COPY (SELECT {columns}, {part} AS {partition} {rows}) TO {quoted(str(place))} "
            f"({_OPTIONS[format]}, PARTITION_BY ({partition}))"
        )
    else:
        file = quoted(str(place / f"data_0.{format}"))
        connection.execute(f"COPY (SELECT {columns} {rows}) TO {file} ({_OPTIONS[format]})")
    return {
        "comment": table.comment,
        "key": list(table.key),
        "rows": totals[0],
        "sums": {name: _plain(value) for name, value in zip(money, totals[1:], strict=True)},
        "columns": [{"name": column.name, "type": column.type, "comment": column.comment} for column in table.columns],
        "files": [_described(connection, folder, file, format) for file in sorted(place.rglob(f"*.{format}"))],
    }


def _described(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    file: Path,
    format: FileFormat,  # noqa: A002
) -> dict[str, Any]:
    said: dict[str, Any] = {"path": file.relative_to(folder).as_posix()}
    if format == "parquet":
        row = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({quoted(str(file))})").fetchone()
        said["rows"] = row[0] if row else 0
    return said | {"bytes": file.stat().st_size, "sha256": sha256(file)}


def _within(table: Table, period: Period) -> str:
    bounded = period.start is not None or period.end is not None
    return f" WHERE {period.condition(table.time_column)}" if bounded and table.time_column is not None else ""


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def export_duckdb(
    connection: duckdb.DuckDBPyConnection, file: Path, *, progress: Tell = lambda done, total: None
) -> int:
    """Write a new DuckDB file with all tables, views and comments, which needs no extension; returns the snapshot.

    connection: a transaction on the lake. Every table is one statement, so memory does not grow with it.
    """
    snapshot = snapshot_of(connection)
    connection.execute(f"ATTACH {quoted(str(file))} AS {_FILE}")
    try:
        connection.execute(f"USE {_FILE}")
        for number, table in enumerate(TABLES.values()):
            for statement in table.create_sql():
                connection.execute(statement)
            columns = ", ".join(f'"{name}"' for name in table.column_names)
            connection.execute(f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM lake.{table.name}")
            progress(number + 1, len(TABLES))
        for view in VIEWS.values():
            for statement in view.create_sql():
                connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute(f"CHECKPOINT {_FILE}")
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        with suppress(duckdb.Error):
            connection.execute("USE lake")
            connection.execute(f"DETACH {_FILE}")
        raise
    connection.execute("USE lake")
    connection.execute(f"DETACH {_FILE}")
    return snapshot
