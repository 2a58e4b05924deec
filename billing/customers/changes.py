"""Changes of customers: described, renamed, churned, put below another one, deleted."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.customers import CustomerCreate, CustomerUpdate
from billing.customers.create import new_customer
from billing.customers.find import customer_of_external
from billing.tables.customers import Contact, Customer, CustomerAlias, CustomerGroupMember
from billing.tables.orders import Order

_CLEARABLE: Final[tuple[str, ...]] = ("legal_name", "email", "phone", "website", "vat_number", "churn_date")
_KEPT: Final[tuple[str, ...]] = ("name", "creation_state", "default_currency")


def create(session: Session, body: CustomerCreate, now: datetime) -> Customer:
    """The customer of the body's external id, or a new one.

    Whoever is there already is returned as it is, but for a customer that only signals have made so far: it becomes
    the one described. Raises the API's 400 for a parent that there is not.
    """
    known = None if body.external_id is None else customer_of_external(session, body.external_id)
    if known is None:
        try:
            with session.begin_nested():
                return new_customer(session, now=now, **_columns(session, body))
        except IntegrityError:  # another process made it at the same moment
            known = customer_of_external(session, body.external_id or "")
            if known is None:
                raise
    if known.auto_created and known.external_id == body.external_id:
        for column, value in _columns(session, body, known).items():
            setattr(known, column, value)
        known.auto_created = False
        known.updated_at = now
        session.flush()
    return known


def update(session: Session, customer: Customer, body: CustomerUpdate, now: datetime) -> None:
    """Change what the body gives, and flush. Raises the API's 400 for what cannot be."""
    if "external_id" in body.model_fields_set and body.external_id != customer.external_id:
        other = None if body.external_id is None else customer_of_external(session, body.external_id)
        if other is not None:
            raise invalid(f"externalId: {body.external_id!r} is {other.id}'s")
    for column, value in _columns(session, body, customer).items():
        setattr(customer, column, value)
    customer.auto_created = False
    customer.updated_at = now
    session.flush()


def remove(session: Session, customer: Customer, now: datetime) -> None:
    """Delete a customer: its row stays for the ledger and its invoices, its external ids are free again.

    Raises the API's 400 while it has orders that run, or customers below it.
    """
    running = session.scalar(
        select(Order.id).where(
            or_(Order.customer_id == customer.id, Order.billing_customer_id == customer.id),
            Order.deleted_at.is_(None),
            Order.activated_at.is_not(None),
            or_(Order.end_date.is_(None), Order.end_date > now),
        )
    )
    if running is not None:
        raise invalid(f"the customer has an order that runs: {running}")
    below = session.scalar(select(Customer.id).where(Customer.parent_id == customer.id, Customer.deleted_at.is_(None)))
    if below is not None:
        raise invalid(f"the customer is the parent of {below}")
    for table in (CustomerAlias, CustomerGroupMember, Contact):
        for row in session.scalars(select(table).where(table.customer_id == customer.id)):
            session.delete(row)
    customer.former_external_id, customer.external_id = customer.external_id, None
    customer.deleted_at = customer.updated_at = now
    session.flush()


def _columns(
    session: Session, body: CustomerCreate | CustomerUpdate, customer: Customer | None = None
) -> dict[str, Any]:
    given = body.model_fields_set
    columns: dict[str, Any] = {name: getattr(body, name) for name in (*_CLEARABLE, "external_id") if name in given}
    columns |= {name: getattr(body, name) for name in _KEPT if name in given and getattr(body, name) is not None}
    if "billing_address" in given:
        columns["billing_address"] = body.billing_address and body.billing_address.model_dump(
            by_alias=True, exclude_none=True
        )
    if "metadata" in given:
        columns["details"] = body.metadata
    if "parent_customer_id" in given:
        columns["parent_id"] = body.parent_customer_id and _parent(session, body.parent_customer_id, customer)
    return columns


def _parent(session: Session, parent_id: str, customer: Customer | None) -> str:
    above = session.get(Customer, parent_id)
    if above is None or above.deleted_at is not None:
        raise invalid(f"parentCustomerId: no customer {parent_id!r}")
    step: Customer | None = above
    while step is not None:
        if customer is not None and step.id == customer.id:
            raise invalid(f"parentCustomerId: {parent_id!r} is the customer itself, or below it")
        step = None if step.parent_id is None else session.get(Customer, step.parent_id)
    return above.id
