"""Write the migration that brings the business database from its newest version to what the tables declare."""

import argparse
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

import billing
from billing.database import Database, url_in
from billing.migrate import migrate


def main() -> None:
    """`python -m scripts.new_billing_migration NAME`; look it over, and add the triggers of append-only tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="words_like_this; the number is put before it")
    name = parser.parse_args().name
    folder = Path(billing.__file__).parent / "migrations"
    number = f"{len(list((folder / 'versions').glob('[0-9]*.py'))) + 1:04}"
    with tempfile.TemporaryDirectory() as scratch:
        database = Database(url_in(Path(scratch)))
        migrate(database)
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        with database.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.revision(config, name, autogenerate=True, rev_id=number)
        database.close()


if __name__ == "__main__":
    main()
