"""Views of the business come out of either database as they went in, column by column."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billing.analytics.business_views import BUSINESS_VIEWS, HELPERS
from billing.analytics.frames import casts, frame, narrowed
from billing.analytics.guard import reads_of
from billing.analytics.view import View
from billing.analytics.views import BY_NAME
from billing.database import Database, url_in
from billing.ledger.transactions import Filter, transactions
from tests.billing.postgres import new_database
from tests.billing.signals.test_sql_databases import fill

CHOSEN = [view for view in (*HELPERS, *BUSINESS_VIEWS) if view.chosen is not None]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with some rows in every table: plain, extreme and empty ones."""
    folder: Path = tmp_path_factory.mktemp("business")
    url = new_database(request.getfixturevalue("postgres")) if request.param == "postgres" else url_in(folder)
    fill(url)
    database = Database(url)
    yield database
    database.close()


def told(row: Sequence[Any]) -> str:
    """A row in words that do not depend on how a zone is called."""
    return repr([str(value) if isinstance(value, datetime) else value for value in row])


def nothing() -> None:
    """Goes on."""


@pytest.mark.parametrize("view", CHOSEN, ids=lambda view: view.name)
def test_a_frame_has_what_the_query_has(filled: Database, view: View):
    assert view.chosen is not None
    with filled.read() as session:
        expected = [tuple(row) for row in session.execute(view.chosen)]
        found = frame(view, session, nothing)
    assert found.columns == [column.name for column in view.columns]
    assert sorted(map(told, found.rows())) == sorted(map(told, expected))
    assert expected


def test_transactions_are_those_of_the_ledger(filled: Database):
    """In credits, with their signs."""
    view = BY_NAME["fact_credit_transaction"]
    with filled.read() as session:
        rows = frame(view, session, nothing)
        listed, _ = transactions(session, Filter(), 10, 0)
    connection = duckdb.connect()
    connection.register("rows", rows.with_columns(rows["amount"] // 10**7).to_arrow())  # what fits 18 digits
    (amount,) = connection.execute(f"SELECT amount FROM (SELECT {casts(view)} FROM rows)").fetchone() or ()
    (entry,) = listed
    assert rows["amount"].to_list() == [int(entry.amount * 10**6)]
    assert amount == Decimal(rows["amount"].item() // 10**7).scaleb(-6)
    assert (rows["transaction_id"].item(), rows["origin"].item()) == (entry.id, entry.origin)


def test_it_stops_between_batches(filled: Database):
    def late() -> None:
        raise TimeoutError

    with filled.read() as session, pytest.raises(TimeoutError):
        frame(BY_NAME["dim_customer"], session, late)


@pytest.mark.parametrize("view", CHOSEN, ids=lambda view: view.name)
def test_only_named_columns_are_read(filled: Database, view: View):
    names = {column.name for column in view.columns[1::2]} | {"whatever"}
    with filled.read() as session:
        whole = frame(view, session, nothing)
        less = frame(narrowed(view, names), session, nothing)
        number = frame(narrowed(view, set()), session, nothing)
    assert narrowed(view, None) is view
    if view in HELPERS:
        assert less.columns == whole.columns
    else:
        assert less.columns == [name for name in whole.columns if name in names]
        assert sorted(map(told, less.rows())) == sorted(map(told, whole.select(less.columns).rows()))
        assert (number.width, number.height) == (1, whole.height)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT name FROM dim_customer", True),
        ("SELECT C.Name AS n FROM dim_customer c JOIN dim_order o USING (customer_id) ORDER BY n", True),
        ("SELECT count(*) FROM dim_customer", True),
        ("SELECT * FROM dim_customer", False),
        ("FROM dim_customer", False),
        ("SELECT c.* EXCLUDE (name) FROM dim_customer c", False),
        ("SELECT COLUMNS('name') FROM dim_customer", False),
        ("SELECT c FROM dim_customer c", False),
        ("SELECT dim_customer FROM dim_customer", False),
        ("SELECT main.dim_customer FROM dim_customer", False),
        ("SELECT b FROM dim_customer AS c(a, b)", False),
        ("SELECT 1 FROM dim_customer NATURAL JOIN dim_order", False),
        ("WITH x AS (SELECT * FROM dim_customer) SELECT name FROM x", False),
        ("SELECT name FROM (UNPIVOT dim_customer ON name, email)", False),
    ],
)
def test_columns_that_are_meant_without_a_name_are_read(sql: str, named: bool):
    with duckdb.connect() as connection:
        reads = reads_of(connection, sql)
    assert "dim_customer" in reads.views
    assert (reads.names is not None) == named
    if reads.names is not None and "name" in sql.lower():
        assert "name" in reads.names
