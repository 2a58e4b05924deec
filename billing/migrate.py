"""Bring a business database to the tables this version knows."""

import logging
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from billing.database import BillingError, Database

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 7_341_062_455
"""Key of the Postgres advisory lock that keeps two processes from migrating at once."""


def migrate(database: Database) -> None:
    """Apply the migrations that are missing; nothing when there are none.

    Raises BillingError when the database cannot be reached, or was migrated by a newer version.
    """
    config = Config()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config.set_main_option("script_location", str(_SCRIPTS))
    try:
        with database.engine.begin() as connection:
            if not database.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        newest = ScriptDirectory.from_config(config).get_current_head()
        raise BillingError(f"billing database: {error}; this version knows {newest} at most") from error
    except DBAPIError as error:
        raise BillingError(f"billing database: {error.orig}") from error
