"""Transactions are counted and paged by an index of them alone, which databases use only for the same words."""

from typing import Any

import pytest
from sqlalchemy import event

from billing.ledger.transactions import Filter, transactions
from tests.billing.shop import NOW, Shop


@pytest.mark.parametrize("only", [Filter(), Filter(since=NOW, until=NOW)])
def test_the_index_serves_the_number_and_the_page(either: Shop, only: Filter):
    ran: list[tuple[str, Any]] = []
    with either.database.read() as session:
        connection = session.connection()

        @event.listens_for(connection, "before_cursor_execute")
        def note(conn: object, cursor: object, statement: str, parameters: Any, *rest: object) -> None:
            del conn, cursor, rest
            ran.append((statement, parameters))

        transactions(session, only, 10, 0)
        number, page = ran
        if not either.database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if either.database.is_sqlite else "EXPLAIN"
        for statement, parameters in (number, page):
            plan = str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())
            assert "ix_ledger_entries_listed" in plan
