"""Something to sell in tests: a currency of credits, a product with two attributes, and plans of it."""

from typing import Any

from tests.billing.shop import Shop

FEE = {
    "pricingType": "RecurringPerUnit",
    "billingFrequency": "Monthly",
    "billingType": "Advance",
    "pricePoints": [{"currency": "USD", "unitPrice": 2900}],
}


def currency(shop: Shop, key: str = "chat_credits") -> str:
    """The id of a new currency of credits."""
    return str(shop.api.post("/credits/currencies", json={"name": key, "key": key}).json()["id"])


def messages(currency_id: str, cost: float = 1.0) -> dict[str, Any]:
    """A price in credits for each chat message."""
    return {
        "pricingType": "UsagePrepaidCredits",
        "eventName": "chat_message",
        "creditsCurrencyId": currency_id,
        "creditCost": cost,
        "pricingInput": {"kind": "signalQuantity", "path": "quantity"},
        "billingFrequency": "Monthly",
    }


def benefit(currency_id: str, amount: float = 500.0) -> dict[str, Any]:
    """Credits that come each month."""
    return {"creditsCurrencyId": currency_id, "amount": amount, "allocationCadence": "monthly"}


def product(shop: Shop, currency_id: str, name: str = "ChatBot", external_id: str | None = "chatbot") -> dict[str, Any]:
    """A new product with a fee that brings credits, and messages that burn them."""
    made = shop.api.post("/products/", json={"name": name, "externalId": external_id}).json()
    attributes = [
        {"name": "Platform", "pricing": FEE, "creditBenefits": [benefit(currency_id)]},
        {"name": "Messages", "pricing": messages(currency_id)},
    ]
    answer = shop.api.put(f"/products/{made['id']}", json={"productAttributes": attributes})
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def plan(shop: Shop, of: dict[str, Any], price: int = 7900, **fields: Any) -> dict[str, Any]:
    """A new plan of a product whose fee is another one."""
    fee = of["productAttributes"][0]["productAttributeId"]
    pricing = FEE | {"pricePoints": [{"currency": "USD", "unitPrice": price}]}
    body = {"productId": of["id"], "attributes": [{"productAttributeId": fee, "pricing": pricing}]} | fields
    answer = shop.api.post("/plans/", json=body)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())
