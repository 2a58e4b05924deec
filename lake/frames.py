"""Frames on their way in: does a frame fit the table, and what is filled in where it says nothing."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from lake.definitions import Table
from lake.errors import SchemaMismatchError

_JSON = pa.json_(pa.large_string())


def conform(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The frame with exactly the columns of the table, in its order.

    Columns that may be NULL are filled with NULL when the frame lacks them, and a column of Polars type Null takes the
    table's type. Nothing else is cast. Raises `SchemaMismatchError` naming every column that does not fit.
    """
    problems = [f"unknown column {name}" for name in frame.columns if name not in table.column_names]
    columns: list[pl.Expr] = []
    for column in table.columns:
        wanted = column.polars_type
        actual = frame.schema.get(column.name)
        if actual is None or actual == pl.Null:
            if column.required and frame.height > 0:
                problems.append(f"column {column.name} is missing")
            columns.append(pl.lit(None, dtype=wanted).alias(column.name))
        elif actual != wanted:
            problems.append(f"column {column.name} is {actual}, not {wanted}")
        else:
            if column.required and frame.height > 0 and frame.get_column(column.name).null_count():
                problems.append(f"column {column.name} has a NULL")
            columns.append(pl.col(column.name))
    if problems:
        raise SchemaMismatchError(f"frame does not fit table {table.name}: {'; '.join(problems)}")
    if frame.height == 0:
        return table.polars_schema.to_frame()
    return frame.select(columns)


def changed_rows(old: pl.DataFrame, new: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What must go and what must come to turn the rows `old` into the rows `new`.

    Rows are the same when all columns but the table's bookkeeping ones are, NULLs equal to each other; those stay as
    they are. Both frames have the table's schema; `(gone, come)` too.
    """
    if old.height == 0:
        return old, new
    compared = [name for name in table.column_names if name not in table.bookkeeping]
    gone = old.join(new.select(compared), on=compared, how="anti", nulls_equal=True)
    come = new.join(old.select(compared), on=compared, how="anti", nulls_equal=True)
    return gone, come


def as_arrow(rows: pl.DataFrame, table: Table) -> pa.Table:
    """The rows as Arrow, JSON columns marked as such, so that DuckDB does not parse again what we have just written."""
    arrow = rows.to_arrow()
    for position, column in enumerate(table.columns):
        if column.type == "JSON":
            arrow = arrow.set_column(position, column.name, arrow.column(position).cast(_JSON))
    return arrow
