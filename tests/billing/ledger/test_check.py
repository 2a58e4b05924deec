"""The ledger finds what is wrong with its sums, and makes them anew; its entries cannot be changed at all."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.ledger.check import check_ledger, rebuild
from billing.ledger.debits import Debit, debit
from billing.ledger.grants import Grant, open_grant
from tests.billing.ledger.people import currency, customer
from tests.billing.shop import NOW, Shop


@pytest.fixture
def acme(either: Shop) -> Shop:
    """A customer with two grants who has spent, waited and been priced beyond them; signal ids of all kinds."""

    def work(session):
        customer(session)
        currency(session)
        terms = {"customer_id": "cus_acme", "currency_id": "cc_chat", "starts_at": NOW}
        open_grant(session, Grant(key="g", amount_micro=10, seat_user_id="ann", overage_unit_price=3, **terms), NOW)
        open_grant(session, Grant(key="h", amount_micro=20, **terms), NOW)
        names = ["plain", "with/slash", "100%_", "back\\slash", "ünï"]
        about = {"customer_id": "cus_acme", "currency_id": "cc_chat", "occurred_at": NOW}
        bulk = [Debit(signal_id=name, amount_micro=9, **about) for name in names]
        debit(session, bulk, NOW)
        debit(session, [Debit(signal_id=name, amount_micro=8, **about) for name in names[:4]], NOW)
        debit(session, [Debit(signal_id="of ann", amount_micro=15, seat_user_id="ann", **about)], NOW)

    either.database.write(work)
    return either


def sums(shop: Shop) -> list[list[tuple[object, ...]]]:
    with shop.database.read() as session:
        return [
            sorted(tuple(row) for row in session.execute(text(f"SELECT * FROM {table}")))
            for table in ("credit_grant_totals", "credit_wallets")
        ] + [
            sorted(
                tuple(row)
                for row in session.execute(text("SELECT signal_id, part, revision, remaining_micro, settlements, "
                                                "occurred_at, recorded_at FROM pending_consumption"))
            )
        ]  # fmt: skip


def test_all_is_well(acme: Shop):
    with acme.database.read() as session:
        assert check_ledger(session) == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE credit_grant_totals SET inside_micro = inside_micro + 1", "inside_micro is "),
        ("UPDATE credit_grant_totals SET status = 'void'", "status is void, its entries say open"),
        ("DELETE FROM credit_grant_totals", "has no totals"),
        ("UPDATE credit_wallets SET unfunded_micro = 999", "999 unfunded, its entries say "),
        ("UPDATE pending_consumption SET remaining_micro = 999", "999 pending, its entries say "),
        ("DELETE FROM pending_consumption", "0 pending, its entries say "),
    ],
)
def test_a_sum_that_is_wrong_is_found_and_made_anew(acme: Shop, harm: str, said: str):
    right = sums(acme)
    acme.database.write(lambda session: session.execute(text(harm)))

    with acme.database.read() as session:
        assert any(said in line for line in check_ledger(session))
    acme.database.write(rebuild)
    assert sums(acme) == right
    with acme.database.read() as session:
        assert check_ledger(session) == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE credit_debits SET amount_micro = 7 WHERE signal_id = 'plain'", "burns 7, its entries come to 8"),
        ("DELETE FROM credit_debits WHERE signal_id = 'plain'", "has entries and no debit"),
    ],
)
def test_a_debit_that_is_not_its_entries_is_found(acme: Shop, harm: str, said: str):
    acme.database.write(lambda session: session.execute(text(harm)))

    with acme.database.read() as session:
        assert any(said in line for line in check_ledger(session))


@pytest.mark.parametrize("table", ["ledger_entries", "credit_grants"])
@pytest.mark.parametrize("change", ["UPDATE {} SET amount_micro = 1", "DELETE FROM {}"])
def test_what_has_moved_is_never_changed(acme: Shop, table: str, change: str):
    with pytest.raises(DBAPIError, match="only ever added"):
        acme.database.write(lambda session: session.execute(text(change.format(table))))
