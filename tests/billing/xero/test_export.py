"""What is posted, voided and paid goes to Xero, once."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.invoices.post import void_invoice
from billing.tables.invoices import Invoice
from billing.tables.xero import XeroInvoice
from billing.xero.export import Exported, export_invoices
from billing.xero.official import XeroAccounting
from billing.xero.sent import XeroSettings
from tests.billing.checkout.store import sell
from tests.billing.shop import Shop
from tests.billing.xero.fake_xero import FakeXero

PAID_INTO = XeroSettings(payment_account="090")


@pytest.fixture
def xero() -> FakeXero:
    return FakeXero()


def export(shop: Shop, xero: FakeXero, settings: XeroSettings = PAID_INTO) -> Exported:
    return export_invoices(shop.billing, XeroAccounting(xero.client(), "tenant"), settings)


def order(shop: Shop, store: dict[str, str], customer: str, currency: str = "USD") -> str:
    line = {"productId": store["product"], "planId": store["pro"]}
    body = {"customerId": customer, "currency": currency, "lines": [line]}
    made = shop.api.post("/orders/", json=body).json()["id"]
    assert shop.api.post(f"/orders/{made}/activate").status_code == 200
    with shop.database.read() as session:
        return session.scalars(select(Invoice.id).where(Invoice.order_id == made)).one()


def customer(shop: Shop, name: str = "Ada GmbH", **fields: object) -> str:
    return str(shop.api.post("/customers/", json={"name": name, "email": "ada@example.com", **fields}).json()["id"])


def pay(shop: Shop, invoice_id: str, amount: int) -> None:
    detail = shop.api.get(f"/invoices/{invoice_id}").json()
    paid = {
        "customerId": detail["customerId"], "amount": amount, "currency": "USD", "paymentType": "bankTransfer",
        "status": "posted",
    }  # fmt: skip
    payment = shop.api.post("/payments/", json=paid).json()
    (line,) = shop.api.get(f"/invoices/{invoice_id}/lines").json()["data"]
    part = {"invoiceLineId": line["id"], "amount": amount}
    answer = shop.api.post("/payment-allocations/", json={"paymentId": payment["id"], "allocations": [part]})
    assert answer.status_code == 200, answer.text


def test_an_invoice_goes_with_its_contact_account_and_tax(shop: Shop, xero: FakeXero):
    store = sell(shop)
    address = {"line1": "Hauptstr. 1", "city": "Berlin", "country": "Germany", "zipCode": "10115"}
    mine = order(shop, store, customer(shop, billingAddress=address))

    assert export(shop, xero) == Exported(1, 0, 0, [])

    (contact,) = xero.contacts.values()
    assert (contact["Name"], contact["EmailAddress"]) == ("Ada GmbH", "ada@example.com")
    assert contact["Addresses"][0]["PostalCode"] == "10115"
    (invoice,) = xero.invoices.values()
    assert {key: invoice[key] for key in ("Type", "Status", "Reference", "CurrencyCode", "InvoiceNumber")} == {
        "Type": "ACCREC", "Status": "AUTHORISED", "Reference": mine, "CurrencyCode": "USD",
        "InvoiceNumber": "INV-0001",
    }  # fmt: skip
    (line,) = invoice["LineItems"]
    assert (line["UnitAmount"], line["Quantity"], line["AccountCode"], line["TaxType"]) == (49, 1, "200", "NONE")
    assert invoice["Contact"]["ContactID"] == contact["ContactID"]


def test_accounts_and_taxes_follow_the_settings(shop: Shop, xero: FakeXero):
    store = sell(shop)
    (fee,) = shop.api.get(f"/products/{store['product']}").json()["productAttributes"]
    body = {"productAttributes": [{**fee, "taxCode": "txcd_1"}]}
    assert shop.api.put(f"/products/{store['product']}", json=body).status_code == 200
    order(shop, store, customer(shop))
    mapped = XeroSettings(accounts={store["product"]: "260"}, tax_types={"txcd_1": "OUTPUT2"})

    export(shop, xero, mapped)

    (line,) = next(iter(xero.invoices.values()))["LineItems"]
    assert (line["AccountCode"], line["TaxType"]) == ("260", "OUTPUT2")
    order(shop, store, customer(shop, "Bo"), "USD")
    export(shop, xero, XeroSettings())
    (other,) = list(xero.invoices.values())[1]["LineItems"]
    assert "TaxType" not in other  # Xero applies the account's rate


def test_again_changes_nothing(shop: Shop, xero: FakeXero):
    store = sell(shop)
    mine = order(shop, store, customer(shop))
    pay(shop, mine, 1900)
    assert export(shop, xero) == Exported(1, 0, 1, [])

    assert export(shop, xero) == Exported(0, 0, 0, [])

    pay(shop, mine, 3000)
    assert export(shop, xero) == Exported(0, 0, 1, [])
    assert [each["Amount"] for each in xero.payments] == [19, 30]
    assert {each["Account"]["Code"] for each in xero.payments} == {"090"}


@pytest.mark.parametrize("steps", range(5))
def test_stopped_anywhere_it_goes_on_and_nothing_is_there_twice(shop: Shop, xero: FakeXero, steps: int):
    store = sell(shop)
    pay(shop, order(shop, store, customer(shop)), 4900)
    order(shop, store, customer(shop, "Bo"))
    xero.dying_after = steps
    with pytest.raises(KeyboardInterrupt):
        export(shop, xero)
    xero.dying_after = None

    export(shop, xero)

    assert (len(xero.contacts), len(xero.invoices), len(xero.payments)) == (2, 2, 1)


def test_what_xero_took_and_we_did_not_note_is_not_there_twice(
    shop: Shop, xero: FakeXero, monkeypatch: pytest.MonkeyPatch
):
    order(shop, sell(shop), customer(shop))
    with monkeypatch.context() as broken:
        broken.setattr("billing.xero.export._note", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            export(shop, xero)

    assert export(shop, xero) == Exported(1, 0, 0, [])
    assert len(xero.invoices) == 1


def test_an_invoice_that_is_refused_holds_up_no_other_and_is_tried_again(shop: Shop, xero: FakeXero):
    store = sell(shop)
    mine = order(shop, store, customer(shop))
    xero.refusing = {"200"}

    result = export(shop, xero)

    assert result.failed == [(mine, "Account code '200' is not a valid code for this document.")]
    with shop.database.read() as session:
        assert session.get_one(XeroInvoice, mine).error == result.failed[0][1]
    xero.refusing = set()
    assert export(shop, xero) == Exported(1, 0, 0, [])


def test_a_voided_invoice_is_voided_there(shop: Shop, xero: FakeXero):
    mine = order(shop, sell(shop), customer(shop))
    export(shop, xero)

    def work(session: Session) -> None:
        void_invoice(session, session.get_one(Invoice, mine), shop.clock.now)

    shop.database.write(work)

    assert export(shop, xero) == Exported(0, 1, 0, [])
    assert next(iter(xero.invoices.values()))["Status"] == "VOIDED"
    assert export(shop, xero) == Exported(0, 0, 0, [])


def test_customers_of_the_same_name_are_two_contacts(shop: Shop, xero: FakeXero):
    store = sell(shop)
    order(shop, store, customer(shop))
    order(shop, store, customer(shop, externalId="second"))

    export(shop, xero)

    assert sorted(each["Name"] for each in xero.contacts.values()) == ["Ada GmbH", "Ada GmbH (second)"]
