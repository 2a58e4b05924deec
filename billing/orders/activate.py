"""Activation: from then on an order sells, brings credits and is billed; from its start date on, if that is past."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.invoices.usage import Usage
from billing.orders.advance import advance_order
from billing.orders.create import ACTIVE
from billing.orders.periods import add_months
from billing.orders.rows import open_line
from billing.orders.sold import sold_by
from billing.tables.invoices import Invoice
from billing.tables.orders import Order

LONGEST_PAST: Final = 120
"""Months that an order may be backdated by when it is activated."""


def activate(session: Session, order: Order, now: datetime, usage: Usage | None = None) -> list[Invoice]:
    """Activate a draft; the invoices that were issued. Nothing for an order that is active already. Never commits.

    A start date that is past brings one grant and one invoice for each period since then; only the latest invoice is
    posted. Invoices that need usage are left to `billing.orders.advance.advance`, unless `usage` has it. Raises the
    API's 400 for a deleted order, and for what has no price in the order's currency.
    """
    if order.deleted_at is not None:
        raise invalid(f"{order.id} is deleted")
    if order.activated_at is not None:
        return []
    if order.start_date < add_months(now, -LONGEST_PAST):
        raise invalid(f"startDate: must not be more than {LONGEST_PAST // 12} years past")
    order.creation_state = ACTIVE
    order.activated_at = order.updated_at = order.next_due = now
    session.flush()
    for line in order.lines:
        open_line(session, order, line, sold_by(session, order, line), order.start_date, "activation")
    session.flush()
    return advance_order(session, order, now, usage)
