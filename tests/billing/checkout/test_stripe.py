"""Paying through Stripe: its own library, a transport that answers as Stripe does."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from billing.checkout.stripe_provider import StripePayments, from_stripe_units, in_stripe_units
from billing.tables.invoices import Invoice, Payment
from billing.tables.orders import Order
from tests.billing.checkout.browser import Browser, browsing
from tests.billing.checkout.fake_stripe import SECRET, FakeStripe
from tests.billing.checkout.store import BUYER, sell
from tests.billing.shop import Shop


@pytest.fixture
def stripe_api() -> FakeStripe:
    return FakeStripe()


@pytest.fixture
def shop(shop: Shop, stripe_api: FakeStripe) -> Shop:
    payments = StripePayments("sk_test_x", SECRET, client=stripe_api)
    shop.billing = replace(shop.billing, payments=payments)
    shop.api.app.state.billing = shop.billing  # type: ignore[attr-defined]
    return shop


@pytest.fixture
def browser(shop: Shop):
    with browsing(shop) as opened:
        yield opened


def to_payment(shop: Shop, browser: Browser) -> dict[str, Any]:
    store = sell(shop, externalCustomerId="cust_1")
    browser.get(store["checkout"]["url"])
    browser.get(f"{browser.at}/details?offer={store['product']}:{store['pro']}&currency=USD").post(**BUYER)
    store["pay"] = browser.at
    assert "https://checkout.stripe.com" in browser.headers["content-security-policy"]
    browser.post()
    return store


def notify(browser: Browser, body: bytes, headers: dict[str, str]) -> int:
    return browser._client.post("/webhooks/stripe", content=body, headers=headers).status_code


def one(shop: Shop, table: Any) -> Any:
    with shop.database.read() as session:
        return session.scalars(select(table)).one()


def none_of(shop: Shop, table: Any) -> bool:
    with shop.database.read() as session:
        return session.scalars(select(table)).first() is None


def status(shop: Shop, store: dict[str, Any]) -> str:
    return str(shop.api.get(f"/checkouts/{store['checkout']['id']}").json()["status"])


def test_the_buyer_goes_to_stripe_and_the_order_comes_with_the_payment(
    shop: Shop, browser: Browser, stripe_api: FakeStripe
):
    store = to_payment(shop, browser)
    assert browser.at == "https://checkout.stripe.com/c/pay/cs_test_1"
    (sent,) = stripe_api.params
    assert sent["line_items[0][price_data][unit_amount]"] == "4900"
    assert sent["client_reference_id"] == store["checkout"]["id"]
    assert none_of(shop, Order)

    stripe_api.pay("cs_test_1")
    for _ in range(2):
        assert notify(browser, *stripe_api.event("checkout.session.completed", stripe_api.sessions["cs_test_1"])) == 200
    back = browser.get(store["pay"].replace("/pay", "/return"))

    assert back.at == f"https://shop.test/thanks?id={store['checkout']['id']}"
    payment, invoice = one(shop, Payment), one(shop, Invoice)
    assert (payment.key, payment.amount, payment.payment_type) == ("stripe/pi_1", 4900, "creditCard")
    assert (invoice.total, invoice.paid) == (4900, 4900)
    (method,) = shop.api.get("/payment-methods/", params={"externalCustomerId": "cust_1"}).json()["data"]
    assert (method["externalPaymentMethodId"], method["isDefault"]) == ("pm_1", True)
    assert method["card"] == {"brand": "visa", "last4": "4242", "expMonth": 12, "expYear": 2030}


def test_who_comes_back_first_is_served_as_well(shop: Shop, browser: Browser, stripe_api: FakeStripe):
    store = to_payment(shop, browser)
    back = store["pay"].replace("/pay", "/return")

    assert "Payment under way" in browser.get(back).text
    stripe_api.pay("cs_test_1")

    assert browser.get(back).at.startswith("https://shop.test/")
    assert notify(browser, *stripe_api.event("checkout.session.completed", stripe_api.sessions["cs_test_1"])) == 200
    assert one(shop, Payment).amount == 4900


def test_a_second_click_leads_to_the_same_payment(shop: Shop, browser: Browser, stripe_api: FakeStripe):
    store = to_payment(shop, browser)

    assert browser.get(store["pay"]).at == "https://checkout.stripe.com/c/pay/cs_test_1"
    assert stripe_api.asked.count("POST /v1/checkout/sessions") == 1


def test_a_payment_that_will_not_come_opens_the_checkout_again(shop: Shop, browser: Browser, stripe_api: FakeStripe):
    store = to_payment(shop, browser)
    shop.clock.forward(hours=1)
    notify(browser, *stripe_api.event("checkout.session.expired", stripe_api.sessions["cs_test_1"]))

    browser.get(store["pay"])
    assert "USD 49.00" in browser.text
    browser.post()

    assert browser.at.endswith("cs_test_2")
    shop.clock.forward(hours=30)
    assert status(shop, store) == "archived"


def test_a_notice_that_is_not_stripes_is_refused(shop: Shop, browser: Browser, stripe_api: FakeStripe):
    to_payment(shop, browser)
    stripe_api.pay("cs_test_1")
    session = stripe_api.sessions["cs_test_1"]

    assert notify(browser, *stripe_api.event("checkout.session.completed", session, "whsec_wrong")) == 400
    assert notify(browser, b"{}", {}) == 400
    assert notify(browser, b"\xff", {"stripe-signature": "t=1,v1=1"}) == 400
    assert none_of(shop, Order)


def test_an_unpaid_session_brings_nothing(shop: Shop, browser: Browser, stripe_api: FakeStripe):
    to_payment(shop, browser)

    # what the notice says is not believed: the session is asked for
    forged = stripe_api.sessions["cs_test_1"] | {"payment_status": "paid"}
    assert notify(browser, *stripe_api.event("checkout.session.completed", forged)) == 200

    assert none_of(shop, Order)


def test_money_without_an_order_is_on_record_and_the_order_follows(
    shop: Shop, browser: Browser, stripe_api: FakeStripe
):
    store = to_payment(shop, browser)
    stripe_api.pay("cs_test_1")
    customer = shop.api.post("/customers/", json={"name": "C", "externalId": "cust_1"}).json()["id"]
    line = {"productId": store["product"], "planId": store["pro"]}
    body = {"customerId": customer, "currency": "EUR", "endDate": "2026-03-15T13:00:00Z", "lines": [line]}
    other = shop.api.post("/orders/", json=body).json()
    assert shop.api.post(f"/orders/{other['id']}/activate").status_code == 200
    event = stripe_api.event("checkout.session.completed", stripe_api.sessions["cs_test_1"])

    assert notify(browser, *event) == 500

    payment = one(shop, Payment)
    assert (payment.amount, payment.allocated, payment.customer_id) == (4900, 0, customer)
    shop.clock.forward(hours=2)
    assert notify(browser, *event) == 200
    assert one(shop, Payment).allocated == 4900
    assert status(shop, store) == "completed"


def test_stripe_that_is_down_charges_nobody(shop: Shop, browser: Browser, stripe_api: FakeStripe):
    stripe_api.failing = True
    store = to_payment(shop, browser)

    assert (browser.status, "You were not charged" in browser.text) == (502, True)
    stripe_api.failing = False
    browser.get(store["pay"]).post()
    assert browser.at.startswith("https://checkout.stripe.com/")


def test_a_way_to_pay_is_kept_made_default_and_forgotten(shop: Shop, stripe_api: FakeStripe):
    customer = shop.api.post("/customers/", json={"name": "Ada", "externalId": "cust_1"}).json()["id"]
    body = {"externalCustomerId": "cust_1", "confirmationToken": "ctoken_1", "returnUrl": "https://x.test"}

    made = shop.api.post("/payment-methods/", json=body).json()

    assert made["setupIntent"] == {"id": "seti_1", "clientSecret": "seti_1_secret", "status": "succeeded"}
    assert (made["externalPaymentMethodId"], made["customerId"]) == ("pm_kept", customer)
    (kept,) = shop.api.get("/payment-methods/", params={"customerId": customer}).json()["data"]
    assert shop.api.get(f"/payment-methods/{kept['id']}").json() == kept
    assert shop.api.post(f"/payment-methods/{kept['id']}/set-default").json()["isDefault"] is True
    assert shop.api.delete(f"/payment-methods/{kept['id']}").json() == {}
    assert shop.api.get(f"/payment-methods/{kept['id']}").status_code == 404
    assert "POST /v1/payment_methods/pm_kept/detach" in stripe_api.asked
    refused = shop.api.post("/payment-methods/", json=body | {"confirmationToken": "ctoken_none"})
    assert (refused.status_code, refused.json()["details"]) == (400, "No such confirmation_token")


@given(st.integers(0, 10**12), st.sampled_from(["USD", "JPY", "ISK", "UGX", "KWD"]))
def test_units_go_there_and_back(minor: int, currency: str):
    assert from_stripe_units(in_stripe_units(minor, currency), currency) == minor
