"""What value tests start from: the metric that the SDK was seen to create, and a product that sells its event."""

import json
from pathlib import Path
from typing import Any, Final

from tests.billing.shop import Shop

SENT: Final = Path(__file__).parents[2] / "captures" / "paid_python"
"""Bodies that paid-python 1.12.0 was seen to send."""


def sent(number: int) -> dict[str, Any]:
    """The body of a recorded request."""
    (body,) = SENT.glob(f"{number:03}_*.body.json")
    read: dict[str, Any] = json.loads(body.read_text(encoding="utf-8"))
    return read


METRIC: Final = sent(53)


def sell(shop: Shop, event: str) -> str:
    """An active product with a price for an event; its id."""
    product = shop.api.post("/products", json={"name": "Chat", "externalId": "chat"}).json()["id"]
    pricing = {
        "pricingType": "UsagePerUnit",
        "eventName": event,
        "billingFrequency": "Monthly",
        "pricePoints": [{"currency": "USD", "unitPrice": 5}],
    }
    attributes = [{"name": "Messages", "pricing": pricing}]
    answer = shop.api.put(f"/products/{product}", json={"productAttributes": attributes})
    assert answer.status_code == 200, answer.json()
    return str(product)
