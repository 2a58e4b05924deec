"""Many rows into a table at once, as the driver takes them: what an ORM or a compiler does per row is most of the time.

Rows are tuples in the order of the columns that were named; the columns' own types convert values as everywhere else.
On SQLite one statement takes hundreds of rows, since the driver lets go of the interpreter at each statement's step:
where other threads compute, every row of its own would wait for its turn anew.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, Table

from billing.columns import Moment

_Convert = Callable[[Any], Any]

_ROWS_AT_ONCE: Final = (256, 32, 4, 1)
"""Sizes of SQLite's statements: few, so that the driver keeps all of them compiled."""


def insert_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]], *, skip: bool = False
) -> int:
    """Insert the rows; gives how many there are now that were not before. skip: leave those alone whose key is there.

    The columns may be texts, integers, truth values and moments.
    """
    if not rows:
        return 0
    width = len(names)
    values = list(chain.from_iterable(rows))
    for place in _moments(table, tuple(names)):
        values[place::width] = _shown(connection, values[place::width])
    if connection.dialect.name != "sqlite":
        statement = _statement(table, tuple(names), 1, "%s", skip)
        converted = [tuple(values[start : start + width]) for start in range(0, len(values), width)]
        return connection.exec_driver_sql(statement, converted).rowcount
    done, inserted = 0, 0
    while done < len(rows):
        count = next(size for size in _ROWS_AT_ONCE if size <= len(rows) - done)
        part = tuple(values[done * width : (done + count) * width])
        inserted += connection.exec_driver_sql(_statement(table, tuple(names), count, "?", skip), part).rowcount
        done += count
    return inserted


@cache
def _statement(table: Table, names: tuple[str, ...], rows: int, mark: str, skip: bool) -> str:
    marks = f"({', '.join([mark] * len(names))})"
    end = " ON CONFLICT DO NOTHING" if skip else ""
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join([marks] * rows)}{end}"


@cache
def _moments(table: Table, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(names) if isinstance(table.c[name].type, Moment))


def _shown(connection: Connection, moments: Sequence[datetime | None]) -> list[Any]:
    """Moments as the driver has them; each distinct one is converted once: there are few in many rows."""
    process: _Convert | None = Moment().dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if process is None:
        return list(moments)
    shown = {moment: process(moment) for moment in set(moments)}
    return [shown[moment] for moment in moments]
