"""Signals burn the same however they are cut into bulks, and however often each bulk is sent."""

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from billing.ledger.check import check_ledger
from billing.ledger.debits import Debit, debit
from billing.ledger.grants import Grant, open_grant
from billing.tables.ledger import CreditGrant, CreditGrantTotal, CreditWallet, PendingConsumption
from tests.billing.ledger.people import currency, customer
from tests.billing.shop import NOW, Shop, open_shop

signals = st.lists(
    st.builds(
        Debit,
        signal_id=st.integers(0, 12).map("s{}".format),
        customer_id=st.sampled_from(["cus_acme", "cus_globex"]),
        currency_id=st.just("cc_chat"),
        amount_micro=st.integers(0, 9),
        occurred_at=st.integers(0, 30).map(lambda day: NOW + timedelta(days=day)),
        seat_user_id=st.sampled_from([None, "ann"]),
    ),
    max_size=25,
)


def cut(signals: list[Debit], cuts: list[int]) -> list[list[Debit]]:
    ends = sorted({min(place, len(signals)) for place in cuts} | {len(signals)})
    return [signals[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


@settings(max_examples=12)
@given(signals=signals, cuts=st.lists(st.integers(0, 25), max_size=6))
def test_cuts_make_no_difference(signals: list[Debit], cuts: list[int]):
    assert after(cut(signals, cuts)) == after([signals])


@settings(max_examples=12)
@given(signals=signals, cuts=st.lists(st.integers(0, 25), max_size=6), times=st.integers(2, 3))
def test_repeats_make_no_difference(signals: list[Debit], cuts: list[int], times: int):
    """As long as no signal comes with two contents, of which the last one counts."""
    firsts = list({each.signal_id: each for each in reversed(signals)}.values())
    bulks = cut(firsts, cuts)

    assert after([bulk for bulk in bulks for _ in range(times)] + bulks) == after([firsts])


def after(bulks: list[list[Debit]]) -> list[object]:
    """What is left of the grants and waits once the bulks were debited in turn."""
    with tempfile.TemporaryDirectory() as folder, open_shop(Path(folder)) as shop:
        shop.database.write(_begin)
        for bulk in bulks:
            shop.database.write(lambda session, bulk=bulk: debit(session, bulk, NOW))
        return _left(shop)


def _begin(session) -> None:
    currency(session)
    for name in ("acme", "globex"):
        customer(session, name)
        terms = {"customer_id": f"cus_{name}", "currency_id": "cc_chat", "starts_at": NOW}
        day = NOW + timedelta(days=10)
        rolls = Grant(key=f"{name}/1", amount_micro=20, ends_at=day, rollover_micro=5,
                      rollover_ends_at=day + timedelta(days=10), **terms)  # fmt: skip
        for grant in (
            rolls,
            Grant(key=f"{name}/2", amount_micro=10, seat_user_id="ann", **terms),
            Grant(key=f"{name}/3", amount_micro=15, expires_at=NOW + timedelta(days=20), **terms),
        ):
            open_grant(session, grant, NOW)


def _left(shop: Shop) -> list[object]:
    totals = (
        CreditGrant.key, CreditGrantTotal.inside_micro, CreditGrantTotal.rollover_spent_micro,
    )  # fmt: skip
    with shop.database.read() as session:
        assert check_ledger(session) == []
        grants = session.execute(
            select(*totals)
            .join(CreditGrantTotal, CreditGrantTotal.grant_id == CreditGrant.id)
            .order_by(CreditGrant.key)
        ).all()
        waiting = session.execute(
            select(PendingConsumption.signal_id, PendingConsumption.remaining_micro).order_by(
                PendingConsumption.signal_id
            )
        ).all()
        wallets = session.execute(select(CreditWallet.id, CreditWallet.unfunded_micro).order_by(CreditWallet.id)).all()
    return [list(map(tuple, part)) for part in (grants, waiting, wallets)]
