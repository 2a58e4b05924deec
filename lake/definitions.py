"""The vocabulary in which the lake's tables and views are declared, and the SQL they turn into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

POLARS_TYPES: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "VARCHAR": pl.String(),
        "JSON": pl.String(),
        "BOOLEAN": pl.Boolean(),
        "INTEGER": pl.Int32(),
        "BIGINT": pl.Int64(),
        "UBIGINT": pl.UInt64(),
        "DATE": pl.Date(),
        "TIME": pl.Time(),
        "TIMESTAMPTZ": pl.Datetime("us", "UTC"),
        "DECIMAL(18,12)": pl.Decimal(18, 12),
        "DECIMAL(38,12)": pl.Decimal(38, 12),
        "DECIMAL(38,18)": pl.Decimal(38, 18),
        "DECIMAL(18,6)": pl.Decimal(18, 6),
    }
)

MONEY = "DECIMAL(18,12)"
"""US dollars of one row, to the picodollar."""

TIME = "TIMESTAMPTZ"
"""A moment, UTC, to the microsecond."""


@dataclass(frozen=True)
class Column:
    """One column: its DuckDB type, whether every row has it, and what it means."""

    name: str
    type: str
    comment: str
    required: bool = False

    @property
    def polars_type(self) -> pl.DataType:
        """The Polars type that carries this column without loss."""
        return POLARS_TYPES[self.type]


@dataclass(frozen=True)
class Lookup:
    """A column by which rows are looked up, and the kind of key under which the key directory files it.

    `part` takes the text that is filed out of the column's value (SQL over `{column}`); rows of different tables
    that are filed under the same kind and text share one window of time.
    """

    column: str
    kind: str
    part: str = "{column}"

    @property
    def text(self) -> str:
        """SQL expression of the text that is filed."""
        return self.part.format(column=f'"{self.column}"')


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    `time_column` and `lookups` let `Transaction.semi` find rows by key without reading the whole table.
    `key` names the columns that identify a row. `bookkeeping` columns say when we did something, not what happened:
    two rows that differ only there are the same row.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    time_column: str | None = None
    lookups: tuple[Lookup, ...] = ()
    bookkeeping: frozenset[str] = field(default_factory=frozenset)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in table order."""
        return tuple(column.name for column in self.columns)

    @property
    def polars_schema(self) -> pl.Schema:
        """The frame schema of this table, in table order."""
        return pl.Schema({column.name: column.polars_type for column in self.columns})

    def lookup(self, column: str) -> Lookup | None:
        """The lookup filed for a column, if there is one."""
        return next((lookup for lookup in self.lookups if lookup.column == column), None)

    def create_sql(self) -> list[str]:
        """Statements that create the table and its comments."""
        lines = ",\n".join(
            f"    {column.name} {column.type}{' NOT NULL' if column.required else ''}" for column in self.columns
        )
        return [
            f"CREATE TABLE {self.name} (\n{lines}\n)",
            f"COMMENT ON TABLE {self.name} IS {quoted(self.comment)}",
            *(f"COMMENT ON COLUMN {self.name}.{column.name} IS {quoted(column.comment)}" for column in self.columns),
        ]


@dataclass(frozen=True)
class View:
    """A question asked so often that it has a name. `sql` is one SELECT over the lake's tables and earlier views."""

    name: str
    comment: str
    sql: str

    def create_sql(self) -> list[str]:
        """Statements that create the view and its comment."""
        return [
            f"CREATE OR REPLACE VIEW {self.name} AS\n{self.sql.strip()}",
            f"COMMENT ON VIEW {self.name} IS {quoted(self.comment)}",
        ]


def quoted(text: str) -> str:
    """A text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
