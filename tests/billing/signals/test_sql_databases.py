"""The business in SQL is the same on SQLite and on Postgres, reads one snapshot, and tells nobody how to get in."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import psycopg
import pytest
from sqlalchemy import Boolean, Column, Integer

from billing.columns import Exact, Json, Moment
from billing.database import BillingError, Database, url_in
from billing.sql_views import business_to_read, columns_to_read
from billing.tables import Base
from lake.beside import Server
from lake.errors import LakeError
from lake.read import QueryError, query, reading
from marginlake.commands.sql import sql
from tests.billing.postgres import new_database
from tests.new_lakes import empty_lake

PASSWORD = r"open 'sesame' \ %20=;ü"


@pytest.fixture(scope="module")
def business(postgres: str) -> str:
    """The URL, with a password, of a business on Postgres that has some rows in every table."""
    url = new_database(postgres)
    fill(url)
    with psycopg.connect(url, autocommit=True) as connection:
        written = PASSWORD.replace("'", "''")
        connection.execute(f"CREATE ROLE shop SUPERUSER LOGIN PASSWORD '{written}'".encode())
        (rules,) = connection.execute("SHOW hba_file").fetchone() or ()
        asked_for = "host all shop 127.0.0.1/32 scram-sha-256\n"
        Path(rules).write_text(asked_for + Path(rules).read_text(encoding="utf-8"), encoding="utf-8")
        connection.execute("SELECT pg_reload_conf()")
    return url.replace("tests@", f"shop:{quote(PASSWORD, safe='')}@")


@pytest.fixture(autouse=True)
def lake(tmp_path: Path) -> None:
    """An empty lake in the test's folder."""
    empty_lake(tmp_path)


def fill(url: str) -> None:
    """Three rows in every table, each row's texts the same everywhere, so that all references hold."""
    database = Database(url)
    Base.metadata.create_all(database.engine)
    with database.engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            rows = [{column.name: value(column, row) for column in table.columns} for row in range(3)]
            connection.execute(table.insert(), rows)
    database.close()


def value(column: Column[Any], row: int) -> Any:
    """What the column holds in a row: the plain, the extreme, and nothing where nothing may be."""
    if row == 2 and column.nullable:
        return None
    kind = column.type
    if isinstance(kind, Moment):
        return datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC) + timedelta(days=20_000 * row, microseconds=row)
    if isinstance(kind, Boolean):
        return row == 1
    if isinstance(kind, Integer):
        return (0, 2**63 - 1, -(2**63))[row]
    if isinstance(kind, Json):
        return ({"a": [1, None, "ü"]}, {"exact": Decimal("12345678901234567890.123456789")}, [])[row]
    return Decimal("0.1234567890123456789") if isinstance(kind, Exact) else ("k0", 'it\'s "ü" \\ 1', "")[row]


def test_both_databases_say_the_same(business: str, tmp_path: Path):
    """Names, types and rows of every table."""
    fill(url_in(tmp_path))
    here, there = business_to_read(url_in(tmp_path), "billing"), business_to_read(business, "billing")
    with reading(tmp_path, beside=here) as sqlite, reading(tmp_path, beside=there) as server:
        kinds = set()
        for table in columns_to_read():
            described = sqlite.sql(f"SELECT column_name, column_type FROM (DESCRIBE billing.{table})").fetchall()
            assert (
                server.sql(f"SELECT column_name, column_type FROM (DESCRIBE billing.{table})").fetchall() == described
            )
            rows = sqlite.sql(f"FROM billing.{table} ORDER BY ALL").fetchall()
            assert server.sql(f"FROM billing.{table} ORDER BY ALL").fetchall() == rows
            assert len(rows) == 3
            kinds |= {kind for _, kind in described}
        assert kinds == {"VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE", "BOOLEAN", "JSON"}


def test_a_schema_of_its_own(business: str, tmp_path: Path):
    """The tables are those that the business itself finds, by the search path of its connection."""
    with psycopg.connect(business, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA theirs")
        connection.execute("CREATE TABLE theirs.products (id text, name text)")
        connection.execute("INSERT INTO theirs.products VALUES ('prod_1', 'ours')")
    beside = business_to_read(f"{business}?options=-csearch_path%3Dtheirs", "billing")
    assert query(tmp_path, "FROM billing.products", beside=beside).rows() == [("prod_1", "ours")]
    with pytest.raises(QueryError, match="does not exist"):
        query(tmp_path, "FROM billing.orders", beside=beside)
    mixed = business_to_read(f"{business}?options=-csearch_path%3Dtheirs,public", "billing")
    union = "SELECT count(*) FROM billing.products UNION ALL SELECT count(*) FROM billing.orders"
    assert query(tmp_path, union, beside=mixed).rows() == [(1,), (3,)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT digest FROM billing.api_keys", "digest"),
        ("FROM billing.alembic_version", "does not exist"),
        ("FROM public.customers", "does not exist"),
        ("DELETE FROM billing.customers", "not DELETE"),
        ("CALL postgres_execute('billing', 'DELETE FROM customers')", "not CALL"),
        ("FROM postgres_query('billing', 'DELETE FROM customers RETURNING 1')", "postgres_query is not allowed"),
        ("FROM postgres_scan('{url}', 'public', 'customers')", "postgres_scan is not allowed"),
        ("FROM postgres_scan_pushdown('', 'public', 'api_keys')", "postgres_scan_pushdown is not allowed"),
        ("FROM Postgres_Attach('{url}')", "postgres_attach is not allowed"),
        ("CREATE SECRET (TYPE postgres)", "not CREATE"),
    ],
)
def test_there_is_no_other_way_in(business: str, tmp_path: Path, text: str, reason: str):
    with pytest.raises(QueryError, match=reason) as refused:
        query(tmp_path, text.replace("{url}", business), beside=business_to_read(business, "billing"))
    assert "sesame" not in str(refused.value)


