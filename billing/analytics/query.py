"""Runs a query of the API: on its own connection that can only read, for so long, and for so many rows."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb
from sqlalchemy.orm import Session

from billing.analytics.frames import casts, frame, narrowed
from billing.analytics.guard import Reads, reads_of
from billing.analytics.spellings import MACROS
from billing.analytics.views import BY_NAME
from billing.api.errors import ApiError, invalid
from billing.context import Billing
from lake.connect import is_transient
from lake.errors import LakeLockedError
from lake.read import QueryError, reading

SECONDS: Final = 30.0
"""How long a query may take."""
ROWS: Final = 10_000
"""How many rows an answer has at most."""
AT_ONCE: Final = 4
"""How many queries run at the same time; another one is refused (429) and comes again."""
_MEMORY: Final = "1GB"
_THREADS: Final = 2
_WIDE: Final = ("BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT")
_BUSY: Final = "the lake is busy; send the same again"

_turns = threading.BoundedSemaphore(AT_ONCE)


class _TooLateError(Exception):
    """A query's time is up."""


@dataclass(frozen=True)
class Answer:
    """columns: (name, DuckDB type). rows: JSON values; integers of 64 bits and more are text."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    elapsed_ms: float
    truncated: bool


def run(billing: Billing, sql: str) -> Answer:
    """The answer to one query. Raises the API's 400, 408, 429 and 501."""
    if billing.lake_dir is None:
        raise ApiError(501, "Not implemented", "there is no lake beside this business")
    with _turn():
        began = time.monotonic()
        for attempt in range(3):
            try:
                columns, rows = _on_lake(billing, billing.lake_dir, sql)
                break
            except LakeLockedError as error:
                failure: Exception = error
            except (duckdb.InterruptException, _TooLateError):
                raise ApiError(408, "Request timeout", f"the query took more than {SECONDS:.0f} seconds") from None
            except QueryError as error:
                raise invalid(f"query: {error}") from None
            except (OverflowError, ValueError) as error:
                raise invalid(f"query: a value in the answer cannot be shown: {error}") from None
            except duckdb.Error as error:
                if not is_transient(error):
                    raise invalid(f"query: {_first_lines(error)}") from None
                failure = error
            time.sleep(0.05 * 2**attempt)
        else:
            raise ApiError(429, "Too many requests", _BUSY) from failure
        elapsed = (time.monotonic() - began) * 1000
    kinds = [kind for _, kind in columns]
    shown = [[_shown(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows[:ROWS]]
    return Answer(columns, shown, round(elapsed, 3), len(rows) > ROWS)


def _on_lake(billing: Billing, lake_dir: Path, sql: str) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
    with reading(lake_dir, memory_limit=_MEMORY, threads=_THREADS) as connection, _limited(connection) as go_on:
        wanted = reads_of(connection, sql)
        with billing.database.read() as session:
            _make_views(connection, session, wanted, go_on)
        go_on()
        for written, meant in MACROS.items():
            connection.execute(f"CREATE TEMP MACRO {written} AS {meant}")
        answer = connection.sql(sql)
        columns = [(name, str(kind)) for name, kind in zip(answer.columns, answer.types, strict=True)]
        return columns, answer.limit(ROWS + 1).fetchall()


def _make_views(
    connection: duckdb.DuckDBPyConnection, session: Session, wanted: Reads, go_on: Callable[[], None]
) -> None:
    """The views that are asked for, those they stand on first."""
    views = [BY_NAME[name] for name in sorted(wanted.views)]
    needed = dict.fromkeys(name for view in views for name in view.needs)
    for view in (*(BY_NAME[name] for name in needed), *(narrowed(view, wanted.names) for view in views)):
        if view.sql:
            connection.execute(f"CREATE TEMP VIEW {view.name} AS {view.sql}")
        else:
            connection.register(f"rows_of_{view.name}", frame(view, session, go_on).to_arrow())
            connection.execute(f"CREATE TEMP VIEW {view.name} AS SELECT {casts(view)} FROM rows_of_{view.name}")


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(blocking=False):
        raise ApiError(429, "Too many requests", f"{AT_ONCE} queries are running already")
    try:
        yield
    finally:
        _turns.release()


@contextmanager
def _limited(connection: duckdb.DuckDBPyConnection) -> Iterator[Callable[[], None]]:
    """Interrupts what runs on the connection when its time is up; gives what raises from then on."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        connection.interrupt()

    def go_on() -> None:
        if late.is_set():
            raise _TooLateError

    timer = threading.Timer(SECONDS, stop)
    timer.daemon = True
    timer.start()
    try:
        yield go_on
    finally:
        timer.cancel()
        timer.join()


def _shown(value: Any, kind: str) -> Any:
    if value is None or isinstance(value, bool | str | datetime | date | time_of_day | UUID):
        return value
    if isinstance(value, int):
        return str(value) if kind in _WIDE or abs(value) >= 2**63 else value
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _shown(each, "") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each, "") for each in value]
    if isinstance(value, timedelta):
        return str(value)
    return bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)


def _first_lines(error: duckdb.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("LINE ", "^")))
