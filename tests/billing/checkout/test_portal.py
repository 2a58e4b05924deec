"""The customer portal, and ways to pay where nobody keeps them."""

from tests.billing.checkout.browser import browsing
from tests.billing.checkout.store import BUYER, sell
from tests.billing.shop import Shop


def test_a_customer_sees_its_orders_credits_and_invoices(shop: Shop):
    store = sell(shop, externalCustomerId="cust_1")
    with browsing(shop) as browser:
        browser.get(store["checkout"]["url"])
        browser.get(f"{browser.at}/details?offer={store['product']}:{store['pro']}&currency=EUR").post(**BUYER)
        browser.post()
        shop.api.post(f"/checkouts/{store['checkout']['id']}/confirm")
        body = {"externalCustomerId": "cust_1", "returnUrl": "https://shop.test/"}
        portal = shop.api.post("/customer-portals/", json=body).json()
        assert (portal["status"], portal["expiresAt"]) == ("active", "2026-03-16T12:00:00.000Z")

        page = browser.get(portal["url"])

        assert page.status == 200
        for seen in ("Ada GmbH", "Chatbot", "active", "1,000", "EUR 45.00", "EUR 0.00", "https://shop.test/"):
            assert seen in page.text
        shop.clock.forward(hours=24)
        assert browser.get(portal["url"]).status == 410
        assert browser.get("/portal/nothing").status == 404


def test_a_portal_needs_one_customer_that_there_is(shop: Shop):
    for body in ({}, {"customerId": "cus_1", "externalCustomerId": "cust_1"}):
        assert shop.api.post("/customer-portals/", json=body).status_code == 400
    assert shop.api.post("/customer-portals/", json={"customerId": "cus_none"}).status_code == 404
    assert shop.api.post("/customer-portals/", json={"externalCustomerId": "none"}).status_code == 404


def test_without_a_provider_nobody_keeps_ways_to_pay(shop: Shop):
    shop.api.post("/customers/", json={"name": "Ada", "externalId": "cust_1"})

    refused = shop.api.post("/payment-methods/", json={"externalCustomerId": "cust_1", "confirmationToken": "x"})

    assert (refused.status_code, refused.json()["error"]) == (501, "Not implemented")
    assert shop.api.get("/payment-methods/").json()["data"] == []
    assert shop.api.get("/payment-methods/pm_none").status_code == 501
