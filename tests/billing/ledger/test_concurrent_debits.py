"""Sixteen workers debit one balance at once, in threads of two processes: it ends exactly where it must."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from billing.database import Database
from billing.ledger.balances import balances
from billing.ledger.check import check_ledger
from billing.ledger.debits import Debit, debit
from billing.ledger.grants import Grant, open_grant
from tests.billing.ledger.people import currency, customer
from tests.billing.shop import NOW, Shop

WORKERS = 8  # in each of two processes
EACH = 125
"""Debits of a worker; every signal is sent by one worker of each process, so that half of all are duplicates."""


def work(url: str, amount: int) -> int:
    """What one process does; gives how many of its debits were the first of their signal."""
    database = Database(url)

    def worker(number: int) -> int:
        applied = 0
        for step in range(EACH):
            each = Debit(
                signal_id=f"s{number}-{step}", customer_id="cus_acme", currency_id="cc_chat", amount_micro=amount,
                occurred_at=NOW,
            )  # fmt: skip
            applied += database.write(lambda session, each=each: debit(session, [each], NOW)).applied
        return applied

    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            return sum(pool.map(worker, range(WORKERS)))
    finally:
        database.close()


def test_no_debit_is_lost_or_done_twice(either: Shop):
    """1,000 signals of 1.000001 credits, each sent twice, against grants that run out before the end."""
    amount, granted = 1_000_001, 700 * 10**6

    def give(session):
        customer(session)
        currency(session)
        for number in range(7):
            grant = Grant(key=f"g{number}", customer_id="cus_acme", currency_id="cc_chat", amount_micro=granted // 7,
                          starts_at=NOW)  # fmt: skip
            open_grant(session, grant, NOW)

    either.database.write(give)
    url = either.database.url.render_as_string(hide_password=False)
    code = f"from tests.billing.ledger.test_concurrent_debits import work; print(work({url!r}, {amount}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path.cwd()) as other:
        here = work(url, amount)
        there = int(other.communicate(timeout=100)[0])

    assert here + there == WORKERS * EACH == 1000
    with either.database.read() as session:
        (balance,) = balances(session, "cus_acme", NOW)
        assert (balance.available, balance.used) == (0, granted)
        assert balance.unfunded == 1000 * amount - granted
        assert check_ledger(session) == []


def test_bulks_that_overlap_and_disagree_end_as_one_of_them(either: Shop):
    """Two senders put the same signals on different customers; each signal burns exactly what one of them said."""
    either.database.write(lambda session: (customer(session, "acme"), customer(session, "globex"), currency(session)))

    def send(whose: str) -> None:
        for turn in range(5):
            bulk = [
                Debit(signal_id=f"s{number}", customer_id=whose, currency_id="cc_chat", amount_micro=number + 1,
                      occurred_at=NOW)
                for number in (range(20) if whose == "cus_acme" else range(19, -1, -1))
            ]  # fmt: skip
            del turn
            either.database.write(lambda session, bulk=bulk: debit(session, bulk, NOW))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, ["cus_acme", "cus_globex"] * 3))

    with either.database.read() as session:
        held = [each for name in ("cus_acme", "cus_globex") for each in balances(session, name, NOW)]
        assert sum(each.unfunded for each in held) == sum(range(1, 21))
        assert check_ledger(session) == []
