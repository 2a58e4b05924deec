"""The lines of an invoice: charges with their amounts, rounded once each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.api.errors import invalid
from billing.catalog.pricing import RecurringPercentOfTotal, UsageCostPlus
from billing.invoices.amounts import cost_plus, percent_of, price_of, rounded, shown_quantity
from billing.invoices.charges import Charge
from billing.invoices.usage import Usage, Used
from billing.orders.periods import Span
from billing.tables.orders import Order
from billing.units import decimal_text

STANDARD = "STANDARD"
CREDIT = "CREDIT"
LARGEST_AMOUNT = 10**15
"""Minor units that a line may have."""


@dataclass(frozen=True)
class Drafted:
    """A line that is to be on an invoice."""

    key: str
    description: str
    span: Span
    quantity: int
    amount: int
    order_line_id: str | None = None
    order_attribute_id: str | None = None
    line_type: str = STANDARD
    details: dict[str, Any] | None = None


def lines_of(order: Order, charges: Sequence[Charge], usage: Usage | None) -> list[Drafted] | None:
    """The lines of the charges of one billing date; None while the usage of one of them is not known.

    A percentage is of all the others.
    """
    lines = []
    for charge in charges:
        if charge.kind == "usage":
            used = None if usage is None else usage.get(charge.key)
            if used is None:
                return None
            lines.append(usage_line(order, charge, used))
        elif charge.amount is not None:
            lines.append(_line(charge, charge.quantity, rounded(charge.amount)))
    total = sum(line.amount for line in lines)
    for charge in charges:
        if charge.kind == "percent":
            assert isinstance(charge.dated.pricing, RecurringPercentOfTotal)
            lines.append(_line(charge, 1, percent_of(charge.dated.pricing, total)))
    return lines


def late_line(order: Order, charge: Charge, used: Used, billed: int, at: datetime) -> Drafted | None:
    """What a period's usage comes to otherwise than it was billed, since events came late; None where it does not."""
    line = usage_line(order, charge, used)
    if line.amount == billed:
        return None
    return Drafted(
        f"{charge.key}/late/{at.isoformat()}", f"{charge.dated.row.name} (late usage)", line.span, line.quantity,
        line.amount - billed, line.order_line_id, line.order_attribute_id,
        STANDARD if line.amount > billed else CREDIT, line.details,
    )  # fmt: skip


def usage_line(order: Order, charge: Charge, used: Used) -> Drafted:
    """What usage comes to. Prices in credits come to nothing here."""
    pricing = charge.dated.pricing
    if isinstance(pricing, UsageCostPlus):
        amount, quantity = cost_plus(pricing, used.quantity), Decimal(1)
        details = {"costUsd": decimal_text(used.quantity), "calls": used.events, "callsWithoutPrice": used.unknown}
    else:
        amount, quantity = price_of(pricing, order.currency, used.quantity), used.quantity
        details = {
            "quantity": decimal_text(quantity), "events": used.events, "eventsWithoutQuantity": used.unknown,
        }  # fmt: skip
    return _line(charge, shown_quantity(quantity), rounded(Fraction(amount)), details)


def _line(charge: Charge, quantity: int, amount: int, details: dict[str, Any] | None = None) -> Drafted:
    row = charge.dated.row
    if abs(amount) > LARGEST_AMOUNT:
        raise invalid(f"{row.name}: {amount} is more than an invoice can ask for")
    return Drafted(charge.key, row.name, charge.span, quantity, amount, row.order_line_id, row.id, STANDARD, details)
