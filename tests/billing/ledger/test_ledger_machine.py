"""The ledger against a naive model of it: whatever is done in whatever order, both have the same, and it adds up."""

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from billing.ledger.balances import balances
from billing.ledger.check import check_ledger, rebuild
from billing.ledger.debits import Debit, debit
from billing.ledger.grants import Grant, open_grant, release_pending, void_grant
from billing.ledger.transactions import Filter, transactions
from billing.tables.ledger import CreditGrant, LedgerEntry, PendingConsumption
from tests.billing.ledger.naive import Naive, NaiveGrant
from tests.billing.ledger.people import currency, customer
from tests.billing.postgres import new_database
from tests.billing.shop import NOW, Shop, open_shop

CUSTOMERS = ("cus_acme", "cus_globex")
days = st.integers(-12, 12)
amounts = st.integers(0, 12)
grants = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(CUSTOMERS),
        "amount_micro": st.integers(0, 20),
        "starts": st.integers(-12, 4),
        "lasts": st.none() | st.integers(1, 12),
        "rollover_micro": st.none() | st.integers(0, 20),
        "rollover_lasts": st.none() | st.integers(1, 12),
        "expires": st.none() | st.integers(1, 20),
        "origin": st.sampled_from(["purchased", "promotional"]),
        "priority": st.sampled_from([0, 0, 1]),
        "seat_user_id": st.sampled_from([None, None, "ann"]),
        "overage_unit_price": st.sampled_from([None, None, 5]),
        "pending": st.sampled_from([False, False, True]),
    }
)
debits = st.fixed_dictionaries(
    {
        "signal_id": st.integers(0, 9).map("s{}".format),
        "customer_id": st.sampled_from(CUSTOMERS),
        "amount_micro": amounts,
        "at": days,
        "seat_user_id": st.sampled_from([None, None, "ann", "bob"]),
    }
)


