"""Changes of contacts."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import invalid, not_found
from billing.api.schemas.contacts import ContactAddress, ContactCreate, ContactUpdate
from billing.ids import new_id
from billing.tables.customers import Contact, Customer

_NAMES: Final = ("first_name", "last_name")


def contact_by_id(session: Session, contact_id: str) -> Contact:
    """The contact of a display id. Raises the API's 404."""
    contact = session.get(Contact, contact_id)
    if contact is None:
        raise not_found("contact", contact_id)
    return contact


def contact_by_external_id(session: Session, external_id: str) -> Contact:
    """The contact of the caller's own id. Raises the API's 404."""
    contact = session.scalar(select(Contact).where(Contact.external_id == external_id))
    if contact is None:
        raise not_found("contact", external_id)
    return contact


def create(session: Session, body: ContactCreate, now: datetime) -> Contact:
    """A new contact, flushed. Raises the API's 400 for an unknown customer, or an external id that is taken."""
    contact = Contact(
        id=new_id("con"), customer_id=_customer(session, body.customer_id), email=body.email, phone=body.phone,
        external_id=_free(session, body.external_id), first_name=body.first_name or "", last_name=body.last_name or "",
        billing_address=_address(body.billing_address), roles=body.roles or [], created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(contact)
    session.flush()
    return contact


def update(session: Session, contact: Contact, body: ContactUpdate, now: datetime) -> None:
    """Change what the body gives, and flush. Raises the API's 400 for what cannot be."""
    given = body.model_fields_set
    if body.customer_id is not None:
        contact.customer_id = _customer(session, body.customer_id)
    if "external_id" in given and body.external_id != contact.external_id:
        contact.external_id = _free(session, body.external_id)
    for name in _NAMES:
        if name in given:
            setattr(contact, name, getattr(body, name) or "")
    if body.email is not None:
        contact.email = body.email
    if "phone" in given:
        contact.phone = body.phone
    if "billing_address" in given:
        contact.billing_address = _address(body.billing_address)
    if "roles" in given:
        contact.roles = body.roles or []
    contact.updated_at = now
    session.flush()


def _address(address: ContactAddress | None) -> dict[str, Any] | None:
    return None if address is None else address.model_dump(by_alias=True, exclude_none=True)


def _customer(session: Session, customer_id: str) -> str:
    customer = session.get(Customer, customer_id)
    if customer is None or customer.deleted_at is not None:
        raise invalid(f"customerId: no customer {customer_id!r}")
    return customer.id


def _free(session: Session, external_id: str | None) -> str | None:
    if external_id is not None and session.scalar(select(Contact.id).where(Contact.external_id == external_id)):
        raise invalid(f"externalId: {external_id!r} is another contact's")
    return external_id
