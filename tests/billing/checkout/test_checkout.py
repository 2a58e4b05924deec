"""Buying by a link: from the choice to the order, exactly once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from billing.checkout.purchase import confirm
from billing.checkout.sweep import tell_expired
from billing.ledger.balances import balances
from billing.tables.checkouts import Checkout
from billing.tables.invoices import Invoice, Payment
from billing.tables.orders import Order
from billing.tables.webhooks import WebhookMessage
from tests.billing.checkout.browser import Browser, browsing
from tests.billing.checkout.store import BUYER, checkout, sell
from tests.billing.shop import Shop


@pytest.fixture
def browser(shop: Shop):
    with browsing(shop) as opened:
        yield opened


def counted(shop: Shop, table: Any) -> int:
    with shop.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def choose(browser: Browser, store: dict[str, Any], plan: str = "pro", currency: str = "USD") -> Browser:
    browser.get(store["checkout"]["url"])
    return browser.get(f"{browser.at}/details?offer={store['product']}:{store[plan]}&currency={currency}")


def state(shop: Shop, store: dict[str, Any]) -> dict[str, Any]:
    answer = shop.api.get(f"/checkouts/{store['checkout']['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listen(shop: Shop) -> None:
    for name in ("created", "completed", "expired"):
        url = "https://example.com/hook"
        shop.api.patch(f"/webhooks/billing-checkout-{name}", json={"enabled": True, "url": url})


def told(shop: Shop) -> list[str]:
    with shop.database.read() as session:
        query = select(WebhookMessage.name).order_by(WebhookMessage.object_id, WebhookMessage.version)
        return [name.removeprefix("billing-checkout-") for name in session.scalars(query)]


def test_a_checkout_has_the_defaults_of_the_api(shop: Shop):
    made = sell(shop, externalCustomerId="cust_1")["checkout"]

    assert made["id"].startswith("chk_")
    assert made["url"].startswith("http://127.0.0.1:4318/checkout/")
    assert (made["status"], made["singleUse"], made["collectAddress"], made["collectPhone"]) == (
        "active", True, True, False,
    )  # fmt: skip
    assert made["allowedCurrencies"] == ["EUR", "USD"]
    assert made["expiresAt"] == "2026-03-16T12:00:00.000Z"
    assert shop.api.get("/checkouts/", params={"status": "active"}).json()["data"] == [made]
    assert counted(shop, Order) == 0


def test_a_purchase_by_invoice_waits_for_the_operator_and_then_brings_order_credits_and_invoice(
    shop: Shop, browser: Browser
):
    listen(shop)
    store = sell(shop, externalCustomerId="cust_1")
    choose(browser, store)
    assert "USD 49.00 per month" in browser.text
    assert "includes 1,000 Chats per month" in browser.text
    browser.post(**BUYER)
    assert browser.at.endswith("/pay")
    assert "USD 49.00" in browser.text

    browser.post()

    assert (browser.status, "Order received" in browser.text) == (200, True)
    waiting = state(shop, store)
    assert (waiting["status"], waiting["awaitingConfirmation"]) == ("archived", True)
    assert counted(shop, Order) == 0

    done = shop.api.post(f"/checkouts/{store['checkout']['id']}/confirm", json={}).json()

    assert done["status"] == "completed"
    assert done["selectedProduct"] == {"id": store["product"], "plan": {"id": store["pro"], "name": "Pro"}}
    customer = shop.api.get("/customers/external/cust_1").json()
    assert (customer["name"], customer["email"]) == ("Ada GmbH", "ada@example.com")
    assert customer["billingAddress"]["country"] == "Germany"
    with shop.database.read() as session:
        order = session.scalars(select(Order)).one()
        invoice = session.scalars(select(Invoice)).one()
        payment = session.scalars(select(Payment)).one()
        (chats,) = balances(session, order.customer_id, shop.clock.now)
    assert (chats.currency_key, chats.available) == ("chats", 1_000_000_000)
    assert (order.id, order.currency) == (done["orderId"], "USD")
    assert (invoice.total, invoice.paid, payment.amount, payment.allocated) == (4900, 4900, 4900, 4900)
    assert told(shop) == ["created", "completed"]
    assert browser.get(browser.at).at == f"https://shop.test/thanks?id={done['id']}"


def test_everything_twice_is_one_purchase(shop: Shop, browser: Browser):
    listen(shop)
    store = sell(shop)
    choose(browser, store).post(**BUYER)
    pay = browser.at
    browser.get(pay).post()
    browser.get(pay)
    for _ in range(3):
        assert shop.api.post(f"/checkouts/{store['checkout']['id']}/confirm").status_code == 200

    assert (counted(shop, Order), counted(shop, Payment), counted(shop, Invoice)) == (1, 1, 1)
    assert told(shop) == ["created", "completed"]


def test_clicks_at_the_same_moment_are_one_purchase(shop: Shop, browser: Browser):
    store = sell(shop)
    choose(browser, store).post(**BUYER)
    browser.post()

    with ThreadPoolExecutor(8) as pool:
        confirmed = pool.map(lambda _: confirm(shop.billing, store["checkout"]["id"], None), range(8))
        assert list(confirmed) == [None] * 8

    assert (counted(shop, Order), counted(shop, Payment), counted(shop, Invoice)) == (1, 1, 1)


def test_what_costs_nothing_is_there_at_once(shop: Shop, browser: Browser):
    store = sell(shop)
    choose(browser, store, "free").post(**BUYER)

    browser.post()

    assert browser.at == f"https://shop.test/thanks?id={store['checkout']['id']}"
    assert state(shop, store)["status"] == "completed"
    assert counted(shop, Payment) == 0


def test_a_link_for_one_is_closed_once_somebody_began(shop: Shop, browser: Browser):
    store = sell(shop)
    choose(browser, store).post(**BUYER)

    assert state(shop, store)["status"] == "archived"
    with browsing(shop) as other:
        assert other.get(store["checkout"]["url"]).status == 410
        assert choose(other, store).status == 410
    assert browser.get(browser.at).status == 200


def test_a_link_for_several_stays_and_each_buyer_has_an_own_checkout(shop: Shop, browser: Browser):
    store = sell(shop, singleUse=False)
    for _ in range(2):
        choose(browser, store, "free").post(**BUYER)
        browser.post()

    assert state(shop, store)["status"] == "active"
    completed = shop.api.get("/checkouts/", params={"status": "completed"}).json()["data"]
    assert len(completed) == 2
    assert browser.at.removeprefix("https://shop.test/thanks?id=") in {each["id"] for each in completed}
    assert counted(shop, Order) == 2


def test_what_is_wrong_is_said_at_the_field_and_nothing_is_lost(shop: Shop, browser: Browser):
    store = sell(shop, collectPhone=True)
    choose(browser, store)

    browser.post(**{**BUYER, "email": "nobody", "city": "", "name": '"><script>alert(1)</script>', "phone": "x"})

    assert browser.status == 400
    for name in ("email", "city", "phone"):
        assert f'id="{name}-error"' in browser.text
    assert "<script>" not in browser.text
    assert "&#34;&gt;&lt;script&gt;" in browser.text
    assert state(shop, store)["status"] == "active"


def test_a_forged_form_is_refused(shop: Shop, browser: Browser):
    store = sell(shop)
    choose(browser, store)

    assert browser.post(**BUYER, form_token="0" * 32).status == 403
    assert state(shop, store)["status"] == "active"


def test_pages_allow_no_scripts_no_frames_and_no_caches(shop: Shop, browser: Browser):
    store = sell(shop)
    for at in (browser.get(store["checkout"]["url"]), choose(browser, store), browser.get("/checkout/nothing")):
        policy = at.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert at.headers["cache-control"] == "no-store"
        assert "<script" not in at.text
        assert "http://" not in at.text.replace("http://127.0.0.1:4318", "")
    assert browser.status == 404


def test_a_checkout_expires_and_that_is_told_once(shop: Shop, browser: Browser):
    listen(shop)
    store = sell(shop)
    choose(browser, store).post(**BUYER)
    shop.clock.forward(hours=24)

    assert [tell_expired(shop.billing), tell_expired(shop.billing)] == [1, 0]

    assert state(shop, store)["status"] == "expired"
    assert told(shop) == ["created", "expired"]
    assert browser.get(browser.at).status == 410
    assert shop.api.post(f"/checkouts/{store['checkout']['id']}/confirm").status_code == 409


def test_an_archived_checkout_is_closed(shop: Shop, browser: Browser):
    store = sell(shop)
    choose(browser, store).post(**BUYER)

    assert shop.api.delete(f"/checkouts/{store['checkout']['id']}").json() == {}

    assert state(shop, store)["status"] == "archived"
    assert browser.get(browser.at).status == 410


def test_a_price_that_changed_meanwhile_is_shown_again(shop: Shop, browser: Browser):
    store = sell(shop)
    choose(browser, store).post(**BUYER)

    browser.post(total="100")

    assert "The price has changed" in browser.text
    assert state(shop, store)["status"] == "archived"
    assert "awaitingConfirmation" not in state(shop, store)


@pytest.mark.parametrize(
    "wrong",
    [
        {"customerId": "cus_1", "externalCustomerId": "cust_1"}, {"successUrl": "javascript:alert(1)"},
        {"cancelUrl": "nothing"}, {"expiresAt": "2026-03-15T11:00:00Z"}, {"currency": "dollars"},
        {"customCards": [{"label": "x", "buttonUrl": "data:text/html,x"}]}, {"products": []},
    ],
)  # fmt: skip
def test_what_cannot_be_offered_is_refused(shop: Shop, wrong: dict[str, Any]):
    store = sell(shop)
    body = {"products": [{"id": store["product"]}], "successUrl": "https://x.test", **wrong}

    assert shop.api.post("/checkouts/", json=body).status_code == 400
    assert shop.api.post("/checkouts/", json={**body, next(iter(wrong)): None}).status_code in (200, 400)


def test_unknown_things_are_not_found(shop: Shop):
    body = {"products": [{"id": "prod_none"}], "successUrl": "https://x.test"}

    assert shop.api.post("/checkouts/", json=body).status_code == 404
    assert shop.api.get("/checkouts/chk_none").status_code == 404
    assert shop.api.delete("/checkouts/chk_none").status_code == 404
    assert shop.api.post("/checkouts/chk_none/confirm").status_code == 404


def test_lists_agree_with_the_state_of_each(shop: Shop, browser: Browser):
    store = sell(shop)
    choose(browser, store, "free").post(**BUYER)
    browser.post()
    for _ in range(2):
        checkout(shop, store["product"])
    shop.api.delete(f"/checkouts/{checkout(shop, store['product'])['id']}")
    checkout(shop, store["product"], expiresAt="2026-03-15T12:01:00Z")
    shop.clock.forward(minutes=2)

    every = shop.api.get("/checkouts/").json()["data"]
    for status in ("active", "completed", "expired", "archived"):
        of_it = shop.api.get("/checkouts/", params={"status": status}).json()["data"]
        assert {each["id"] for each in of_it} == {each["id"] for each in every if each["status"] == status}
    assert counted(shop, Checkout) == 5
