"""Whether a customer pays by the seat: its seats have budgets of their own then, and units have none."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.api.errors import conflict
from billing.tables.customers import Customer
from billing.tables.orders import Order, OrderAttribute


def is_seat_billed(session: Session, customer_id: str, now: datetime) -> bool:
    """Whether an order of the customer that runs now, or will, has a price by the seat."""
    query = (
        select(OrderAttribute.id)
        .join(Order, Order.id == OrderAttribute.order_id)
        .where(
            OrderAttribute.customer_id == customer_id,
            OrderAttribute.pricing_type.startswith("SeatBased"),
            or_(OrderAttribute.valid_to.is_(None), OrderAttribute.valid_to > now),
            Order.deleted_at.is_(None),
            or_(Order.end_date.is_(None), Order.end_date > now),
        )
    )
    return session.scalar(query.limit(1)) is not None


def refuse_seat_billing(session: Session, customer: Customer, now: datetime) -> None:
    """Raises the API's 409 for a customer that pays by the seat."""
    if is_seat_billed(session, customer.id, now):
        raise conflict(f"{customer.id} pays by the seat; units and their caps are for others", "SEAT_BASED_CUSTOMER")
