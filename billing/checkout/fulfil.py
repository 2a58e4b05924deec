"""What a purchase does to the business: an order that runs, or another plan of the order that runs already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.api.errors import conflict, invalid
from billing.checkout.providers import Paid
from billing.invoices.pay import NewPayment, pay_invoice, record_payment
from billing.invoices.state import POSTED, remaining
from billing.orders.activate import activate
from billing.orders.create import NewLine, NewOrder, create_order
from billing.orders.upgrade import change_plan
from billing.tables.checkouts import Checkout
from billing.tables.customers import Customer
from billing.tables.invoices import Invoice
from billing.tables.orders import Order, OrderLine


@dataclass(frozen=True)
class Due:
    """What is to be paid at once, in minor units, and the lines it is made of."""

    amount: int
    items: Sequence[tuple[str, int]]


def running_order(session: Session, customer_id: str, product_id: str, now: datetime) -> Order | None:
    """The order by which a customer has a product now."""
    return session.scalar(
        select(Order)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(Order.customer_id == customer_id, OrderLine.product_id == product_id)
        .where(Order.activated_at.is_not(None), Order.deleted_at.is_(None))
        .where(or_(Order.end_date.is_(None), Order.end_date > now))
        .where(or_(OrderLine.end_date.is_(None), OrderLine.end_date > now))
        .order_by(Order.activated_at, Order.id)
    )


def buy(session: Session, row: Checkout, customer: Customer, now: datetime) -> Order:
    """The order that a purchase makes, active, with its credits and its invoice. Never commits."""
    if row.product_id is None or row.currency is None:
        raise invalid("the checkout has nothing chosen yet")
    running = running_order(session, customer.id, row.product_id, now)
    if running is not None:
        return _change_plan(session, row, running, now)
    wanted = NewOrder(
        customer_id=customer.id, currency=row.currency, metadata=row.details,
        lines=[NewLine(product_id=row.product_id, plan_id=row.plan_id, quantity=row.seats)],
    )  # fmt: skip
    order = create_order(session, wanted, now)
    activate(session, order, now)
    return order


def due_of(session: Session, order: Order) -> Due:
    """What of an order is invoiced and not paid."""
    items = [
        (line.description, line.amount) for invoice in _open(session, order) for line in invoice.lines if line.amount
    ]
    return Due(sum(remaining(invoice) for invoice in _open(session, order)), items)


def take_payment(session: Session, customer: Customer, order: Order | None, paid: Paid, now: datetime) -> None:
    """Record money and pay the order's invoices with it, the oldest first. What is left over stays with the payment."""
    invoices = [] if order is None else _open(session, order)
    payer = invoices[0].customer_id if invoices else customer.id
    payment = record_payment(
        session,
        NewPayment(
            customer_id=payer, amount=paid.amount, currency=paid.currency, payment_type=paid.payment_type,
            key=paid.key, order_id=None if order is None else order.id,
        ),
        now,
    )  # fmt: skip
    for invoice in invoices:
        pay_invoice(session, payment, invoice, now)


def _change_plan(session: Session, row: Checkout, running: Order, now: datetime) -> Order:
    if running.currency != row.currency:
        raise conflict(f"there is an order of this product in {running.currency} already")
    session.execute(select(Order.id).where(Order.id == running.id).with_for_update())
    line = next(line for line in running.lines if is_line_of(line, row.product_id or "", now))
    change_plan(session, running, line, row.plan_id, row.seats, now)
    return running


def is_line_of(line: OrderLine, product_id: str, now: datetime) -> bool:
    """Whether a line sells a product now."""
    return line.product_id == product_id and (line.end_date is None or line.end_date > now)


def _open(session: Session, order: Order) -> list[Invoice]:
    query = select(Invoice).where(Invoice.order_id == order.id, Invoice.status == POSTED)
    posted = session.scalars(query.order_by(Invoice.billing_date, Invoice.number))
    return [invoice for invoice in posted if remaining(invoice) > 0]
