"""Opening a lake: a directory with a DuckLake catalog (SQLite) and the Parquet files it names."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import duckdb
import polars as pl

from lake.commit import Transaction, fetch
from lake.definitions import quoted
from lake.durable import FileSync
from lake.errors import LakeError, LakeLockedError
from lake.extensions import are_checked, load_extensions, required_extensions
from lake.known import Known
from lake.locking import WriteLock
from lake.migrate import applied_version, apply_pending, known_migrations
from lake.spill import spill_directory

CATALOG_FILE = "catalog.sqlite"
DATA_DIRECTORY = "data"
LOCK_FILE = "write.lock"
KEYS_DIRECTORY = "keys"
"""Files that spare a writer the reading of the key directory at its start; they may be deleted at any time."""

INLINE_ROWS = 0
"""DuckLake can keep small inserts in its catalog. It must not: once such rows were deleted and flushed, a reader on an
older snapshot counts them wrongly (seen with DuckLake 1.0; tests/lake/test_snapshots.py shows the sound way)."""

_T = TypeVar("_T")
_TRANSIENT = ("database is locked", "transaction conflict", "database table is locked", "failed to commit ducklake")


class Lake:
    """One open lake. Threads may share it: each transaction and each `cursor()` is a connection of its own."""

    def __init__(self, data_dir: Path, connection: duckdb.DuckDBPyConnection, *, read_only: bool, lock_timeout: float):
        self.data_dir = data_dir
        self.read_only = read_only
        self._connection = connection
        self._lock = WriteLock(data_dir / LOCK_FILE)
        self._lock_timeout = lock_timeout
        self._known = Known(data_dir / KEYS_DIRECTORY)
        self._files = FileSync(data_dir / DATA_DIRECTORY)

    @classmethod
    def open(
        cls,
        data_dir: Path,
        *,
        read_only: bool = False,
        memory_limit: str | None = None,
        threads: int | None = None,
        lock_timeout: float = 30.0,
    ) -> Lake:
        """Open the lake in `data_dir`; when writable, create it and bring its schema up to date as needed.

        `memory_limit` ("2GB") and `threads` bound DuckDB; `lock_timeout` is how many seconds to wait for another
        writer. The directory may have been moved or copied since it was written. Raises `LakeError`.
        """
        data_dir = data_dir.expanduser().absolute()
        if read_only:
            check_lake(data_dir)
        else:
            try:
                (data_dir / DATA_DIRECTORY).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LakeError(f"cannot make a lake at {data_dir}: {error.strerror}") from error
        spill = None if read_only else spill_directory(data_dir)
        connection = connect(memory_limit=memory_limit, threads=threads, spill=spill)
        lake = cls(data_dir, connection, read_only=read_only, lock_timeout=lock_timeout)
        try:
            lake._prepare()
        except BaseException:
            connection.close()
            raise
        return lake

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own on the same open lake, for one thread; close it after use."""
        cursor = self._connection.cursor()
        cursor.execute("USE lake")
        cursor.execute("SET TimeZone = 'UTC'")
        return cursor

    @contextmanager
    def write_lock(self, timeout: float | None = None) -> Iterator[None]:
        """Hold the right to write, against other threads and processes; `LakeLockedError` after `timeout` seconds."""
        if self.read_only:
            raise LakeError(f"the lake at {self.data_dir} is open for reading only")
        with self._lock.held(self._lock_timeout if timeout is None else timeout):
            yield

    @contextmanager
    def transaction(self, *, by_key: bool = True) -> Iterator[Transaction]:
        """One transaction under the write lock: committed when the block ends, rolled back when it raises.

        Once the block has ended its rows survive a power cut: their files are synced before the catalog names them.
        With `by_key` the key directory is kept in memory from the first transaction on; work that looks up little or
        nothing by key does better without, and asks the lake.
        """
        with self.write_lock():
            with self.durable_transaction() as connection:
                if by_key:
                    self._known.refresh(connection)
                known = self._known if by_key else None
                transaction = Transaction(connection, known, data=self.data_dir / DATA_DIRECTORY)
                try:
                    yield transaction
                    remembered = transaction.finish()
                except BaseException:
                    transaction.abandon()
                    raise
            if not by_key:
                return
            cursor = self.cursor()
            try:
                self._known.committed(cursor, remembered)
            finally:
                cursor.close()

    def remember_keys(self) -> None:
        """Take up the key directory now, which the first transaction would do otherwise. Raises as `run` does."""
        self.run(lambda tx: None)

    def tidy_keys(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Merge files of the key directory that have become many, beside other work; returns how many are gone.

        Raises OSError when the disk is full, and `LakeLockedError`.
        """
        gone = 0
        while True:
            with self.write_lock():
                pair = self._known.windows.mergeable()
            run = None if pair is None else self._known.windows.merge(pair, stop)
            if pair is None or run is None:
                return gone
            with self.write_lock():
                self._known.windows.put(pair, run)
            gone += 1

    @contextmanager
    def durable_transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Like `transaction`, for statements that `Transaction` has no words for."""
        with self.write_lock():
            cursor = self.cursor()
            try:
                cursor.execute("BEGIN")
                try:
                    yield cursor
                    self._files.sync_new()
                    cursor.execute("COMMIT")
                except BaseException:
                    # After a failed COMMIT there is nothing left to roll back.
                    with suppress(duckdb.Error):
                        cursor.execute("ROLLBACK")
                    raise
            finally:
                cursor.close()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Several reads of one committed state; what the block writes is rolled back. Takes no lock."""
        cursor = self.cursor()
        try:
            cursor.execute("BEGIN")
            try:
                yield Transaction(cursor)
            finally:
                with suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
        finally:
            cursor.close()

    @contextmanager
    def looking_up(self) -> Iterator[Transaction]:
        """Reads of the newest state, by key without reading the whole directory if this process knows it; no lock."""
        cursor = self.cursor()
        try:
            yield Transaction(cursor, self._known.beside(cursor))
        finally:
            cursor.close()

    def run(self, work: Callable[[Transaction], _T], *, attempts: int = 5, by_key: bool = True) -> _T:
        """Run `work` in a transaction and return its answer, again from the start when the catalog was busy.

        `by_key`: see `transaction`. `work` must do nothing but use its transaction, since it may run several times.
        Raises `LakeLockedError` when the last attempt met a busy catalog too.
        """
        for attempt in range(attempts):
            try:
                with self.transaction(by_key=by_key) as transaction:
                    return work(transaction)
            except duckdb.Error as error:
                if not is_transient(error):
                    raise
                if attempt == attempts - 1:
                    raise LakeLockedError(f"the catalog of {self.data_dir} stayed busy: {first_line(error)}") from error
                time.sleep(random.uniform(0.5, 1.0) * min(0.05 * 2**attempt, 1.0))
        raise AssertionError("unreachable: attempts is at least 1")

    def read(self, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
        """Rows of one query on the newest committed state; `frames` are readable as tables of their names."""
        cursor = self.cursor()
        try:
            return fetch(cursor, sql, **frames)
        finally:
            cursor.close()

    def progress(self, source: str) -> int | None:
        """Position up to which `source` is taken in, as committed; None when it never was."""
        found = self.read(f"SELECT position FROM ingest_progress WHERE source = {quoted(source)}")
        return None if found.height == 0 else int(found.item())

    @property
    def outdated(self) -> bool:
        """Whether this marginlake has schema changes that the lake has not; opening it for writing applies them."""
        cursor = self.cursor()
        try:
            return applied_version(cursor) < known_migrations()[-1].version
        finally:
            cursor.close()

    def close(self) -> None:
        """Close all connections; the lake stays on disk."""
        self._connection.close()

    def __enter__(self) -> Lake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        """Attach the catalog; a writer also applies missing migrations, one process at a time."""
        if self.read_only:
            attach(self._connection, self.data_dir, read_only=True)
            if applied_version(self._connection) == 0:
                raise LakeError(f"the lake at {self.data_dir} is empty: it was never opened for writing")
            return
        with self.write_lock():
            if (self.data_dir / CATALOG_FILE).exists():
                self._files.mark_existing()
            attach(self._connection, self.data_dir, read_only=False)
            self._connection.execute("BEGIN")
            try:
                apply_pending(self._connection)
                self._files.sync_new()
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):
                    self._connection.execute("ROLLBACK")
                raise


def check_lake(data_dir: Path) -> None:
    """Raise `LakeError` unless there is a lake in `data_dir`."""
    if not (data_dir / CATALOG_FILE).is_file():
        raise LakeError(
            f"no lake at {data_dir}: run `marginlake serve`, `demo` or `import` with --data {data_dir} first"
        )


def connect(
    *, memory_limit: str | None = None, threads: int | None = None, spill: str | None = None
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB in UTC with the lake's extensions; it downloads nothing and refuses unsigned ones.

    spill: the folder for what does not fit the memory limit (None: DuckDB's default, in the working directory).
    """
    extensions = required_extensions()
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        # Ours are not checked twice; once they are loaded, unsigned ones are refused for good.
        "allow_unsigned_extensions": are_checked(extensions),
    }
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    if threads is not None:
        config["threads"] = threads
    if spill is not None:
        config["temp_directory"] = spill
    try:
        connection = duckdb.connect(config=config)
    except duckdb.Error as error:
        raise LakeError(f"DuckDB refuses the settings: {first_line(error)}") from error
    try:
        load_extensions(connection, extensions)
        connection.execute("SET allow_unsigned_extensions = false")
        connection.execute("SET TimeZone = 'UTC'")
    except BaseException:
        connection.close()
        raise
    return connection


