"""Bring a business database to the tables this version knows."""

import logging
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from billing.database import BillingError, Database

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 7_341_062_455
"""Key of the Postgres advisory lock that keeps two processes from migrating at once."""


def migrate(database: Database) -> None:
    """Apply the migrations that are missing; nothing when there are none.

    Raises BillingError when the database cannot be reached, or was migrated by a newer version.
    """
    try:
        with database.engine.begin() as connection:
            if not database.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            if _version(connection) != newest():
                _upgrade(connection)
    except DBAPIError as error:
        raise BillingError(f"billing database: {error.orig}") from error


def newest() -> str:
    """The newest version that this program knows: the number before the name of the newest migration."""
    return max(each.name.partition("_")[0] for each in (_SCRIPTS / "versions").glob("[0-9]*.py"))


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _upgrade(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it has something to say as it is loaded
    from alembic import command  # only when there is something to migrate
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise BillingError(f"billing database: {error}; this version knows {newest()} at most") from error
