"""Many rows into a table at once, as the driver takes them: what an ORM or a compiler does per row is most of the time.

Rows are tuples in the order of the columns that were named; the columns' own types convert values as everywhere else.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

from billing.columns import Moment

_Convert = Callable[[Any], Any]


def insert_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]], *, skip: bool = False
) -> int:
    """Insert the rows; gives how many there are now that were not before. skip: leave those alone whose key is there.

    The columns may be texts, integers, truth values and moments.
    """
    if not rows:
        return 0
    statement, moments = _statement(connection.dialect.name, table, tuple(names), skip)
    if moments:
        shown = _shown(connection, rows, moments)
        rows = [_converted(row, moments, shown) for row in rows]
    return connection.exec_driver_sql(statement, list(rows)).rowcount


@cache
def _statement(dialect: str, table: Table, names: tuple[str, ...], skip: bool) -> tuple[str, tuple[int, ...]]:
    mark = "?" if dialect == "sqlite" else "%s"
    columns, marks = ", ".join(names), ", ".join([mark] * len(names))
    end = " ON CONFLICT DO NOTHING" if skip else ""
    moments = tuple(place for place, name in enumerate(names) if isinstance(table.c[name].type, Moment))
    return f"INSERT INTO {table.name} ({columns}) VALUES ({marks}){end}", moments


def _shown(
    connection: Connection, rows: Iterable[tuple[Any, ...]], moments: Sequence[int]
) -> dict[datetime | None, Any]:
    """Each distinct moment as the driver has it: there are few in many rows."""
    process: _Convert | None = Moment().dialect_impl(connection.dialect).bind_processor(connection.dialect)
    distinct = {row[place] for row in rows for place in moments}
    return {moment: moment if process is None else process(moment) for moment in distinct}


def _converted(row: tuple[Any, ...], moments: Sequence[int], shown: dict[datetime | None, Any]) -> tuple[Any, ...]:
    values = list(row)
    for place in moments:
        values[place] = shown[values[place]]
    return tuple(values)
