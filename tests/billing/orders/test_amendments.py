"""Amendments: versioned, previewed by doing them, and exact to the cent by the day."""

from datetime import UTC, datetime
from typing import Any

import pytest

from billing.orders.advance import advance
from tests.billing.orders import goods
from tests.billing.shop import Shop


def running(shop: Shop, *attributes: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The path of an order that began on March 1, and its attributes' ids by name; it is March 15."""
    bot = goods.product(shop, *attributes)
    order = goods.order(shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z")
    path = f"/orders/{order['id']}/amendments"
    return path, ids(shop, path)


def ids(shop: Shop, path: str) -> dict[str, str]:
    (line, *_) = shop.api.get(f"{path}/options").json()["lines"]
    return {str(each["state"].get("unitPriceMinor")): each["orderLineAttributeId"] for each in line["attributes"]}


def next_invoice(shop: Shop) -> dict[str, int]:
    shop.clock.now = datetime(2026, 4, 1, tzinfo=UTC)
    advance(shop.billing, shop.clock())
    return {line["description"]: line["totalPriceBeforeTax"] for line in goods.lines(shop, goods.invoices(shop)[-1])}


def test_a_preview_changes_nothing_and_says_what_the_amendment_does(shop: Shop):
    path, named = running(shop, goods.fee(3100))
    intent = {"type": "updateQuantity", "orderLineAttributeId": named["3100"], "newQuantity": 3}
    body = {"orderVersion": 1, "intents": [intent]}

    plan = shop.api.post(f"{path}/preview", json=body).json()
    again = shop.api.post(f"{path}/preview", json=body).json()
    done = shop.api.post(path, json=body | {"planHash": plan["planHash"]})

    assert plan["planHash"] == again["planHash"]
    assert [(each["kind"], each["amountMinor"]) for each in plan["moneyEffects"]] == [("prorationCharge", 3400)]
    assert (done.status_code, done.json()["version"]) == (200, 2)
    assert shop.api.post(path, json=body).status_code == 409
    assert next_invoice(shop) == {"Platform": 9300, "Platform (amended)": 3400}  # 2 x 3100 x 17/31


@pytest.mark.parametrize("billing_type", ["Advance", "Arrears"])
def test_changes_within_a_period_add_up_to_the_days_of_each_price(shop: Shop, billing_type: str):
    path, named = running(shop, goods.fee(3100, billingType=billing_type))
    dearer = {"type": "updatePricing", "orderLineAttributeId": named["3100"], "newUnitPriceMinor": 6200}
    assert shop.api.post(path, json={"orderVersion": 1, "intents": [dearer]}).status_code == 200
    shop.clock.now = datetime(2026, 3, 21, tzinfo=UTC)
    end = {"type": "endAttribute", "orderLineAttributeId": ids(shop, path)["6200"]}
    assert shop.api.post(path, json={"orderVersion": 2, "intents": [end]}).status_code == 200
    shop.clock.now = datetime(2026, 4, 1, tzinfo=UTC)
    advance(shop.billing, shop.clock())

    with shop.database.read() as session:
        from sqlalchemy import func, select

        from billing.tables.invoices import InvoiceItem, InvoiceLine

        asked = session.scalar(select(func.sum(InvoiceLine.amount))) or 0
        waiting = session.scalar(select(func.sum(InvoiceItem.amount - InvoiceItem.applied))) or 0
    assert asked + waiting == 14 * 100 + 6 * 200


def test_terms_and_additions(shop: Shop):
    path, _ = running(shop, goods.fee(3100))
    addition = {
        "type": "addAttribute", "productId": goods_product(shop), "lineName": "Support", "quantity": 1,
        "pricing": goods.fee(3100)["pricing"],
    }  # fmt: skip
    term = {"type": "updateOrderTerm", "newEndDate": "2026-03-26T00:00:00Z"}

    answer = shop.api.post(path, json={"orderVersion": 1, "intents": [addition, term]})

    assert answer.status_code == 200, answer.json()
    assert [(each["kind"], each["amountMinor"]) for each in answer.json()["plan"]["moneyEffects"]] == [
        ("firstPeriodCharge", 1100), ("prorationCredit", 600),
    ]  # fmt: skip
    # the 11 days of the addition, less 6 days of the fee that was paid for the whole month
    assert [each["invoiceTotal"] for each in goods.invoices(shop)] == [3100, 500]
    lines = goods.lines(shop, goods.invoices(shop)[-1])
    assert sum(line["balanceAmount"] for line in lines) == 500


def goods_product(shop: Shop) -> str:
    return str(shop.api.get("/products").json()["data"][0]["id"])


def test_what_cannot_be_is_refused(shop: Shop):
    path, named = running(shop, goods.fee(3100), goods.usage(10))
    for intent, status in (
        ({"type": "endAttribute", "orderLineAttributeId": "oa_none"}, 404),
        ({"type": "updateQuantity", "orderLineAttributeId": named["10"], "newQuantity": 2}, 400),
        ({"type": "updateOrderTerm", "newEndDate": "2026-03-01T00:00:00Z"}, 400),
        ({"type": "addFromCatalog", "productAttributeId": "pa_none"}, 400),
        ({"type": "nothing"}, 400),
    ):
        assert shop.api.post(path, json={"orderVersion": 1, "intents": [intent]}).status_code == status
    assert shop.api.get("/orders/ord_none/amendments/options").status_code == 404