def test_the_password_is_nowhere(business: str, tmp_path: Path):
    """Nor is the server's address: not in what DuckDB tells of itself, not in our own objects."""
    beside = business_to_read(business, "billing")
    shown = [repr(beside)]
    for function in ("databases", "secrets", "settings", "views", "tables", "variables", "logs", "schemas"):
        rows = query(tmp_path, f"SELECT * FROM duckdb_{function}()", beside=beside)
        shown.append(str(rows.cast({pl.Object: pl.String}, strict=False).to_dicts()))
    hidden = query(tmp_path, "SELECT path FROM duckdb_databases() WHERE type = 'postgres'", beside=beside)
    assert hidden.rows() == [("",)]
    assert not [text for text in shown if "sesame" in text or "127.0.0.1" in text]


def test_its_own_name_is_new_each_time(business: str, tmp_path: Path):
    beside = business_to_read(business, "billing")
    names = "SELECT database_name FROM duckdb_databases() WHERE type = 'postgres'"
    (name,) = query(tmp_path, names, beside=beside)["database_name"]
    with pytest.raises(QueryError, match="does not exist"):
        query(tmp_path, f"FROM {name}.public.api_keys", beside=beside)


def test_one_query_sees_one_state(business: str, tmp_path: Path):
    """While rows are added to two tables at once, both always have as many: three times the same, in one query."""
    done = threading.Event()

    def add() -> None:
        with psycopg.connect(business) as connection:
            number = 0
            while not done.is_set():
                number += 1
                connection.execute("INSERT INTO left_side VALUES (%s)", [number])
                connection.execute("INSERT INTO right_side VALUES (%s)", [number])
                connection.commit()

    with psycopg.connect(business, autocommit=True) as connection:
        connection.execute("CREATE TABLE left_side (id text)")
        connection.execute("CREATE TABLE right_side (id text)")
    beside = business_to_read(business, "billing")
    beside = type(beside)(beside.source, "billing", {"left_side": {"id": "id"}, "right_side": {"id": "id"}})
    writer = threading.Thread(target=add)
    writer.start()
    try:
        seen = []
        for _ in range(10):
            text = """
                SELECT (SELECT count(*) FROM billing.left_side), (SELECT count(id) FROM billing.right_side),
                       (SELECT count(*) FROM billing.left_side l JOIN billing.right_side r USING (id))
            """
            seen.append(query(tmp_path, text, beside=beside, threads=4).row(0))
    finally:
        done.set()
        writer.join()
    assert all(len(set(row)) == 1 for row in seen)
    assert seen[0][0] < seen[-1][0]


def test_the_command_reads_the_settings(business: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    settings = tmp_path / "other.toml"
    settings.write_text(f'[billing]\nurl = "{business}"\n')
    assert sql("SELECT count(*) AS n FROM billing.customers", data=tmp_path, config=settings, format="json") == 0
    assert capsys.readouterr().out.strip() == '[{"n":3}]'


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ('SELECT count(*) AS n FROM "billing" . "customers"', True),
        ("SELECT count(*) AS n FROM Billing.main.customers", True),
        ("SELECT count(*) AS n FROM duckdb_columns() WHERE database_name = 'billing'", True),
        ("SELECT count(*) AS n FROM signals WHERE event_name LIKE '%billing%' -- of billing", False),
    ],
)
def test_the_server_is_asked_for_queries_about_it_only(tmp_path: Path, text: str, needs: bool):
    """A business that is out of reach is in no other query's way."""
    (tmp_path / "marginlake.toml").write_text('[billing]\nurl = "postgresql://127.0.0.1:1/none"\n')
    if needs:
        with pytest.raises(LakeError, match="of billing cannot be read"):
            sql(text, data=tmp_path, format="json")
    else:
        assert sql(text, data=tmp_path, format="json") == 0


def test_it_connects_as_the_service_does():
    """With all that the URL says, but for what only the service's driver knows."""
    query = "sslmode=require&connect_timeout=3&prepare_threshold=0&options=-csearch_path%3Dx"
    source = business_to_read(f"postgresql://me:p%40ss@db.example:5433/shop?{query}", "billing").source
    assert isinstance(source, Server)
    assert dict(source.options) == {
        "user": "me", "password": "p@ss", "host": "db.example", "port": "5433", "dbname": "shop",
        "sslmode": "require", "connect_timeout": "3", "options": "-csearch_path=x",
    }  # fmt: skip
    hosts = business_to_read("postgresql://me@/shop?host=a:1&host=b:2", "billing").source
    assert isinstance(hosts, Server)
    assert (hosts.options["host"], hosts.options["port"]) == ("a,b", "1,2")


def test_who_cannot_connect_is_told_why(business: str, tmp_path: Path):
    """In one line, without the password."""
    gone = business.rsplit("/", 1)[0] + "/nowhere"
    with pytest.raises(LakeError, match=r'of billing cannot be read.*"nowhere" does not exist') as refused:
        query(tmp_path, "FROM billing.customers", beside=business_to_read(gone, "billing"))
    assert "sesame" not in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(BillingError, match="mysql is not supported"):
        business_to_read("mysql://shop:sesame@localhost/x", "billing")
