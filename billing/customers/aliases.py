"""Other external ids of customers."""

from datetime import datetime

from sqlalchemy.orm import Session

from billing.api.errors import conflict
from billing.api.schemas.customers import AliasCreate
from billing.customers.find import customer_of_external
from billing.tables.customers import Customer, CustomerAlias


def add(session: Session, customer: Customer, body: AliasCreate, now: datetime) -> CustomerAlias:
    """Let an external id lead to the customer, flushed. Raises the API's 409 when it leads to anyone already."""
    holder = customer_of_external(session, body.alias)
    if holder is not None:
        raise conflict(f"alias: {body.alias!r} leads to {holder.id}")
    alias = CustomerAlias(
        alias=body.alias, customer_id=customer.id, name=body.name, description=body.description, created_at=now,
        updated_at=now,
    )  # fmt: skip
    session.add(alias)
    session.flush()
    return alias
