"""Opening a lake: made when missing, found when moved, refused in one line when it is not ours to open."""

import shutil
import sqlite3
from pathlib import Path

import duckdb
import pytest

from lake import extensions, migrate
from lake.connect import CATALOG_FILE, Lake, connect
from lake.errors import LakeError
from lake.migrate import known_migrations
from tests.lake.rows import frame, span

pytestmark = pytest.mark.usefixtures("migrations_run")


def test_a_lake_is_made_where_there_is_none_and_found_again(data_dir: Path) -> None:
    with Lake.open(data_dir) as lake:
        lake.run(lambda tx: tx.append("spans", frame("spans", [span(1), span(2)])))
    with Lake.open(data_dir) as lake:
        assert lake.read("SELECT count(*) FROM spans").item() == 2


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree], ids=["moved", "copied"])
def test_a_lake_can_be_moved_and_copied(data_dir: Path, tmp_path: Path, move: object) -> None:
    with Lake.open(data_dir) as lake:
        lake.run(lambda tx: tx.append("spans", frame("spans", [span(1)])))
    elsewhere = tmp_path / "some where else's"
    assert callable(move)
    move(data_dir, elsewhere)
    with Lake.open(elsewhere) as lake:
        lake.run(lambda tx: tx.append("spans", frame("spans", [span(2)])))
        assert lake.read("SELECT count(*) FROM spans").item() == 2
    with Lake.open(elsewhere, read_only=True) as lake:
        assert lake.read("SELECT count(*) FROM spans").item() == 2
    assert list(elsewhere.glob("data/main/spans/*.parquet"))


def test_reading_a_lake_that_is_not_there_says_how_to_make_one(data_dir: Path) -> None:
    with pytest.raises(LakeError, match=r"no lake at .*: run `marginlake"):
        Lake.open(data_dir, read_only=True)
    assert not data_dir.exists()


def test_a_file_that_is_no_catalog_is_refused(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / CATALOG_FILE).write_text("hello, this is not a database at all")
    with pytest.raises(LakeError, match="is not a lake we can open"):
        Lake.open(data_dir)
    with pytest.raises(LakeError, match="is not a lake we can open"):
        Lake.open(data_dir, read_only=True)


def test_another_sqlite_database_is_refused_for_reading(data_dir: Path) -> None:
    data_dir.mkdir()
    database = sqlite3.connect(data_dir / CATALOG_FILE)
    database.execute("CREATE TABLE accounts (id INTEGER)")
    database.close()
    with pytest.raises(LakeError):
        Lake.open(data_dir, read_only=True)


def test_somebody_elses_ducklake_is_refused(data_dir: Path) -> None:
    with Lake.open(data_dir) as lake:
        cursor = lake.cursor()
        cursor.execute("DROP TABLE schema_migrations")
        cursor.close()
    with pytest.raises(LakeError, match="tables that are not marginlake's"):
        Lake.open(data_dir)


def test_a_lake_of_a_newer_version_is_refused(data_dir: Path) -> None:
    with Lake.open(data_dir) as lake:
        cursor = lake.cursor()
        cursor.execute("INSERT INTO schema_migrations VALUES (9000, '9000_future.sql', now())")
        cursor.close()
    for read_only in (False, True):
        with pytest.raises(LakeError, match="a newer marginlake wrote this lake"):
            Lake.open(data_dir, read_only=read_only)


def test_opening_again_applies_no_migration_twice(data_dir: Path) -> None:
    for _ in range(3):
        with Lake.open(data_dir) as lake:
            versions = lake.read("SELECT version FROM schema_migrations")["version"].to_list()
    assert versions == [migration.version for migration in known_migrations()]


def test_a_lake_of_the_first_version_is_brought_up_to_date_with_its_rows(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = known_migrations()[:1]
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "known_migrations", lambda: first)
        with Lake.open(data_dir) as lake, lake.durable_transaction() as connection:
            connection.execute("INSERT INTO rates (rate_id, catalog_id, provider, model) VALUES ('r', 'c', 'p', 'm')")
    with Lake.open(data_dir, read_only=True) as lake:
        assert lake.outdated
    with Lake.open(data_dir) as lake:
        assert not lake.outdated
        assert lake.read("SELECT rate_id, model, region, currency FROM rates").rows() == [("r", "m", None, None)]
        assert lake.read("FROM unmapped_kinds").is_empty()


def test_a_lake_open_for_reading_cannot_be_written(lake: Lake, data_dir: Path) -> None:
    with Lake.open(data_dir, read_only=True) as reader:
        with pytest.raises(LakeError, match="for reading only"):
            reader.run(lambda tx: tx.set_progress("journal", 1))
        cursor = reader.cursor()
        with pytest.raises(duckdb.Error, match="read-only"):
            cursor.execute("INSERT INTO ingest_log VALUES ('journal', 1, now())")


def test_a_missing_extension_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "REQUIRED", ("nosuch",))
    with pytest.raises(LakeError, match=f"pip install duckdb-extension-nosuch=={duckdb.__version__}"):
        connect()


def test_an_extension_for_another_duckdb_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb, "__version__", "9.9.9")
    with pytest.raises(LakeError, match=r"does not fit DuckDB 9\.9\.9: pip install duckdb-extension-ducklake==9\.9\.9"):
        extensions.extension_file("ducklake")


@pytest.mark.parametrize("opened_before", [False, True], ids=["at the first opening", "once ours are checked"])
def test_unsigned_extensions_stay_refused(altered: Path, opened_before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "_CHECKED", set())
    if opened_before:
        connect().close()
    assert extensions.are_checked(extensions.required_extensions()) is opened_before
    with connect() as ours:
        with pytest.raises(duckdb.Error, match="signature"):
            ours.execute(f"LOAD '{altered}'")
        with pytest.raises(duckdb.Error, match="Cannot change allow_unsigned_extensions"):
            ours.execute("SET allow_unsigned_extensions = true")


def test_a_file_that_takes_the_place_of_a_checked_one_is_checked(
    altered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A swapped file is refused, also by a process that has loaded the one before it."""
    place = tmp_path / "sqlite_scanner.duckdb_extension"
    shutil.copyfile(extensions.extension_file("sqlite_scanner"), place)
    monkeypatch.setattr(extensions, "REQUIRED", ("sqlite_scanner",))
    monkeypatch.setattr(extensions, "extension_file", lambda _name: place)
    connect().close()
    altered.replace(place)
    with pytest.raises(LakeError, match="signature"):
        connect()


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """An extension with one bit changed after it was signed."""
    content = bytearray(extensions.extension_file("sqlite_scanner").read_bytes())
    content[1000] ^= 1
    file = tmp_path / "altered.duckdb_extension"
    file.write_bytes(content)
    return file


def test_memory_and_threads_can_be_bounded(data_dir: Path) -> None:
    with Lake.open(data_dir, memory_limit="512MB", threads=1) as lake:
        settings = lake.read("SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS threads")
    assert settings.row(0) == ("488.2 MiB", 1)
    with pytest.raises(LakeError, match="refuses the settings"):
        Lake.open(data_dir, memory_limit="a lot")
