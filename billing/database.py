"""The business database: SQLite in the data directory (WAL, full sync) by default, Postgres by URL.

Every change is one function run in one transaction by `Database.write`; it is run again, on a new transaction, when the
database says that another writer was in the way. On SQLite writers queue within the process, so none of them polls.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from billing.audit import record

T = TypeVar("T")

FILE: Final = "billing.sqlite"
"""The SQLite file's name in a data directory."""

_ATTEMPTS: Final = 12
_BUSY_MS: Final = 10_000
_READERS: Final = 16
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -65536",  # 64 MiB: keys are random, and pages that do not fit are read again for every other row
    "wal_autocheckpoint = 8000",  # 32 MiB of pages: writing them back waits for the disk
)
_TRANSIENT_STATES: Final = ("40001", "40P01")
"""SQLSTATE of a failed serialization and of a deadlock."""


class BillingError(Exception):
    """The business database cannot be used; the message is one line."""


def url_in(data_dir: Path) -> str:
    """The URL of a data directory's own SQLite database."""
    return f"sqlite:///{data_dir / FILE}"


class Database:
    """Sessions on one business database; may be used from any thread. `close` when done."""

    def __init__(self, url: str) -> None:
        """Connects at first use. Raises BillingError for an URL that is not one, or of another kind of database."""
        try:
            self.url: URL = make_url(url)
        except ArgumentError as error:
            raise BillingError(f"billing database: not an URL: {error}") from None
        backend = self.url.get_backend_name()
        if backend == "sqlite":
            self._turn: threading.Lock | None = threading.Lock()
            self._writer = _sqlite(self.url, "BEGIN IMMEDIATE", 1)
            self._reader = _sqlite(self.url, "BEGIN", _READERS)
            event.listen(self._reader, "connect", _only_reads)
        elif backend == "postgresql":
            self._turn = None
            self._writer = _postgres(self.url)
            self._reader = self._writer
        else:
            raise BillingError(f"billing database: {backend} is not supported; use sqlite or postgresql")
        self._writing = sessionmaker(self._writer, expire_on_commit=False)
        event.listen(self._writing, "before_flush", record)
        self._reading = sessionmaker(self._reader, expire_on_commit=False)

    @property
    def engine(self) -> Engine:
        """The engine that writes, for migrations."""
        return self._writer

    @property
    def is_sqlite(self) -> bool:
        """Whether one writer at a time is all there is."""
        return self._turn is not None

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction and commit it. `work` may be run several times; only the last one counts.

        Raises what `work` raises (nothing is kept then), BillingError when the database stays busy.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._once(work)
            except DBAPIError as error:
                if not is_transient(error):
                    raise
                failure = error
            time.sleep(random.uniform(0.5, 1.0) * min(0.005 * 2**attempt, 0.5))
        raise BillingError(f"the billing database stayed busy: {failure.orig}") from failure

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one committed state, and changes nothing."""
        with self._reading() as session:
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    def close(self) -> None:
        """Let go of all connections."""
        self._writer.dispose()
        self._reader.dispose()

    def _once(self, work: Callable[[Session], T]) -> T:
        if self._turn is None:
            with self._writing.begin() as session:
                return work(session)
        with self._turn, self._writing.begin() as session:
            return work(session)


def is_transient(error: DBAPIError) -> bool:
    """Whether the same work may succeed when it is tried again: another writer was in the way."""
    original = error.orig
    if isinstance(original, sqlite3.OperationalError):
        return "locked" in str(original) or "busy" in str(original)
    return isinstance(error, OperationalError | DBAPIError) and getattr(original, "sqlstate", None) in _TRANSIENT_STATES


def _postgres(url: URL) -> Engine:
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), pool_size=_READERS)
    except ModuleNotFoundError:
        raise BillingError(
            "billing database: Postgres needs the package psycopg: install marginlake[postgres]"
        ) from None


def _sqlite(url: URL, begin: str, connections: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, record: object) -> None:
        del record
        connection.isolation_level = None  # transactions begin and end when we say so, not when the driver guesses
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _only_reads(connection: sqlite3.Connection, record: object) -> None:
    del record
    connection.execute("PRAGMA query_only = ON").close()
