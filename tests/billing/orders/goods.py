"""Orders to test with: products of one price, customers, and a lake of events that is a DuckDB in memory."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl

from tests.billing.shop import Shop

USD = "USD"


def customer(shop: Shop, name: str = "acme", **fields: Any) -> str:
    """The id of a new customer whose external id is its name."""
    answer = shop.api.post("/customers", json={"name": name, "externalId": name} | fields)
    assert answer.status_code == 200, answer.json()
    return str(answer.json()["id"])


def product(shop: Shop, *attributes: dict[str, Any], name: str = "bot") -> dict[str, Any]:
    """A new product with these attributes (name, pricing, creditBenefits); its external id is its name."""
    made = shop.api.post("/products", json={"name": name, "externalId": name}).json()
    answer = shop.api.put(f"/products/{made['id']}", json={"productAttributes": list(attributes)})
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def fee(
    cents: int = 3100, benefits: Iterable[dict[str, Any]] = (), name: str = "Platform", **more: Any
) -> dict[str, Any]:
    """A monthly fee in advance."""
    pricing = {
        "pricingType": "RecurringPerUnit", "billingFrequency": "Monthly", "billingType": "Advance",
        "pricePoints": [{"currency": USD, "unitPrice": cents}],
    } | more  # fmt: skip
    return {"name": name, "pricing": pricing, "creditBenefits": list(benefits)}


def usage(cents: int = 10, event: str = "page", **point: Any) -> dict[str, Any]:
    """A price for each unit of an event, billed monthly in arrears."""
    pricing = {
        "pricingType": "UsagePerUnit", "eventName": event, "billingFrequency": "Monthly",
        "pricePoints": [{"currency": USD, "unitPrice": cents} | point],
    }  # fmt: skip
    return {"name": f"Usage of {event}", "pricing": pricing}


def order(
    shop: Shop, customer_id: str, product_id: str, start: str, *, active: bool = True, **fields: Any
) -> dict[str, Any]:
    """A new order of one line; `line` has more of the line's fields."""
    line = {"productId": product_id} | fields.pop("line", {})
    body = {"customerId": customer_id, "startDate": start, "lines": [line]} | fields
    answer = shop.api.post("/orders/", json=body | ({"creationState": "active"} if active else {}))
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def invoices(shop: Shop, **params: str) -> list[dict[str, Any]]:
    """All invoices, the oldest first."""
    answer = shop.api.get("/invoices/", params=params)
    assert answer.status_code == 200, answer.json()
    return list(reversed(answer.json()["data"]))


def lines(shop: Shop, invoice: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of an invoice."""
    return list(shop.api.get(f"/invoices/{invoice['id']}/lines").json()["data"])


class MemoryLake:
    """Events and costs in memory, read as the lake is."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(
            "SET TimeZone = 'UTC'; "
            "CREATE TABLE signals (signal_id VARCHAR, event_name VARCHAR, customer_id VARCHAR, product_id VARCHAR, "
            "occurred_at TIMESTAMPTZ, quantity DECIMAL(18, 6), data JSON, customer_unit VARCHAR);"
            "CREATE VIEW event_margins AS SELECT * FROM signals;"
            "CREATE TABLE costs (cost_id VARCHAR, customer_id VARCHAR, product_id VARCHAR, occurred_at TIMESTAMPTZ, "
            "cost_usd DECIMAL(18, 12))"
        )
        self._count = 0

    def event(
        self, at: datetime, quantity: str | None = "1", name: str = "page", customer: str = "acme", of: str = "bot"
    ) -> None:
        """Something happened."""
        self._count += 1
        amount = None if quantity is None else Decimal(quantity)
        row = [f"sig_{self._count}", name, customer, of, at, amount]
        self._connection.execute("INSERT INTO signals VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)", row)

    def cost(self, at: datetime, dollars: str | None, customer: str = "acme", of: str = "bot") -> None:
        """A model was called."""
        self._count += 1
        amount = None if dollars is None else Decimal(dollars)
        row = [f"cost_{self._count}", customer, of, at, amount]
        self._connection.execute("INSERT INTO costs VALUES (?, ?, ?, ?, ?)", row)

    def read(self, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
        """Rows of a query."""
        cursor = self._connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        for name, frame in frames.items():
            cursor.register(name, frame.to_arrow())
        return cursor.execute(sql).pl()


def with_lake(shop: Shop) -> MemoryLake:
    """Give the shop a lake."""
    lake = MemoryLake()
    object.__setattr__(shop.billing, "lake", lake)
    return lake
