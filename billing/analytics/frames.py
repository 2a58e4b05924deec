"""Rows of the business database as columns, for DuckDB; a large ledger is not turned into objects row by row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import polars as pl
from sqlalchemy import Select, SelectBase, func
from sqlalchemy.orm import Session

from billing.analytics.view import TIME, View
from billing.columns import Moment

_AT_ONCE: Final = 20_000
_WRITTEN: Final = "%Y-%m-%d %H:%M:%S%.6f"
"""How SQLite keeps moments, and what Postgres is asked to write."""
_WRITTEN_BY_POSTGRES: Final = "YYYY-MM-DD HH24:MI:SS.US"


def frame(view: View, session: Session, go_on: Callable[[], None]) -> pl.DataFrame:
    """All rows of a view of the business database. `go_on` is called between batches, and may raise."""
    if view.rows is not None:
        schema = {column.name: _type(column.type) for column in view.columns}
        return pl.DataFrame([tuple(row) for row in view.rows(session)], schema=schema, orient="row")
    assert view.chosen is not None
    parts = [_columns(view, [])]
    for rows in _raw(session, view.chosen):
        go_on()
        parts.append(_columns(view, rows))
    return pl.concat(parts)


def narrowed(view: View, names: set[str] | None) -> View:
    """The view without the columns of the business database that a query does not name; None: all of it."""
    if names is None or not isinstance(view.chosen, Select):
        return view
    places = [place for place, column in enumerate(view.columns) if column.name in names] or [0]
    columns = list(view.chosen.selected_columns)
    chosen = view.chosen.with_only_columns(*(columns[place] for place in places), maintain_column_froms=True)
    return replace(view, columns=tuple(view.columns[place] for place in places), chosen=chosen)


def casts(view: View) -> str:
    """The columns of a frame as the view has them, in SQL. Millionths become decimals exactly."""
    return ", ".join(
        f"CAST({_credits(column.name) if column.name in view.micro else _quoted(column.name)} AS {column.type}) "
        f"AS {_quoted(column.name)}"
        for column in view.columns
    )


def _raw(session: Session, chosen: SelectBase) -> Iterator[Sequence[Sequence[Any]]]:
    """Batches of rows as the driver gives them: SQLAlchemy's own work on each value is most of the time."""
    connection = session.connection()
    dialect = connection.dialect
    if dialect.name == "postgresql" and isinstance(chosen, Select):
        chosen = chosen.with_only_columns(*(_as_text(column) for column in chosen.selected_columns))
    compiled = chosen.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values: Any = compiled.params
    if compiled.positiontup is not None:
        values = tuple(compiled.params[name] for name in compiled.positiontup)
    yield from connection.exec_driver_sql(str(compiled), values).partitions(_AT_ONCE)


def _as_text(column: Any) -> Any:
    return (
        func.to_char(func.timezone("UTC", column), _WRITTEN_BY_POSTGRES) if isinstance(column.type, Moment) else column
    )


def _columns(view: View, rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(view.columns)
    return pl.DataFrame(
        [
            _series(column.name, "BIGINT" if column.name in view.micro else column.type, each)
            for column, each in zip(view.columns, values, strict=True)
        ]
    )


def _series(name: str, kind: str, values: Sequence[Any]) -> pl.Series:
    if kind == TIME:
        written = pl.Series(name, values, dtype=pl.String)
        return written.str.to_datetime(_WRITTEN, time_unit="us", time_zone="UTC")
    if kind == "BOOLEAN":
        return pl.Series(name, values, dtype=pl.Int64, strict=False).cast(pl.Boolean)
    return pl.Series(name, values, dtype=_type(kind))


def _type(kind: str) -> pl.DataType:
    if kind.startswith("DECIMAL"):
        precision, scale = kind[8:-1].split(",")
        return pl.Decimal(int(precision), int(scale))
    if kind.startswith("TIMESTAMP"):
        return pl.Datetime("us", "UTC")
    return {"BOOLEAN": pl.Boolean(), "BIGINT": pl.Int64()}.get(kind, pl.String())


def _credits(name: str) -> str:
    return f"CAST({_quoted(name)} AS DECIMAL(19, 0)) * CAST('0.000001' AS DECIMAL(7, 6))"


def _quoted(name: str) -> str:
    return f'"{name}"'
