"""Changes of orders that are not amendments: drafts as a whole, of active ones what has nothing to do with prices."""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import invalid, not_found
from billing.api.schemas.orders import OrderCreate, OrderUpdate
from billing.orders.create import (
    NewLine,
    NewOrder,
    check_dates,
    check_external_id,
    contacts,
    end_of_term,
    existing_customer,
)
from billing.tables.orders import Order

_FREE: Final = ("payment_terms", "purchase_order_reference")
_SWITCHES: Final = ("auto_post_invoices", "auto_send_billing_emails", "auto_send_payment_emails", "name")
_OF_DRAFTS: Final = {
    "start_date": "startDate", "end_date": "endDate", "subscription_terms": "subscriptionTerms",
    "billing_anchor": "billingAnchor",
}  # fmt: skip


def order_by_id(session: Session, order_id: str) -> Order:
    """The order of a display id. Raises the API's 404."""
    order = session.get(Order, order_id)
    if order is None or order.deleted_at is not None:
        raise not_found("order", order_id)
    return order


def locked_order(session: Session, order_id: str) -> Order:
    """The order of a display id, which nobody else changes until the transaction ends. Raises the API's 404."""
    session.execute(select(Order.id).where(Order.id == order_id).with_for_update())
    return order_by_id(session, order_id)


def wanted_order(body: OrderCreate) -> NewOrder:
    """The new order that a body asks for."""
    override = body.billing_frequency_override
    return NewOrder(
        customer_id=body.customer_id, billing_customer_id=body.billing_customer_id,
        billing_contact_ids=body.billing_contact_ids or (), name=body.name, start_date=body.start_date,
        end_date=body.end_date, subscription_terms=body.subscription_terms, billing_anchor=body.billing_anchor,
        payment_terms=body.payment_terms, external_id=body.external_id, metadata=body.metadata,
        currency=body.currency, auto_post_invoices=body.auto_post_invoices is not False,
        auto_send_billing_emails=bool(body.auto_send_billing_emails),
        auto_send_payment_emails=bool(body.auto_send_payment_emails),
        billing_frequency_override=None
        if override is None
        else override.model_dump(mode="python", by_alias=True, exclude_none=True),
        purchase_order_reference=body.purchase_order_reference,
        lines=[
            NewLine(
                product_id=line.product_id, plan_id=line.plan_id, name=line.name, description=line.description,
                line_type=line.line_type or "STANDARD", start_date=line.start_date, end_date=line.end_date,
                attributes=line.attributes, quantity=line.quantity,
            )
            for line in body.lines or ()
        ],
    )  # fmt: skip


def update(session: Session, order: Order, body: OrderUpdate, now: datetime) -> None:
    """Change what the body gives, and flush. Raises the API's 400 for what cannot be."""
    given = body.model_fields_set
    if "external_id" in given and body.external_id != order.external_id:
        check_external_id(session, body.external_id)
        order.external_id = body.external_id
    for field in _FREE:
        if field in given:
            setattr(order, field, getattr(body, field))
    for field in _SWITCHES:
        if getattr(body, field) is not None:
            setattr(order, field, getattr(body, field))
    if "metadata" in given:
        order.details = body.metadata
    if body.billing_contact_ids is not None:
        order.billing_contact_ids = contacts(session, body.billing_contact_ids)
    if "billing_customer_id" in given:
        order.billing_customer_id = (
            None
            if body.billing_customer_id is None
            else existing_customer(session, body.billing_customer_id, "billingCustomerId").id
        )
    if order.activated_at is None:
        _redate(order, body)
    else:
        _refuse(order, body)
    order.updated_at = now
    session.flush()


def remove(session: Session, order: Order, now: datetime) -> None:
    """Delete a draft. Raises the API's 400 for an order that was activated: what it billed names it."""
    if order.activated_at is not None:
        raise invalid(f"{order.id} was activated; it can be ended, not deleted")
    order.deleted_at = order.updated_at = now
    order.external_id = None
    session.flush()


def _redate(order: Order, body: OrderUpdate) -> None:
    given = body.model_fields_set
    start, end = order.start_date, order.end_date
    if body.start_date is not None:
        order.start_date = body.start_date
    if "subscription_terms" in given:
        order.subscription_terms = body.subscription_terms
    if "end_date" in given:
        order.end_date = body.end_date
    elif order.subscription_terms is not None and ("subscription_terms" in given or body.start_date is not None):
        order.end_date = end_of_term(order.start_date, order.subscription_terms)
    if "billing_anchor" in given:
        order.billing_anchor = body.billing_anchor
    check_dates(order.start_date, order.end_date, "endDate")
    for line in order.lines:
        line.start_date = order.start_date if line.start_date == start else line.start_date
        line.end_date = order.end_date if line.end_date == end else line.end_date
        check_dates(line.start_date, line.end_date, f"lines[{line.position}].endDate")
        if line.start_date < order.start_date:
            raise invalid(f"startDate: line {line.position} begins earlier")


def _refuse(order: Order, body: OrderUpdate) -> None:
    if body.creation_state == "draft":
        raise invalid("creationState: an active order cannot be a draft again")
    for field, name in _OF_DRAFTS.items():
        if field in body.model_fields_set and getattr(body, field) != getattr(order, field):
            raise invalid(f"{name}: the order is active; amend it, or end it")
