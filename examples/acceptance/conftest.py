"""What every acceptance test stands on: a client of the SDK, and a product on sale for one customer."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

URL = os.environ["MARGINLAKE_URL"]
KEY = os.environ["MARGINLAKE_KEY"]
API = f"{URL}/api/v2"
os.environ["PAID_OTEL_COLLECTOR_ENDPOINT"] = f"{URL}/v1/traces"  # read when `paid` is imported
os.environ["PAID_API_KEY"] = KEY

from paid import Paid  # noqa: E402
from paid.environment import PaidEnvironment  # noqa: E402

PaidEnvironment.DEFAULT._value_ = API


@dataclass
class World:
    """A customer on an order of a product: 500 credits, one a `chat_message`."""

    client: Paid
    customer: str
    product: str
    currency: str
    currency_id: str
    order_id: str

    def signal(self, **more: Any) -> dict[str, Any]:
        """A message."""
        return {
            "eventName": "chat_message",
            "customer": {"externalCustomerId": self.customer},
            "attribution": {"externalProductId": self.product},
            **more,
        }

    def balance(self) -> float:
        """The credits that are left."""
        balances = self.client.customers.get_customer_credit_balances_by_external_id(self.customer).data
        return sum(each.available for each in balances)

    def rows(self, query: str) -> list[list[Any]]:
        """The answer to a question in SQL about this customer (`{me}`); integers as integers."""
        me = f"external_customer_id = '{self.customer}'"
        answer = self.client.analytics.execute_analytics_query(query=query.format(me=me))
        return [[_plain(value) for value in row] for row in answer.rows]


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value


def new_world(client: Paid, amount: int = 500) -> World:
    """A world of its own."""
    run = uuid4().hex[:8]
    currency = client.credits.create_credit_currency(name="Chat Credits", key=f"chat-{run}")
    product = client.products.create_product(name="ChatBot", external_id=f"bot-{run}")
    fee = {
        "pricingType": "RecurringPerUnit",
        "billingFrequency": "Monthly",
        "billingType": "Advance",
        "pricePoints": [{"currency": "USD", "unitPrice": 2900}],
    }
    benefit = {"creditsCurrencyId": currency.id, "amount": amount, "allocationCadence": "monthly"}
    message = {
        "pricingType": "UsagePrepaidCredits",
        "eventName": "chat_message",
        "creditsCurrencyId": currency.id,
        "creditCost": 1,
    }
    client.products.update_product_by_id(
        product.id,
        product_attributes=[
            {"name": "Fee", "pricing": fee, "creditBenefits": [benefit]},
            {"name": "Message", "pricing": message},
        ],
    )
    customer = client.customers.create_customer(name="Acme", external_id=f"acme-{run}")
    order = client.orders.create_order(
        customer_id=customer.id, name="Chat", currency="USD", lines=[{"productId": product.id}]
    )
    client.orders.activate_order_by_id(order.id)
    return World(client, f"acme-{run}", f"bot-{run}", f"chat-{run}", currency.id, order.id)


@pytest.fixture(scope="session")
def client() -> Paid:
    return Paid(token=KEY, base_url=API)


@pytest.fixture
def world(client: Paid) -> World:
    return new_world(client)


@pytest.fixture
def raw() -> Iterator[httpx.Client]:
    """Requests that the SDK has no call for."""
    with httpx.Client(base_url=API, headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as opened:
        yield opened


def eventually(look: Callable[[], Any], expected: Any, seconds: float = 20) -> None:
    """Spans come in the background and are in the lake a second later."""
    until = time.monotonic() + seconds
    while (found := look()) != expected and time.monotonic() < until:
        time.sleep(0.2)
    assert found == expected
