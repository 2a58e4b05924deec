"""A database beside the lake: read through views, and by no other way."""

import sqlite3
from pathlib import Path

import pytest

from lake.beside import Beside
from lake.connect import Lake
from lake.read import QueryError, query


@pytest.fixture
def beside(lake: Lake, data_dir: Path) -> Beside:
    """People and their passwords, whose database is in use and whose last row is in its log only."""
    del lake
    file = data_dir / "people.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE people (id TEXT, password TEXT, born DATETIME, asleep BOOLEAN)")
        connection.execute("CREATE TABLE vault (secret TEXT)")
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO people VALUES ('a', 'hunter2', '2026-01-01 00:00:00.000000', 1)")
    columns = {"id": '"id"', "born": "\"born\" AT TIME ZONE 'UTC'", "asleep": '"asleep"::BOOLEAN', "gone": '"gone"'}
    return Beside(file, "billing", {"people": columns, "missing": {"id": '"id"'}})


def test_it_is_read_with_the_lake(beside: Beside, data_dir: Path) -> None:
    sql = "SELECT p.*, (SELECT count(*) FROM costs) AS costs FROM billing.people p"
    answer = query(data_dir, sql, beside=beside)
    assert [str(value) for value in answer.row(0)] == ["a", "2026-01-01 00:00:00+00:00", "True", "0"]
    assert query(data_dir, "SELECT count(*) FROM costs", beside=Beside(data_dir / "none", "billing", {})).item() == 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT password FROM billing.people", "password"),
        ("FROM billing.vault", "vault does not exist"),
        ("FROM billing.missing", "missing does not exist"),
        ("DELETE FROM billing.people", "not DELETE"),
        ("FROM sqlite_scan('{file}', 'vault')", "sqlite_scan is not allowed"),
        ("FROM SQLITE_QUERY('billing', 'DELETE FROM people')", "sqlite_query is not allowed"),
        ("SELECT * FROM read_blob('{file}')", "read_blob is not allowed"),
        ("SELECT * FROM read_csv('{file}', delim = '|')", "read_csv is not allowed"),
    ],
)
def test_secrets_stay_where_they_are(beside: Beside, data_dir: Path, sql: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        query(data_dir, sql.replace("{file}", str(beside.source)), beside=beside)


def test_its_own_name_is_new_each_time(beside: Beside, data_dir: Path) -> None:
    """Who asks for the names of databases learns one that is gone by the next query."""
    names = "SELECT database_name FROM duckdb_databases() WHERE length(database_name) = 33"
    (name,) = query(data_dir, names, beside=beside)["database_name"]
    with pytest.raises(QueryError, match="does not exist"):
        query(data_dir, f"FROM {name}.vault", beside=beside)


def test_errors_do_not_suggest_it(beside: Beside, data_dir: Path) -> None:
    """Nor is anything else taken for it: the ids of events look like it."""
    with pytest.raises(QueryError) as refused:
        query(data_dir, "FROM billing.vault", beside=beside)
    assert str(refused.value) == "Catalog Error: Table with name vault does not exist!"
    event = "sig_" + "5a" * 16
    with pytest.raises(QueryError, match=event):
        query(data_dir, f"SELECT '{event}'::INT FROM billing.people", beside=beside)
