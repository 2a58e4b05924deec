"""Customers by the names that callers have for them: display id, external id, alias. Deleted ones are not found."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import not_found
from billing.tables.customers import Customer, CustomerAlias


def customer_by_id(session: Session, customer_id: str) -> Customer:
    """The customer of a display id. Raises the API's 404."""
    customer = _living(session.get(Customer, customer_id))
    if customer is None:
        raise not_found("customer", customer_id)
    return customer


def customer_by_external_id(session: Session, external_id: str) -> Customer:
    """The customer of a caller's own id, or of an alias of it. Raises the API's 404."""
    customer = customer_of_external(session, external_id)
    if customer is None:
        raise not_found("customer", external_id)
    return customer


def find_customer(session: Session, text: str) -> Customer | None:
    """The customer of a display id, an external id or an alias, whichever it is."""
    return _living(session.get(Customer, text)) or customer_of_external(session, text)


def customer_of_external(session: Session, external_id: str) -> Customer | None:
    """The customer of an external id or an alias."""
    own = session.scalar(select(Customer).where(Customer.external_id == external_id))
    if own is not None:
        return own
    alias = session.get(CustomerAlias, external_id)
    return None if alias is None else session.get(Customer, alias.customer_id)


def _living(customer: Customer | None) -> Customer | None:
    return customer if customer is not None and customer.deleted_at is None else None
