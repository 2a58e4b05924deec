"""How much a customer used of what, period by period, and what that comes to: the usage summaries of the first API.

There is one for each dated price of an event (or of costs) and each billing period of it that has begun. What it comes
to is worked out from the lake when it is asked for, as invoices do it: late events are in it at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.catalog.pricing import UsageBracketedPrepaidCredits, UsageCostPlus, UsagePrepaidCredits
from billing.context import Billing
from billing.customers.find import customer_by_external_id
from billing.invoices.charges import Charge, usage_begun
from billing.invoices.lines import usage_line
from billing.invoices.state import VOIDED
from billing.invoices.usage import Used, Window, measure, windows
from billing.orders.threads import attributes_of, segments
from billing.signals.asking import ask
from billing.tables.invoices import Invoice, InvoiceLine
from billing.tables.orders import Order

_BY_COUNT = (UsageCostPlus, UsagePrepaidCredits, UsageBracketedPrepaidCredits)
"""Prices whose usage is shown as a number of calls or events; the others charge for units, and show these."""


@dataclass(frozen=True)
class _Period:
    """Usage of one price in one period. invoice: ids of the invoice and its line, once there are."""

    order: Order
    charge: Charge
    invoice: tuple[str, str] | None


def list_usage(
    billing: Billing, external_id: str, since: datetime | None, until: datetime | None, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """A part of the summaries that overlap with the time from `since` to `until`, the newest first, and their number.

    Raises the API's 404 for nobody, 503 where the lake cannot be asked.
    """
    now = billing.clock()
    with billing.database.read() as session:
        customer = customer_by_external_id(session, external_id)
        found = [
            (order, charge)
            for order in _orders(session, customer.id)
            for charge in usage_begun(order, segments(order, attributes_of(session, order)), now)
            if (since is None or charge.span.end > since) and (until is None or charge.span.start <= until)
        ]
        found.sort(key=lambda each: (each[0].number, each[1].key))
        found.sort(key=lambda each: each[1].span.start, reverse=True)
        chosen = found[offset : offset + limit]
        invoices = _invoices(session, [charge.key for _, charge in chosen])
        periods = [_Period(order, charge, invoices.get(charge.key)) for order, charge in chosen]
        wanted = _windows(session, periods)
    used = measure(_Patient(billing), wanted)
    return [_shown(period, used[period.charge.key], now) for period in periods], len(found)


class _Patient:
    """The lake, asked again where it is busy."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing

    def read(self, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
        """Rows of one query."""
        return ask(self._billing, sql, **frames)


def _orders(session: Session, customer_id: str) -> Sequence[Order]:
    return session.scalars(
        select(Order)
        .where(Order.customer_id == customer_id, Order.activated_at.is_not(None), Order.deleted_at.is_(None))
        .order_by(Order.number)
    ).all()


def _invoices(session: Session, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    query = (
        select(InvoiceLine.key, InvoiceLine.invoice_id, InvoiceLine.id)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(InvoiceLine.key.in_(keys), Invoice.status != VOIDED)
    )
    return {row.key: (row.invoice_id, row.id) for row in session.execute(query)}


def _windows(session: Session, periods: Sequence[_Period]) -> list[Window]:
    by_order: dict[str, list[_Period]] = {}
    for period in periods:
        by_order.setdefault(period.order.id, []).append(period)
    return [
        window
        for of_order in by_order.values()
        for window in windows(session, of_order[0].order, [period.charge for period in of_order])
    ]


def _shown(period: _Period, used: Used, now: datetime) -> dict[str, Any]:
    """In the names of the first API. details: what is behind the quantity, as on invoice lines."""
    order, charge = period.order, period.charge
    row, line = charge.dated.row, usage_line(order, charge, used)
    shown = {
        "id": charge.key,
        "eventName": row.event_name or row.name,
        "eventsQuantity": used.events if isinstance(charge.dated.pricing, _BY_COUNT) else line.quantity,
        "startDate": charge.span.start,
        "endDate": charge.span.end,
        "subtotal": line.amount,
        "currency": order.currency,
        "nextBillingDate": charge.billing_date,
        "customerId": order.customer_id,
        "orderId": order.id,
        "orderLineId": row.order_line_id,
        "orderLineAttributeId": row.id,
        "createdAt": charge.span.start,
        "updatedAt": now,
        "order": {"id": order.id, "displayId": str(order.number)},
        "orderLine": {"id": row.order_line_id},
        "details": line.details,
    }
    if period.invoice is not None:
        shown["invoiceId"], shown["invoiceLineId"] = period.invoice
    return shown
