"""How much customers used, for usage prices: summed up by the lake, exactly, from events and costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.catalog.pricing import UsageCostPlus
from billing.context import LakeReader
from billing.invoices.charges import Charge
from billing.tables.catalog import Product
from billing.tables.customers import Customer, CustomerAlias
from billing.tables.orders import Order

_BATCH: Final = 5_000

_SCHEMA: Final = {
    "window_key": pl.String, "customers": pl.List(pl.String), "products": pl.List(pl.String), "event": pl.String,
    "since": pl.Datetime("us", "UTC"), "until": pl.Datetime("us", "UTC"),
}  # fmt: skip

_EVENTS: Final = """
SELECT w.window_key, coalesce(sum(s.quantity) FILTER (s.quantity >= 0), 0)::DECIMAL(38, 6) AS quantity,
       count(s.signal_id) AS events, count(s.signal_id) FILTER (s.quantity IS NULL OR s.quantity < 0) AS unknown
FROM windows w LEFT JOIN signals s
  ON s.event_name = w.event AND list_contains(w.customers, s.customer_id)
     AND list_contains(w.products, s.product_id) AND s.occurred_at >= w.since AND s.occurred_at < w.until
WHERE w.event IS NOT NULL GROUP BY w.window_key
"""
_COSTS: Final = """
SELECT w.window_key, coalesce(sum(c.cost_usd), 0)::DECIMAL(38, 12) AS quantity, count(c.cost_id) AS events,
       count(c.cost_id) FILTER (c.cost_usd IS NULL) AS unknown
FROM windows w LEFT JOIN costs c
  ON list_contains(w.customers, c.customer_id) AND list_contains(w.products, c.product_id)
     AND c.occurred_at >= w.since AND c.occurred_at < w.until
WHERE w.event IS NULL GROUP BY w.window_key
"""


@dataclass(frozen=True)
class Window:
    """What to sum up: events of a name, or (None) costs in US dollars; of these customers and products, by any name."""

    key: str
    customers: Sequence[str]
    products: Sequence[str]
    event: str | None
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Used:
    """A sum. quantity: of events, or US dollars; unknown: events whose quantity is none, or calls without a price."""

    quantity: Decimal
    events: int
    unknown: int


Usage = Mapping[str, Used]
"""By the keys of charges."""


def windows(session: Session, order: Order, charges: Iterable[Charge]) -> list[Window]:
    """What to measure for an order's usage charges."""
    wanted = [charge for charge in charges if charge.kind == "usage"]
    if not wanted:
        return []
    customers = names_of_customer(session, order.customer_id)
    products = {charge.dated.row.product_id for charge in wanted}
    names = {product_id: names_of_product(session, product_id) for product_id in products}
    return [
        Window(
            charge.key, customers, names[charge.dated.row.product_id],
            None if isinstance(charge.dated.pricing, UsageCostPlus) else charge.dated.row.event_name,
            charge.span.start, charge.span.end,
        )
        for charge in wanted
    ]  # fmt: skip


def measure(lake: LakeReader, wanted: Sequence[Window]) -> dict[str, Used]:
    """The sums of all windows on the lake's newest state."""
    found: dict[str, Used] = {}
    for start in range(0, len(wanted), _BATCH):
        rows = [
            (each.key, each.customers, each.products, each.event, each.since, each.until)
            for each in wanted[start : start + _BATCH]
        ]
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        for sql in (_EVENTS, _COSTS):
            for row in lake.read(sql, windows=frame).iter_rows(named=True):
                found[row["window_key"]] = Used(Decimal(row["quantity"]), int(row["events"]), int(row["unknown"]))
    return found


def names_of_customer(session: Session, customer_id: str) -> list[str]:
    """All that events may call a customer: its own ids, past ones too, and its aliases."""
    customer = session.get_one(Customer, customer_id)
    aliases = session.scalars(select(CustomerAlias.alias).where(CustomerAlias.customer_id == customer_id)).all()
    own = (customer.external_id, customer.former_external_id, customer.id, *sorted(aliases))
    return list(dict.fromkeys(name for name in own if name is not None))


def names_of_product(session: Session, product_id: str) -> list[str]:
    """All that events may call a product."""
    product = session.get_one(Product, product_id)
    return [name for name in (product.external_id, product.id) if name is not None]
