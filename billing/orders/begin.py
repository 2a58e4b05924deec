"""Activation as a whole: the order, then the invoices that need the lake, then the signals that came before it."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from billing.context import Billing
from billing.metering.replay import replay
from billing.orders.activate import activate
from billing.orders.advance import advance
from billing.tables.orders import Order


def begin(billing: Billing, find: Callable[[Session], Order], now: datetime) -> str:
    """Activate the order that `find` gives, in one transaction; the id of the order. Nothing where it is active.

    Then its credits are burned by the signals that came since its start date, and the invoices of periods whose usage
    the lake knows are issued.
    """

    def work(session: Session) -> tuple[str, bool]:
        order = find(session)
        was_active = order.activated_at is not None
        activate(session, order, now)
        return order.id, was_active

    order_id, was_active = billing.database.write(work)
    if not was_active:
        follow_up(billing, order_id, now)
    return order_id


def follow_up(billing: Billing, order_id: str, now: datetime) -> None:
    """What activation leaves to do after its transaction. Signals of before it come first: they may be overage."""
    with billing.database.read() as session:
        order = session.get_one(Order, order_id)
        products = sorted({line.product_id for line in order.lines})
    replay(billing, order.customer_id, products, order.start_date, now)
    advance(billing, now, order_id=order_id)