class LedgerMachine(RuleBasedStateMachine):
    shop: Shop

    def __init__(self, server: str | None = None) -> None:
        super().__init__()
        self.server = server

    @initialize()
    def start(self) -> None:
        self.stack = ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        url = None if self.server is None else new_database(self.server)
        self.shop = self.stack.enter_context(open_shop(Path(folder), url))
        self.shop.database.write(
            lambda session: (customer(session, "acme"), customer(session, "globex"), currency(session))
        )
        self.naive = Naive()

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(drawn=grants)
    def give(self, drawn: dict[str, object]) -> None:
        terms = dict(drawn)
        starts = NOW + timedelta(days=terms.pop("starts"))
        lasts, rollover_lasts, expires = terms.pop("lasts"), terms.pop("rollover_lasts"), terms.pop("expires")
        ends = starts + timedelta(days=lasts) if lasts else None
        grant = Grant(
            key=f"{len(self.naive.grants):04}", currency_id="cc_chat", starts_at=starts, ends_at=ends,
            rollover_ends_at=ends + timedelta(days=rollover_lasts) if ends and rollover_lasts else None,
            expires_at=starts + timedelta(days=expires) if expires else None, **terms,
        )  # fmt: skip
        first = self.shop.database.write(lambda session: open_grant(session, grant, self.shop.clock()))
        again = self.shop.database.write(lambda session: open_grant(session, grant, self.shop.clock()))
        assert (first.created, again.created, again.id) == (True, False, first.id)
        self.naive.open(grant)

    @precondition(lambda self: self.naive.grants)
    @rule(which=st.integers(0, 10**6))
    def release(self, which: int) -> None:
        grant = self._grant(which)
        self.shop.database.write(lambda session: release_pending(session, self.shop.clock(), keys=[grant.terms.key]))
        self.naive.release(grant)

    @precondition(lambda self: self.naive.grants)
    @rule(which=st.integers(0, 10**6))
    def void(self, which: int) -> None:
        grant = self._grant(which)
        done = self.shop.database.write(lambda session: void_grant(session, grant.terms.key, self.shop.clock()))
        assert done == (not grant.is_void)
        self.naive.void(grant)

    @rule(drawn=st.lists(debits, min_size=1, max_size=6))
    def burn(self, drawn: list[dict[str, object]]) -> None:
        batch = []
        for one in drawn:
            about = dict(one)
            when = NOW + timedelta(days=about.pop("at"))
            batch.append(Debit(currency_id="cc_chat", occurred_at=when, **about))
        self.shop.database.write(lambda session: debit(session, batch, self.shop.clock()))
        for each in batch:
            self.naive.debit(each)

    @rule(forward=st.integers(1, 48))
    def wait(self, forward: int) -> None:
        self.shop.clock.forward(hours=forward)

    @invariant()
    def both_have_the_same_at_any_time(self) -> None:
        if not hasattr(self, "stack"):
            return
        with self.shop.database.read() as session:
            for name in CUSTOMERS:
                for at in (self.shop.clock(), *(NOW + timedelta(days=day, hours=1) for day in (-9, -2, 3, 8, 20))):
                    held = sum(each.available for each in balances(session, name, at))
                    mine = (grant for grant in self.naive.grants if grant.terms.customer_id == name)
                    assert held == sum(grant.available(at) for grant in mine)
            waiting = session.execute(select(PendingConsumption.signal_id, PendingConsumption.remaining_micro))
            assert dict(waiting.all()) == self.naive.pending

    @invariant()
    def grants_are_spent_expired_or_remain(self) -> None:
        if not hasattr(self, "stack"):
            return
        with self.shop.database.read() as session:
            assert check_ledger(session) == []
            keys = dict(session.execute(select(CreditGrant.key, CreditGrant.id)).all())
            moved = _accounts(session)
            listed, total = transactions(session, Filter(), 10_000, 0)
        assert len(listed) == total
        counted = (line.amount for line in listed if line.type != "pendingGrant" and line.origin != "overage")
        held = sum(amount for (_, account), amount in moved.items() if account == "grant")
        assert sum(counted) * 10**6 == held
        for grant in self.naive.grants:
            grant_id = keys[grant.terms.key]
            account = moved.get((grant_id, "grant"), 0)
            remaining = grant.available(self.shop.clock())
            expired_or_later = account - remaining
            assert expired_or_later >= 0
            waiting, void = moved.get((grant_id, "pending"), 0), moved.get((grant_id, "void"), 0)
            assert grant.terms.amount_micro == grant.spent() + remaining + expired_or_later + waiting + void
            assert sum(grant.overage.values()) == -moved.get((grant_id, "overage"), 0)
            if grant.end and self.shop.clock() >= grant.end and not grant.is_void:
                assert remaining == 0

    @rule()
    def sums_made_anew_are_the_same(self) -> None:
        self.shop.database.write(rebuild)

    def _grant(self, which: int) -> NaiveGrant:
        return self.naive.grants[which % len(self.naive.grants)]


def _accounts(session) -> dict[tuple[str | None, str], int]:
    balance: dict[tuple[str | None, str], int] = {}
    for column, sign in ((LedgerEntry.credit_account, 1), (LedgerEntry.debit_account, -1)):
        query = select(LedgerEntry.grant_id, column, func.sum(LedgerEntry.amount_micro)).group_by(
            LedgerEntry.grant_id, column
        )
        for grant_id, account, amount in session.execute(query):
            balance[grant_id, account] = balance.get((grant_id, account), 0) + sign * int(amount)
    assert sum(balance.values()) == 0
    return balance


def test_on_sqlite():
    run_state_machine_as_test(LedgerMachine, settings=_runs(15))


def test_on_postgres(postgres: str):
    run_state_machine_as_test(lambda: LedgerMachine(postgres), settings=_runs(3))


def _runs(examples: int) -> settings:
    # without shrinking, which takes minutes here
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(
        max_examples=examples, stateful_step_count=20, suppress_health_check=list(HealthCheck), phases=phases
    )
