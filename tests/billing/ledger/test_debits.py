"""Burning credits for signals, on one wallet."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.columns import load_json
from billing.ledger.balances import balances
from billing.ledger.check import check_ledger
from billing.ledger.debits import Debit, DebitOutcome, debit
from billing.ledger.grants import Grant, open_grant, release_pending, void_grant
from billing.tables.webhooks import WebhookEndpoint, WebhookMessage
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


def used(shop: Shop, at=NOW) -> dict[str, int]:
    """What was spent of each grant that is valid at the moment, by its origin."""
    with shop.database.read() as session:
        return {grant.origin: grant.used for each in balances(session, "cus_acme", at) for grant in each.grants}


def test_credits_are_spent_in_a_fixed_order(acme: Shop):
    """Priority, soonest end, promotional before purchased, earliest start; one entry per grant that is touched."""
    soon, late = NOW + timedelta(days=5), NOW + timedelta(days=50)
    give(acme, "f", CREDIT, origin="sixth", priority=1, expires_at=soon)
    give(acme, "e", CREDIT, origin="fifth")
    give(acme, "d", CREDIT, origin="purchased", expires_at=late)
    give(acme, "c", CREDIT, origin="third", expires_at=late)
    give(acme, "b", CREDIT, origin="second", expires_at=late, starts_at=NOW - timedelta(days=1))
    give(acme, "a", CREDIT, origin="first", expires_at=soon)

    seen = []
    for step in range(6):
        before = used(acme)
        burn(acme, f"s{step}", CREDIT)
        seen += [name for name, amount in used(acme).items() if amount > before[name]]

    assert seen == ["first", "second", "third", "purchased", "fifth", "sixth"]


def test_one_signal_draws_on_several_grants(acme: Shop):
    give(acme, "a", 2 * CREDIT, origin="first")
    give(acme, "b", 5 * CREDIT, origin="second")

    outcome = burn(acme, "s1", 4 * CREDIT)

    assert used(acme) == {"first": 2 * CREDIT, "second": 2 * CREDIT}
    assert (outcome.spent, outcome.unfunded) == (4 * CREDIT, 0)


def test_a_seat_spends_its_own_credits_and_then_the_organizations(acme: Shop):
    give(acme, "pool", 5 * CREDIT, origin="pool", expires_at=NOW + timedelta(days=1))
    give(acme, "ann", 2 * CREDIT, origin="ann", seat_user_id="ann")
    give(acme, "bob", 2 * CREDIT, origin="bob", seat_user_id="bob")

    burn(acme, "s1", 3 * CREDIT, seat_user_id="ann")
    burn(acme, "s2", CREDIT)

    assert used(acme) == {"pool": 2 * CREDIT, "ann": 2 * CREDIT, "bob": 0}
    with acme.database.read() as session:
        held = {each.recipient: each.available for each in balances(session, "cus_acme", NOW)}
    assert held == {"organization": 3 * CREDIT, "seat": 2 * CREDIT}


def test_after_its_period_no_more_than_the_rollover_can_be_spent(acme: Shop):
    period, window = NOW + timedelta(days=30), NOW + timedelta(days=60)
    give(acme, "g", 10 * CREDIT, ends_at=period, rollover_micro=4 * CREDIT, rollover_ends_at=window)
    burn(acme, "s1", 3 * CREDIT)

    assert available(acme, period - timedelta(microseconds=1)) == 7 * CREDIT
    assert available(acme, period) == 4 * CREDIT
    burn(acme, "s2", CREDIT, occurred_at=period)
    assert available(acme, period) == 3 * CREDIT
    burn(acme, "late", 4 * CREDIT, occurred_at=NOW + timedelta(days=1))
    assert available(acme, period) == 2 * CREDIT
    assert available(acme, window) == 0


def test_rollover_is_no_more_than_what_was_left(acme: Shop):
    period = NOW + timedelta(days=30)
    give(acme, "g", 10 * CREDIT, ends_at=period, rollover_micro=4 * CREDIT, rollover_ends_at=period + timedelta(days=9))

    burn(acme, "s1", 9 * CREDIT)

    assert available(acme, period) == CREDIT


def test_credits_without_end_never_run_out(acme: Shop):
    give(acme, "g", 0, is_infinite=True)

    outcome = burn(acme, "s1", 10**15)
    burn(acme, "s2", 10**15)

    assert outcome.spent == 10**15
    assert available(acme) == 10**15
    with acme.database.read() as session:
        assert check_ledger(session) == []


def test_pending_credits_are_spendable_once_released(acme: Shop):
    give(acme, "g", 10 * CREDIT, pending=True, order_id="ord_1")
    burn(acme, "s1", 3 * CREDIT)
    assert available(acme) == 0

    released = acme.database.write(lambda session: release_pending(session, NOW, order_id="ord_1"))
    again = acme.database.write(lambda session: release_pending(session, NOW, order_id="ord_1"))

    assert (len(released), again) == (1, [])
    assert available(acme) == 7 * CREDIT


def test_a_void_grant_keeps_what_was_spent_and_gives_no_more(acme: Shop):
    give(acme, "g", 10 * CREDIT)
    burn(acme, "s1", 3 * CREDIT)

    assert acme.database.write(lambda session: void_grant(session, "g", NOW))
    assert not acme.database.write(lambda session: void_grant(session, "g", NOW))
    assert not acme.database.write(lambda session: void_grant(session, "none", NOW))

    assert burn(acme, "s2", CREDIT).unfunded == CREDIT
    assert burn(acme, "s1", 0).changed == 1  # what comes back to it is void as well
    assert available(acme) == 0
    with acme.database.read() as session:
        assert check_ledger(session) == []


def test_usage_beyond_priced_credits_is_overage(acme: Shop):
    give(acme, "g", 2 * CREDIT, overage_unit_price=7, order_id="ord_1")

    first = burn(acme, "s1", 3 * CREDIT)
    second = burn(acme, "s2", CREDIT)

    assert (first.spent, first.overage, first.unfunded) == (2 * CREDIT, CREDIT, 0)
    assert [(each.amount_micro, each.unit_price) for each in first.overages] == [(CREDIT, 7)]
    assert (second.overage, second.overages) == (CREDIT, [])
    assert available(acme) == 0
    burn(acme, "s2", 0)
    with acme.database.read() as session:
        assert check_ledger(session) == []


def test_running_out_is_told_once_until_there_are_credits_again(acme: Shop):
    give(acme, "g", 2 * CREDIT)

    assert not burn(acme, "s1", CREDIT).depleted
    assert burn(acme, "s2", CREDIT).depleted
    assert not burn(acme, "s3", CREDIT).depleted
    give(acme, "h", 3 * CREDIT)
    assert burn(acme, "s4", 2 * CREDIT).depleted


def test_credits_that_begin_and_run_out_between_two_looks_run_out(acme: Shop):
    give(acme, "g", CREDIT)
    assert burn(acme, "s1", CREDIT).depleted
    give(acme, "next", CREDIT, starts_at=NOW + timedelta(days=1))
    acme.clock.forward(days=2)

    assert burn(acme, "s2", CREDIT, occurred_at=acme.clock()).depleted


def test_whoever_never_had_credits_does_not_run_out(acme: Shop):
    assert not burn(acme, "s1", CREDIT).depleted


def test_webhooks_hear_of_it(acme: Shop):
    def enable(session: Session) -> None:
        for name in ("billing-credits-depleted", "billing-overage-incurred"):
            session.add(
                WebhookEndpoint(name=name, enabled=True, url="https://example.com/", last_sent_at=None,
                                last_status=None, created_at=NOW, updated_at=NOW)
            )  # fmt: skip

    acme.database.write(enable)
    give(acme, "g", 2 * CREDIT, overage_unit_price=7, order_id="ord_1")

    burn(acme, "s1", 3_500_000)

    with acme.database.read() as session:
        told = {row.name: load_json(row.body)["data"] for row in session.scalars(select(WebhookMessage))}
    whose = {
        "customerId": "cus_acme",
        "externalCustomerId": "acme",
        "creditsCurrencyId": "cc_chat",
        "creditCurrencyKey": "chat",
        "currencyName": "chat credits",
    }
    at = "2026-03-15T12:00:00.000Z"
    assert told == {
        "billing-credits-depleted": {"credits": whose | {"available": 0, "depletedAt": at}},
        "billing-overage-incurred": {
            "overage": whose | {"orderId": "ord_1", "credits": Decimal("1.5"), "unitPrice": 7, "incurredAt": at}
        },
    }


def test_of_several_contents_in_one_bulk_the_last_one_counts(acme: Shop):
    give(acme, "g", 10 * CREDIT)
    burn(acme, "s1", CREDIT)
    about = {"signal_id": "s1", "customer_id": "cus_acme", "currency_id": "cc_chat", "occurred_at": NOW}
    bulk = [Debit(amount_micro=amount * CREDIT, **about) for amount in (1, 2, 1)]

    outcome = acme.database.write(lambda session: debit(session, bulk, NOW))

    assert (outcome.duplicates, outcome.changed) == (1, 2)
    assert available(acme) == 9 * CREDIT


def test_two_prices_of_one_signal_are_debited_by_themselves(acme: Shop):
    give(acme, "g", 10 * CREDIT)

    burn(acme, "s1", CREDIT, part="pa_1")
    burn(acme, "s1", 2 * CREDIT, part="pa_2")
    burn(acme, "s1", 2 * CREDIT, part="pa_2")

    assert available(acme) == 7 * CREDIT


def test_a_signal_that_moves_to_another_customer_takes_its_burn_along(acme: Shop):
    acme.database.write(lambda session: customer(session, "globex"))
    give(acme, "g", 10 * CREDIT)
    burn(acme, "s1", 4 * CREDIT)

    burn(acme, "s1", 4 * CREDIT, customer_id="cus_globex")

    assert available(acme) == 10 * CREDIT
    with acme.database.read() as session:
        assert [each.unfunded for each in balances(session, "cus_globex", NOW)] == [4 * CREDIT]


def test_credits_that_come_back_pay_for_what_was_waiting(acme: Shop):
    give(acme, "g", 3 * CREDIT)
    burn(acme, "s1", 3 * CREDIT)
    burn(acme, "s2", 2 * CREDIT)

    burn(acme, "s1", 0)

    assert available(acme) == CREDIT
    with acme.database.read() as session:
        assert check_ledger(session) == []


def test_amounts_out_of_bounds_are_no_debits():
    for amount in (-1, 10**15 + 1):
        with pytest.raises(ValueError, match="micro-credits"):
            Debit(signal_id="s", customer_id="c", currency_id="cc", amount_micro=amount, occurred_at=NOW)
    with pytest.raises(ValueError, match="without slashes"):
        Debit(signal_id="s", customer_id="c", currency_id="cc", amount_micro=1, occurred_at=NOW, part="a/b")
    with pytest.raises(ValueError, match="a grant of -1"):
        Grant(key="g", customer_id="c", currency_id="cc", amount_micro=-1, starts_at=NOW)
