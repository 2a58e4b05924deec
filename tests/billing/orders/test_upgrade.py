"""Another plan for a line of an active order: what the rest of the period costs more or less, on one invoice."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from billing.api.errors import ApiError
from billing.orders.upgrade import change_plan
from billing.tables.orders import Order
from tests.billing.orders import goods
from tests.billing.shop import Shop


def plan(shop: Shop, product: dict[str, Any], *cents: int) -> str:
    """A plan of a product, with these prices of its attributes."""
    named = [each["productAttributeId"] for each in product["productAttributes"]]
    attributes = [
        {"productAttributeId": attribute, "pricing": goods.fee(price)["pricing"]}
        for attribute, price in zip(named, cents, strict=True)
    ]
    made = shop.api.post("/plans", json={"productId": product["id"], "attributes": attributes})
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def change(shop: Shop, order_id: str, plan_id: str) -> None:
    def work(session: Session) -> None:
        order = session.get_one(Order, order_id)
        change_plan(session, order, order.lines[0], plan_id, None, shop.clock())

    shop.database.write(work)


def test_what_costs_less_is_taken_off_what_costs_more(shop: Shop):
    bot = goods.product(shop, goods.fee(3100), goods.fee(1550, name="Support"))
    order = goods.order(shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z")

    change(shop, order["id"], plan(shop, bot, 6200, 0))  # 17 of 31 days are left

    assert [each["invoiceTotal"] for each in goods.invoices(shop)] == [4650, 1700 - 850]
    charge, taken_off = sorted(
        goods.lines(shop, goods.invoices(shop)[-1]), key=lambda line: -line["totalPriceBeforeTax"]
    )
    assert (charge["totalPriceBeforeTax"], charge["creditedAmount"], charge["balanceAmount"]) == (1700, 850, 850)
    assert (taken_off["totalPriceBeforeTax"], taken_off["balanceAmount"]) == (-850, 0)


def test_a_plan_of_another_product_is_refused_and_changes_nothing(shop: Shop):
    bot, other = goods.product(shop, goods.fee(3100)), goods.product(shop, goods.fee(10), name="other")
    order = goods.order(shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z")

    for wrong in (plan(shop, other, 20), "plan_none"):
        with pytest.raises(ApiError, match="has no plan"):
            change(shop, order["id"], wrong)

    assert shop.api.get(f"/orders/{order['id']}").json()["version"] == 1
