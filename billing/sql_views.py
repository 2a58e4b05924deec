"""What SQL sees of the business database: every table of ours without the columns that hold secrets.

Times get their zone, flags are booleans and JSON is JSON; credits stay integer micro-credits, money integer cents.
"""

from typing import Any

from sqlalchemy import Boolean
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.elements import KeyedColumnElement

from billing.columns import Json, Moment
from billing.tables import Base


def columns_to_read(base: type[DeclarativeBase] = Base) -> dict[str, dict[str, str]]:
    """By table, what each column is in DuckDB's SQL on SQLite's values. Columns of `__secret__` are left out."""
    shown: dict[str, dict[str, str]] = {}
    for mapper in base.registry.mappers:
        secret = set(getattr(mapper.class_, "__secret__", ()))
        columns = {mapper.get_property_by_column(column).key: column for column in mapper.local_table.columns}
        shown[mapper.local_table.name] = {  # type: ignore[attr-defined]
            column.name: _read(column) for key, column in columns.items() if key not in secret
        }
    return dict(sorted(shown.items()))


def _read(column: KeyedColumnElement[Any]) -> str:
    name = '"' + column.name + '"'
    if isinstance(column.type, Moment):
        return f"{name} AT TIME ZONE 'UTC'"
    if isinstance(column.type, Boolean):
        return f"{name}::BOOLEAN"
    return f"{name}::JSON" if isinstance(column.type, Json) else name
