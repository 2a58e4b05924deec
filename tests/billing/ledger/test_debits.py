"""Burning credits for signals, on one wallet."""

from datetime import timedelta

import pytest

from billing.ledger.balances import balances
from billing.ledger.debits import Debit, DebitOutcome, debit
from billing.ledger.grants import Grant, open_grant
from tests.billing.ledger.people import currency, customer
from tests.billing.shop import NOW, Shop

CREDIT = 10**6


@pytest.fixture
def acme(either: Shop) -> Shop:
    """The shop with the customer `cus_acme` and the currency `cc_chat`."""
    either.database.write(lambda session: (customer(session), currency(session)))
    return either


def give(shop: Shop, key: str, amount: int, **terms: object) -> None:
    grant = Grant(**({"key": key, "customer_id": "cus_acme", "currency_id": "cc_chat", "amount_micro": amount,
                      "starts_at": NOW} | terms))  # fmt: skip
    shop.database.write(lambda session: open_grant(session, grant, shop.clock()))


def burn(shop: Shop, signal_id: str, amount: int, **about: object) -> DebitOutcome:
    each = Debit(**({"signal_id": signal_id, "customer_id": "cus_acme", "currency_id": "cc_chat",
                     "amount_micro": amount, "occurred_at": NOW} | about))  # fmt: skip
    return shop.database.write(lambda session: debit(session, [each], shop.clock()))


def available(shop: Shop, at=NOW) -> int:
    with shop.database.read() as session:
        return sum(each.available for each in balances(session, "cus_acme", at))


def test_a_signal_burns_once(acme: Shop):
    give(acme, "g", 10 * CREDIT)

    assert burn(acme, "s1", 3 * CREDIT).applied == 1
    assert burn(acme, "s1", 3 * CREDIT).duplicates == 1

    assert available(acme) == 7 * CREDIT


def test_other_content_takes_the_place_of_what_was_burned(acme: Shop):
    give(acme, "g", 10 * CREDIT)
    burn(acme, "s1", 3 * CREDIT)

    assert burn(acme, "s1", 4 * CREDIT).changed == 1
    assert burn(acme, "s1", 0).changed == 1

    assert available(acme) == 10 * CREDIT


def test_a_late_signal_draws_on_what_was_valid_when_it_happened(acme: Shop):
    give(acme, "march", 10 * CREDIT, ends_at=NOW + timedelta(days=10))
    give(acme, "april", 10 * CREDIT, starts_at=NOW + timedelta(days=10))
    acme.clock.forward(days=15)

    burn(acme, "late", 4 * CREDIT, occurred_at=NOW + timedelta(days=5))

    assert available(acme, NOW + timedelta(days=5)) == 6 * CREDIT
    assert available(acme, acme.clock()) == 10 * CREDIT


def test_usage_before_any_credits_waits_for_them(acme: Shop):
    assert burn(acme, "s1", 3 * CREDIT).unfunded == 3 * CREDIT

    give(acme, "g", 10 * CREDIT)

    assert available(acme) == 7 * CREDIT
