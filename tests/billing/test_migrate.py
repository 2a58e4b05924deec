"""Migrations make the tables that are declared, on both kinds of database, and refuse what a newer version made."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import billing
from billing.database import BillingError, Database, url_in
from billing.migrate import migrate, newest
from billing.tables import Base
from tests.billing.postgres import new_database

TRIGGERS = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT DISTINCT trigger_name, event_object_table FROM information_schema.triggers",
}


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = new_database(request.getfixturevalue("postgres")) if request.param == "postgres" else url_in(tmp_path)
    database = Database(url)
    yield database
    database.close()


def triggers(database: Database) -> set[tuple[str, str]]:
    with database.engine.connect() as connection:
        return {(row[0], row[1]) for row in connection.execute(text(TRIGGERS[database.engine.dialect.name]))}


def test_the_migrated_tables_are_the_declared_ones(empty: Database, tmp_path: Path):
    migrate(empty)

    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    found = triggers(empty)
    assert {table for _, table in found} == {"audit_log", "credit_grants", "ledger_entries"}

    declared = Database(url_in(tmp_path / "declared")) if empty.is_sqlite else None
    if declared is not None:
        (tmp_path / "declared").mkdir()
        Base.metadata.create_all(declared.engine)
        assert triggers(declared) == found
        declared.close()


def test_migrating_again_changes_nothing(empty: Database):
    migrate(empty)
    migrate(empty)


def test_the_newest_migration_is_the_one_that_alembic_ends_with():
    config = Config()
    config.set_main_option("script_location", str(Path(billing.__file__).parent / "migrations"))

    assert newest() == ScriptDirectory.from_config(config).get_current_head()


def test_a_database_of_a_newer_version_is_left_alone(empty: Database):
    migrate(empty)
    with empty.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(BillingError, match=r"9999.*this version knows \d{4} at most"):
        migrate(empty)


def test_what_is_no_database_is_told_in_one_line(tmp_path: Path):
    (tmp_path / "billing.sqlite").write_bytes(b"this is no database, and long enough to be looked at as one" * 20)
    broken = Database(url_in(tmp_path))

    with pytest.raises(BillingError, match="file is not a database"):
        migrate(broken)
    broken.close()


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense"])
def test_other_databases_are_not_supported(url: str):
    with pytest.raises(BillingError, match=r"^billing database: "):
        Database(url)


def test_postgres_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(BillingError, match=r"install marginlake\[postgres\]"):
        Database("postgresql://localhost/x")
