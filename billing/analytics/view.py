"""What a view of the API is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import SelectBase
from sqlalchemy.orm import Session

Rows = Callable[[Session], Iterable[Any]]


@dataclass(frozen=True)
class Column:
    """A column. type: as DuckDB calls it."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class View:
    """A view of the business database, or a query over the lake that may use the views `needs`.

    chosen: the columns as one query of the business database has them, but for those that are `micro`: these are in
    millionths there. rows: what no query can say, row by row.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    chosen: SelectBase | None = None
    micro: frozenset[str] = frozenset()
    rows: Rows | None = None
    sql: str = ""
    needs: tuple[str, ...] = ()


TIME: Final = "TIMESTAMP WITH TIME ZONE"
CENTS: Final = "DECIMAL(38,12)"


def columns(*described: tuple[str, str, str]) -> tuple[Column, ...]:
    """Columns of (name, type, comment)."""
    return tuple(Column(*each) for each in described)
