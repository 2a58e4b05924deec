"""New orders: drafts, until they are activated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.order_lines import LineAttribute, as_written
from billing.ids import new_id
from billing.orders.periods import add_months
from billing.orders.sold import sold_by
from billing.tables.catalog import Plan, Product
from billing.tables.customers import Contact, Customer
from billing.tables.orders import Order, OrderLine

DRAFT: Final = "draft"
ACTIVE: Final = "active"


@dataclass(frozen=True, kw_only=True)
class NewLine:
    """A product that is bought. Without `attributes` the line follows its plan, the product's default one, or the
    product. quantity: seats.
    """

    product_id: str
    plan_id: str | None = None
    name: str | None = None
    description: str | None = None
    line_type: str = "STANDARD"
    start_date: datetime | None = None
    end_date: datetime | None = None
    attributes: Sequence[LineAttribute] | None = None
    quantity: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """What is bought and how it is billed. Dates default to now and to no end; `subscription_terms` (months) ends it."""

    customer_id: str
    lines: Sequence[NewLine] = ()
    name: str | None = None
    currency: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    subscription_terms: int | None = None
    billing_customer_id: str | None = None
    billing_contact_ids: Sequence[str] = ()
    billing_anchor: int | None = None
    billing_frequency_override: dict[str, Any] | None = None
    payment_terms: str | None = None
    external_id: str | None = None
    auto_post_invoices: bool = True
    auto_send_billing_emails: bool = False
    auto_send_payment_emails: bool = False
    purchase_order_reference: str | None = None
    metadata: dict[str, Any] | None = field(default=None)


def create_order(session: Session, wanted: NewOrder, now: datetime) -> Order:
    """A draft of it, flushed. Raises the API's 400 for what cannot be bought, or not so.

    The bill goes to the billing customer, else to the customer's parent, else to the customer.
    """
    customer = existing_customer(session, wanted.customer_id, "customerId")
    check_external_id(session, wanted.external_id)
    start = wanted.start_date or now
    number = (session.scalar(select(func.max(Order.number))) or 0) + 1
    order = Order(
        id=new_id("ord"), number=number, version=1, external_id=wanted.external_id, customer_id=customer.id,
        billing_customer_id=billed(session, customer, wanted.billing_customer_id),
        billing_contact_ids=contacts(session, wanted.billing_contact_ids), name=wanted.name or f"Order {number}",
        creation_state=DRAFT, currency=wanted.currency or customer.default_currency, start_date=start,
        end_date=wanted.end_date or end_of_term(start, wanted.subscription_terms),
        subscription_terms=wanted.subscription_terms, billing_anchor=wanted.billing_anchor,
        billing_frequency_override=wanted.billing_frequency_override, payment_terms=wanted.payment_terms,
        auto_post_invoices=wanted.auto_post_invoices, auto_send_billing_emails=wanted.auto_send_billing_emails,
        auto_send_payment_emails=wanted.auto_send_payment_emails,
        purchase_order_reference=wanted.purchase_order_reference, details=wanted.metadata, activated_at=None,
        paused_at=None, deleted_at=None, next_due=None, created_at=now, updated_at=now, lines=[],
    )  # fmt: skip
    check_dates(order.start_date, order.end_date, "endDate")
    session.add(order)
    session.flush()
    for place, line in enumerate(wanted.lines):
        order.lines.append(_line(session, order, line, place, now))
    session.flush()
    for row in order.lines:
        sold_by(session, order, row)
    return order


def existing_customer(session: Session, customer_id: str, field_name: str) -> Customer:
    """The customer that a body names. Raises the API's 400."""
    customer = session.get(Customer, customer_id)
    if customer is None or customer.deleted_at is not None:
        raise invalid(f"{field_name}: no customer {customer_id!r}")
    return customer


def billed(session: Session, customer: Customer, billing_customer_id: str | None) -> str | None:
    """Whom the bills of an order of the customer go to; None for the customer itself. Raises the API's 400."""
    if billing_customer_id is None:
        return customer.parent_id
    return existing_customer(session, billing_customer_id, "billingCustomerId").id


def contacts(session: Session, ids: Sequence[str]) -> list[str]:
    """The ids of contacts, each once. Raises the API's 400 for one that there is not."""
    wanted = list(dict.fromkeys(ids))
    known = set(session.scalars(select(Contact.id).where(Contact.id.in_(wanted))))
    unknown = next((each for each in wanted if each not in known), None)
    if unknown is not None:
        raise invalid(f"billingContactIds: no contact {unknown!r}")
    return wanted


def check_external_id(session: Session, external_id: str | None) -> None:
    """Raises the API's 400 for an external id that another order has."""
    if external_id is not None and session.scalar(select(Order.id).where(Order.external_id == external_id)):
        raise invalid(f"externalId: {external_id!r} is another order's")


def check_dates(start: datetime, end: datetime | None, field_name: str) -> None:
    """Raises the API's 400 for an end that is not after the start."""
    if end is not None and end <= start:
        raise invalid(f"{field_name}: must be after startDate")


def end_of_term(start: datetime, months: int | None) -> datetime | None:
    """Where a term of so many months ends."""
    return None if months is None else add_months(start, months)


def _line(session: Session, order: Order, wanted: NewLine, place: int, now: datetime) -> OrderLine:
    where = f"lines[{place}]"
    product = session.get(Product, wanted.product_id)
    if product is None:
        raise invalid(f"{where}.productId: no product {wanted.product_id!r}")
    plan = None if wanted.plan_id is None else session.get(Plan, wanted.plan_id)
    if wanted.plan_id is not None and (plan is None or plan.product_id != product.id):
        raise invalid(f"{where}.planId: {product.id} has no plan {wanted.plan_id!r}")
    start, end = wanted.start_date or order.start_date, wanted.end_date or order.end_date
    check_dates(start, end, f"{where}.endDate")
    if start < order.start_date or (order.end_date is not None and end is not None and end > order.end_date):
        raise invalid(f"{where}: must be within the dates of the order")
    return OrderLine(
        id=new_id("ol"), order_id=order.id, position=place, product_id=product.id,
        plan_id=None if plan is None else plan.id, name=wanted.name or product.name, description=wanted.description,
        line_type=wanted.line_type, start_date=start, end_date=end, quantity=wanted.quantity,
        overrides=None if wanted.attributes is None else [as_written(each) for each in wanted.attributes],
        created_at=now, updated_at=now,
    )  # fmt: skip
