"""A product with two plans and its checkout, over the API."""

from typing import Any

from tests.billing.shop import Shop

BUYER = {
    "name": "Ada GmbH", "email": "ada@example.com", "line1": "Hauptstr. 1", "city": "Berlin", "country": "Germany",
}  # fmt: skip


def sell(shop: Shop, **created: Any) -> dict[str, Any]:
    """A product `Chatbot` at 49.00 USD (45.00 EUR) a month with 1,000 credits, as plan `Pro`, and free as plan `Free`.

    The result has the ids `product`, `pro`, `free`, `currency` of credits, and `checkout` as the API made it.
    """
    kind = shop.api.post("/credits/currencies", json={"name": "Chats", "key": "chats"}).json()["id"]
    product = shop.api.post("/products/", json={"name": "Chatbot", "externalId": "chatbot"}).json()["id"]

    def price(dollars: int, euros: int) -> dict[str, Any]:
        return {
            "pricingType": "RecurringPerUnit", "billingFrequency": "Monthly", "billingType": "Advance",
            "pricePoints": [
                {"currency": "USD", "unitPrice": dollars}, {"currency": "EUR", "unitPrice": euros},
            ],
        }  # fmt: skip

    attributes = shop.api.put(
        f"/products/{product}", json={"productAttributes": [{"name": "Fee", "pricing": price(9900, 9000)}]}
    ).json()["productAttributes"]
    benefit = {"creditsCurrencyId": kind, "amount": 1000, "recipient": "organization"}
    ids = {"product": product, "currency": kind}
    for name, dollars, euros, benefits in (("Free", 0, 0, []), ("Pro", 4900, 4500, [benefit])):
        answer = shop.api.post(
            "/plans/",
            json={
                "productId": product, "name": name,
                "attributes": [
                    {
                        "productAttributeId": attributes[0].get("productAttributeId") or attributes[0]["id"],
                        "pricing": price(dollars, euros), "creditBenefits": benefits,
                    }
                ],
            },
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        ids[name.lower()] = answer.json()["id"]
    return {**ids, "checkout": checkout(shop, product, **created)}


def checkout(shop: Shop, product: str, **fields: Any) -> dict[str, Any]:
    """A checkout of the product."""
    body = {"products": [{"id": product}], "successUrl": "https://shop.test/thanks?id={CHECKOUT_ID}", **fields}
    answer = shop.api.post("/checkouts/", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made
