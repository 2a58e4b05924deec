"""Many rows at once: written to a Parquet file here, then named in the transaction, instead of a slower INSERT.

DuckLake makes no difference afterwards: such a file has statistics, row ids and deletions like its own, its path is
kept relative to the table's, and upkeep merges and deletes it. Like DuckLake's own files it is synced before COMMIT.
"""

from __future__ import annotations

import os
import secrets
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lake.definitions import Table, quoted

MIN_ROWS = 10_000
"""Below this an INSERT is about as fast: registering a file takes some milliseconds."""

_ROW_GROUP = 122_880
"""Rows, as DuckDB writes them."""

_SAMPLE = 4096
_PATTERN = frozenset("*?[]{}")
_STORED_AS = {"JSON": pa.json_(pa.string_view()), "TIME": pa.time64("us")}
"""Types that Polars has otherwise; of times of day it holds nanoseconds, which DuckDB cuts off as well."""


def can_hold(folder: Path) -> bool:
    """Whether files in this folder can be named to DuckLake, which takes some characters of a path for a pattern."""
    return not _PATTERN.intersection(str(folder))


def new_path(folder: Path, table: Table) -> Path:
    """Where a new file of the table goes, below the lake's data directory `folder`."""
    # names sort by age, as those that DuckLake gives do
    return folder / "main" / table.name / f"ducklake-{_name()}.parquet"


def write_rows(path: Path, table: Table, rows: pl.DataFrame) -> None:
    """Write rows (conformed to the table) to a new Parquet file. Raises OSError.

    Until `name_file` and a COMMIT the file belongs to nobody; one that stays so is removed by upkeep.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        pq.write_table(
            _arrow(rows, table),
            file,
            row_group_size=_ROW_GROUP,
            compression="zstd",
            compression_level=1,
            use_dictionary=_repeating(rows, table),
            store_decimal_as_integer=True,
            store_schema=False,
        )
        file.flush()
        # here, where nobody waits for it, rather than at COMMIT
        os.fsync(file.fileno())


def name_file(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> None:
    """Make the file's rows rows of the table, in the transaction that `connection` has open."""
    connection.execute(f"CALL ducklake_add_data_files('lake', {quoted(table.name)}, {quoted(str(path))})")


class Writer:
    """The files of one transaction: written by a thread of its own while the transaction goes on.

    A table's rows are to be read, changed or committed only after `finish` has named its files.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path):
        self._connection = connection
        self._folder = folder
        self._thread: ThreadPoolExecutor | None = None
        self._paths: list[Path] = []
        self._pending: list[tuple[Table, Path, Future[None]]] = []

    def write(self, table: Table, rows: pl.DataFrame) -> None:
        """Begin to write rows (conformed to the table) to a file of their own."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="marginlake-parquet")
        path = new_path(self._folder, table)
        self._paths.append(path)
        self._pending.append((table, path, self._thread.submit(write_rows, path, table, rows)))

    def finish(self, table: Table | None = None) -> None:
        """Make what is being written of the table (None: of all) rows of it. Raises OSError, duckdb.Error."""
        wanted = [part for part in self._pending if table is None or part[0] is table]
        self._pending = [part for part in self._pending if part not in wanted]
        for owner, path, written in wanted:
            written.result()
            name_file(self._connection, owner, path)

    def close(self) -> None:
        """Wait until nothing is written any more."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def discard(self) -> None:
        """Remove all files: of a transaction that will not be committed. Never after COMMIT was tried."""
        self.close()
        for path in self._paths:
            path.unlink(missing_ok=True)


def _arrow(rows: pl.DataFrame, table: Table) -> pa.Table:
    """The rows, nearly all without a copy, in the types that DuckLake wants to find in a file."""
    arrow = rows.to_arrow(compat_level=pl.CompatLevel.newest())
    for position, column in enumerate(table.columns):
        if column.type in _STORED_AS:
            stored = arrow.column(position).cast(_STORED_AS[column.type], safe=False)
            arrow = arrow.set_column(position, column.name, stored)
    return arrow


def _repeating(rows: pl.DataFrame, table: Table) -> list[str]:
    """Columns that are worth a dictionary: a sample of them has few different values."""
    sample = rows.head(_SAMPLE)
    counts = sample.select(pl.all().n_unique()).row(0)
    most = sample.height // 2
    return [
        column.name
        for column, count in zip(table.columns, counts, strict=True)
        if count <= most and column.type != "JSON"
    ]


def _name() -> uuid.UUID:
    """A UUID of version 7: milliseconds since 1970, then chance."""
    moment = (time.time_ns() // 1_000_000) & ((1 << 48) - 1)
    chance = secrets.randbits(74)
    return uuid.UUID(int=moment << 80 | 0x7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | chance & ((1 << 62) - 1))
