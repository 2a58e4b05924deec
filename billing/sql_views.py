"""What SQL sees of the business database: every table of ours without the columns that hold secrets.

Times get their zone, flags are booleans and JSON is JSON; credits stay integer micro-credits, money integer cents.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Boolean
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.elements import KeyedColumnElement

from billing.columns import Json, Moment
from billing.database import Database
from billing.tables import Base
from lake.beside import Beside, Server


def business_to_read(url: str, name: str) -> Beside:
    """The tables of the business database at `url`, to be read as `name.TABLE`. Raises BillingError."""
    database = Database(url)
    try:
        zoned = not database.is_sqlite
        source = Server(_options(database)) if zoned else Path(database.url.database or "")
        return Beside(source, name, columns_to_read(zoned=zoned))
    finally:
        database.close()


def columns_to_read(base: type[DeclarativeBase] = Base, *, zoned: bool = False) -> dict[str, dict[str, str]]:
    """By table, what each column is in DuckDB's SQL on the database's values. Columns of `__secret__` are left out.

    zoned: whether the database's own times have a zone, as Postgres' do and SQLite's do not.
    """
    shown: dict[str, dict[str, str]] = {}
    for mapper in base.registry.mappers:
        secret = set(getattr(mapper.class_, "__secret__", ()))
        columns = {mapper.get_property_by_column(column).key: column for column in mapper.local_table.columns}
        shown[mapper.local_table.name] = {  # type: ignore[attr-defined]
            column.name: _read(column, zoned) for key, column in columns.items() if key not in secret
        }
    return dict(sorted(shown.items()))


def _options(database: Database) -> dict[str, str]:
    """How the business itself connects to its Postgres, in libpq's keywords; what only our driver knows is left out."""
    from psycopg.pq import Conninfo  # not there where the business is SQLite

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    _, given = database.engine.dialect.create_connect_args(database.engine.url)
    return {key: str(value) for key, value in given.items() if key in known}


def _read(column: KeyedColumnElement[Any], zoned: bool) -> str:
    name = '"' + column.name + '"'
    if isinstance(column.type, Moment) and not zoned:
        return f"{name} AT TIME ZONE 'UTC'"
    if isinstance(column.type, Boolean):
        return f"{name}::BOOLEAN"
    return f"{name}::JSON" if isinstance(column.type, Json) else name