def attach(
    connection: duckdb.DuckDBPyConnection, data_dir: Path, *, read_only: bool, catalog: Path | None = None
) -> None:
    """Attach the lake of `data_dir` as `lake` and make it the default database; raises `LakeError`.

    `catalog` is the catalog file when it is not the one in the directory.
    """
    catalog = catalog or data_dir / CATALOG_FILE
    # The catalog remembers where its files were; overriding that lets a moved or copied directory work.
    options = [
        f"DATA_PATH {quoted(str(data_dir / DATA_DIRECTORY))}",
        "OVERRIDE_DATA_PATH true",
        "META_BUSY_TIMEOUT 10000",
        f"DATA_INLINING_ROW_LIMIT {INLINE_ROWS}",
        "READ_ONLY" if read_only else "META_JOURNAL_MODE 'WAL'",
    ]
    try:
        connection.execute(f"ATTACH {quoted(f'ducklake:sqlite:{catalog}')} AS lake ({', '.join(options)})")
        connection.execute("USE lake")
    except duckdb.Error as error:
        if is_transient(error):
            raise LakeLockedError(f"the lake at {data_dir} is busy: {first_line(error)}") from error
        raise LakeError(f"{catalog} is not a lake we can open: {first_line(error)}") from error


def is_transient(error: duckdb.Error) -> bool:
    """Whether the same work may succeed when tried again: the catalog was busy or another writer came first."""
    text = str(error).lower()
    return any(sign in text for sign in _TRANSIENT)


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).splitlines() or [type(error).__name__])[0]
