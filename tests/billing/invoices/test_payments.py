"""Payments and what they pay: never more than came, never more than is due."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from billing.invoices.pay import NewPayment, record_payment
from billing.invoices.state import balance, offset_credits
from billing.ledger.debits import Debit, debit
from billing.orders.advance import advance
from billing.tables.invoices import InvoiceLine
from tests.billing.catalog import wares
from tests.billing.orders import goods
from tests.billing.shop import Shop


def invoiced(shop: Shop) -> tuple[str, dict[str, Any]]:
    """A customer and its invoice of 2900 + 1000."""
    bot = goods.product(shop, goods.fee(2900), goods.fee(1000, name="Hosting"))
    acme = goods.customer(shop)
    goods.order(shop, acme, bot["id"], "2026-03-15T12:00:00Z")
    return acme, goods.invoices(shop)[0]


def pay(shop: Shop, customer: str, amount: int, **fields: Any) -> dict[str, Any]:
    body = {"customerId": customer, "amount": amount, "currency": "USD", "paymentType": "cash"} | fields
    return dict(shop.api.post("/payments", json=body).json())


def test_more_than_is_there_or_due_is_refused_as_a_whole(shop: Shop):
    acme, invoice = invoiced(shop)
    first, second = goods.lines(shop, invoice)
    small, large = pay(shop, acme, 1000), pay(shop, acme, 10_000)
    euros = pay(shop, acme, 1000, currency="eur")
    draft = pay(shop, acme, 1000, status="draft")

    for payment, parts in (
        (small, [(first, 1001)]), (small, [(first, 600), (second, 401)]), (large, [(first, 1), (second, 1001)]),
        (large, [(first, 2000), (first, 901)]), (euros, [(first, 1)]), (draft, [(first, 1)]),
    ):  # fmt: skip
        body = {
            "paymentId": payment["id"],
            "allocations": [{"invoiceLineId": line["id"], "amount": amount} for line, amount in parts],
        }
        assert shop.api.post("/payment-allocations", json=body).status_code == 400
    assert shop.api.get("/payment-allocations").json()["data"] == []
    assert shop.api.get(f"/payments/{large['id']}").json()["balance"] == 10_000
    assert shop.api.get(f"/invoices/{invoice['id']}").json()["amountPaid"] == 0


def test_a_providers_payment_is_recorded_once_and_pays_its_invoice(shop: Shop):
    acme, invoice = invoiced(shop)

    def come(status: str) -> None:
        wanted = NewPayment(
            customer_id=acme, amount=3900, currency="USD", payment_type="creditCard", status=status, key="pi_1",
            invoice_id=invoice["id"],
        )  # fmt: skip
        shop.database.write(lambda session: record_payment(session, wanted, shop.clock()))

    come("processing")
    assert shop.api.get("/payments", params={"status": "processing"}).json()["pagination"]["total"] == 1
    come("posted")
    come("posted")
    come("failed")

    (payment,) = shop.api.get("/payments", params={"externalCustomerId": "acme"}).json()["data"]
    assert (payment["status"], payment["allocatedAmount"], payment["balance"]) == ("posted", 3900, 0)
    assert shop.api.get(f"/invoices/{invoice['id']}").json()["paymentStatus"] == "paid"
    assert len(shop.api.get("/payment-allocations", params={"invoiceId": invoice["id"]}).json()["data"]) == 2
    assert shop.api.post(f"/invoices/{invoice['id']}/void").status_code == 400


def test_overage_is_billed_at_the_price_of_its_grant_once_and_late_usage_with_the_next_period(shop: Shop):
    credit = wares.currency(shop)
    benefit = {"creditsCurrencyId": credit, "amount": 10, "overageUnitPrice": 7}
    bot = goods.product(shop, goods.fee(2900, [benefit]))
    acme = goods.customer(shop)
    goods.order(shop, acme, bot["id"], "2026-03-15T12:00:00Z")

    def burn(name: str, amount: str, at: datetime) -> None:
        wanted = Debit(
            signal_id=name, customer_id=acme, currency_id=credit, amount_micro=int(Decimal(amount) * 10**6),
            occurred_at=at,
        )  # fmt: skip

        def work(session: Session) -> None:
            debit(session, [wanted], shop.clock())

        shop.database.write(work)

    burn("one", "12.5", datetime(2026, 3, 20, tzinfo=UTC))
    shop.clock.now = datetime(2026, 4, 15, 12, tzinfo=UTC)
    advance(shop.billing, shop.clock())
    burn("late", "1", datetime(2026, 3, 21, tzinfo=UTC))
    shop.clock.now = datetime(2026, 5, 15, 12, tzinfo=UTC)
    advance(shop.billing, shop.clock())

    overage = [
        [line["totalPriceBeforeTax"] for line in goods.lines(shop, each) if line["description"] == "Overage"]
        for each in goods.invoices(shop)
    ]
    assert overage == [[], [18], [7]]  # 2.5 x 7 = 17.5; 3.5 x 7 = 24.5, rounded as a whole


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8))
def test_credits_are_taken_off_the_other_lines_and_the_balances_add_up_to_what_is_due(amounts: list[int]):
    lines = [InvoiceLine(amount=amount, credited=0, paid=0) for amount in amounts]

    offset_credits(lines)

    assert sum(line.credited for line in lines) == 0
    assert sum(balance(line) for line in lines) == sum(amounts)
    if sum(amounts) >= 0:
        assert all(0 <= balance(line) <= max(line.amount, 0) for line in lines)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 3000)), max_size=6))
def test_whatever_is_allocated_the_books_agree(shop: Shop, parts: list[tuple[int, int]]):
    name = f"c{len(shop.api.get('/customers').json()['data'])}"
    bot = goods.product(shop, goods.fee(2900), goods.fee(1000, name="Hosting"), name=name)
    customer = goods.customer(shop, name)
    goods.order(shop, customer, bot["id"], "2026-03-15T12:00:00Z")
    (invoice,) = goods.invoices(shop, externalCustomerId=name)
    lines = goods.lines(shop, invoice)
    payment = pay(shop, customer, 3500)
    due, left = [2900, 1000], 3500

    for line, amount in parts:
        body = {
            "paymentId": payment["id"],
            "allocations": [{"invoiceLineId": lines[line]["id"], "amount": amount}],
        }
        fits = amount <= due[line] and amount <= left
        assert shop.api.post("/payment-allocations", json=body).status_code == (200 if fits else 400)
        if fits:
            due[line] -= amount
            left -= amount

    assert [each["balanceAmount"] for each in goods.lines(shop, invoice)] == due
    assert shop.api.get(f"/payments/{payment['id']}").json()["balance"] == left
    assert shop.api.get(f"/invoices/{invoice['id']}").json()["amountRemaining"] == sum(due)
