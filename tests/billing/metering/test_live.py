"""Signals debited as they come, and what is owed when the database is in trouble."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from billing.metering import live as module
from billing.metering.live import LiveMeter, OwedError
from tests.billing.metering.on_sale import available, currency, grant, message, order, use
from tests.billing.shop import NOW, Shop


@pytest.fixture
def live(shop: Shop) -> Iterator[LiveMeter]:
    chat = currency(shop)
    order(shop, "acme", message(chat))
    grant(shop, "acme", chat, 1000)
    meter = LiveMeter(shop.database, clock=shop.clock)
    meter.start()
    yield meter
    assert meter.stop(10)


def test_a_debit_is_there_when_its_future_is_done(shop: Shop, live: LiveMeter):
    for number in range(5):
        live.submit([use(f"sig_{number}")]).result(10)
        assert available(shop) == 999 - number


def test_many_at_once_are_each_debited_once(shop: Shop, live: LiveMeter):
    def send(first: int) -> None:
        for number in range(first, first + 20):
            live.submit([use(f"sig_{number % 100}"), use(f"sig_{(number + 1) % 100}")]).result(20)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(0, 100, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert available(shop) == 900


def test_what_is_owed_is_settled_before_a_balance_is_true(shop: Shop, live: LiveMeter, monkeypatch: pytest.MonkeyPatch):
    in_trouble = threading.Event()
    in_trouble.set()
    write = shop.database.write

    def troubled(work):
        if in_trouble.is_set():
            raise OperationalError("", {}, Exception("disk I/O error"))
        return write(work)

    monkeypatch.setattr(shop.database, "write", troubled)
    done = live.submit([use()])
    live.owe(done)

    with pytest.raises(OwedError):
        live.settle(0.3)
    in_trouble.clear()
    live.settle(10)

    assert done.done()
    assert available(shop) == 999


def test_one_that_cannot_be_debited_holds_up_no_other(shop: Shop, live: LiveMeter, monkeypatch: pytest.MonkeyPatch):
    really = module.meter

    def picky(session, uses, now):
        if any(each.signal_id == "sig_bad" for each in uses):
            raise ValueError("a bug of ours")
        return really(session, uses, now)

    monkeypatch.setattr(module, "meter", picky)
    monkeypatch.setattr(module, "_PAUSES", (0.01, 0.01))

    futures = [live.submit([use(name)]) for name in ("sig_1", "sig_bad", "sig_2")]
    for future in futures:
        future.result(20)

    assert available(shop) == 998


def test_nothing_owed_costs_a_reader_nothing(live: LiveMeter):
    live.settle(0)


def test_what_was_debited_here_is_known_once_and_only_as_it_was(live: LiveMeter):
    live.submit([use("sig_1"), use("sig_2")]).result(10)
    said = ("chat_message", "acme", "bot", NOW)

    assert live.has_debited("sig_1", *said)
    assert not live.has_debited("sig_1", *said)
    assert not live.has_debited("sig_2", "chat_message", "globex", "bot", NOW)
