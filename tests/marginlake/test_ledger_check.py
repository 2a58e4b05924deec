"""`marginlake doctor` looks at the books of credits."""

from pathlib import Path

from sqlalchemy import text

from billing.database import Database, url_in
from billing.ledger.grants import Grant, open_grant
from billing.tables import Base
from marginlake.ledger_check import ledger_problems
from tests.billing.ledger.people import currency, customer
from tests.billing.shop import NOW


def test_without_a_business_database_there_is_nothing_to_check(tmp_path: Path):
    assert ledger_problems(tmp_path) is None


def test_books_that_add_up_and_books_that_do_not(tmp_path: Path):
    database = Database(url_in(tmp_path))
    Base.metadata.create_all(database.engine)

    def give(session):
        whose = {"customer_id": customer(session), "currency_id": currency(session)}
        return open_grant(session, Grant(key="g", amount_micro=5, starts_at=NOW, **whose), NOW)

    grant = database.write(give)
    assert ledger_problems(tmp_path) == []
    database.write(lambda session: session.execute(text("UPDATE credit_grant_totals SET void_micro = 1")))
    assert ledger_problems(tmp_path) == [f"grant {grant.id}: void_micro is 1, its entries say 0"]
    database.close()


def test_a_database_that_cannot_be_read_is_said_in_a_line(tmp_path: Path):
    (tmp_path / "billing.sqlite").write_bytes(b"not a database, but long enough to look at" * 100)

    (problem,) = ledger_problems(tmp_path)

    assert problem == "billing database: file is not a database"
