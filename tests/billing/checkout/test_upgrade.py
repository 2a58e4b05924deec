"""Buying another plan of a product that is bought already."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from billing.invoices.amounts import rounded
from billing.ledger.balances import balances
from billing.tables.invoices import Invoice, InvoiceItem, InvoiceLine
from billing.tables.orders import Order
from tests.billing.checkout.browser import browsing
from tests.billing.checkout.store import BUYER, checkout, sell
from tests.billing.shop import Shop, open_shop


def buy(shop: Shop, store: dict[str, Any], plan: str, currency: str = "USD") -> str:
    """Buys a plan for `cust_1` through the pages; the order's id, or the text of the page that says no."""
    made = checkout(shop, store["product"], externalCustomerId="cust_1")
    with browsing(shop) as browser:
        browser.get(made["url"])
        browser.get(f"{browser.at}/details?offer={store['product']}:{store[plan]}&currency={currency}")
        if "form_token" not in browser.text:
            return browser.text
        browser.post(**BUYER).post()
    if shop.api.get(f"/checkouts/{made['id']}").json()["status"] != "completed":
        assert shop.api.post(f"/checkouts/{made['id']}/confirm").status_code == 200
    return str(shop.api.get(f"/checkouts/{made['id']}").json()["orderId"])


def lines(shop: Shop) -> list[tuple[str, int]]:
    with shop.database.read() as session:
        query = select(InvoiceLine).join(Invoice).order_by(Invoice.number, InvoiceLine.position)
        return [(line.line_type, line.amount) for line in session.scalars(query)]


def available(shop: Shop) -> int:
    with shop.database.read() as session:
        (order,) = session.scalars(select(Order))
        return sum(each.available for each in balances(session, order.customer_id, shop.clock.now))


def test_a_dearer_plan_is_charged_by_the_day_and_brings_its_credits(shop: Shop):
    store = sell(shop)
    first = buy(shop, store, "free")
    assert available(shop) == 0
    shop.clock.forward(days=10)  # 21 of 31 days are left

    assert buy(shop, store, "pro") == first

    assert lines(shop) == [("PRORATION_CHARGE", rounded(Fraction(4900 * 21, 31)))]
    assert available(shop) == 1_000_000_000
    with shop.database.read() as session:
        (invoice,) = session.scalars(select(Invoice))
        assert (invoice.paid, invoice.total) == (invoice.total, 3319)


def test_from_the_next_period_on_the_new_price_holds(shop: Shop):
    from billing.orders.advance import advance

    store = sell(shop)
    buy(shop, store, "free")
    shop.clock.forward(days=10)
    buy(shop, store, "pro")
    shop.clock.forward(days=21)
    advance(shop.billing, shop.clock.now)

    assert lines(shop) == [("PRORATION_CHARGE", 3319), ("STANDARD", 4900)]
    assert available(shop) == 1_000_000_000


def test_going_back_and_forth_brings_no_more_than_the_larger_plan(shop: Shop):
    store = sell(shop)
    for plan in ("pro", "free", "pro", "free", "pro"):
        buy(shop, store, plan)

    assert available(shop) == 1_000_000_000
    assert sum(amount for _, amount in lines(shop)) + waiting(shop) == 4900


def waiting(shop: Shop) -> int:
    with shop.database.read() as session:
        return sum(item.amount - item.applied for item in session.scalars(select(InvoiceItem)))


def test_the_plan_that_is_there_is_not_offered_and_the_currency_stays(shop: Shop):
    store = sell(shop)
    buy(shop, store, "pro", "EUR")
    made = checkout(shop, store["product"], externalCustomerId="cust_1")

    with browsing(shop) as browser:
        page = browser.get(made["url"]).text

    assert "Choose Free" in page
    assert "Choose Pro" not in page
    assert "USD" not in page


@settings(max_examples=12, deadline=None)
@given(days=st.lists(st.integers(0, 30), min_size=1, max_size=4))
def test_what_a_period_costs_is_each_day_at_its_plan(days: list[int]):
    """Charged and waiting money together is exactly the days on Pro at Pro's price, whatever the changes."""
    with TemporaryDirectory() as folder, open_shop(Path(folder)) as shop:
        store = sell(shop)
        start, on, since, pro_days = shop.clock.now, False, 0, 0
        buy(shop, store, "free")
        for day in sorted(set(days)):
            shop.clock.now = start + timedelta(days=day)
            buy(shop, store, "free" if on else "pro")
            pro_days += (day - since) if on else 0
            on, since = not on, day
        pro_days += (31 - since) if on else 0

        total = sum(amount for _, amount in lines(shop)) + waiting(shop)

    exact = Fraction(4900 * pro_days, 31)
    assert abs(total - exact) <= Fraction(1, 2)
