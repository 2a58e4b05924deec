"""Other external ids of customers."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.api.errors import conflict
from billing.api.schemas.customers import AliasCreate
from billing.customers.changes import remove
from billing.customers.find import customer_of_external
from billing.tables.customers import Customer, CustomerAlias
from billing.tables.ledger import CreditWallet
from billing.tables.orders import Order


def add(session: Session, customer: Customer, body: AliasCreate, now: datetime) -> CustomerAlias:
    """Let an external id lead to the customer, flushed. Raises the API's 409 when it leads to anyone already.

    A customer that is there only because signals came under that id, and that has neither orders nor credits, gives
    way: its signals are the customer's then.
    """
    holder = customer_of_external(session, body.alias)
    if holder is not None:
        if holder.id == customer.id or not _is_only_met(session, holder):
            raise conflict(f"alias: {body.alias!r} leads to {holder.id}")
        remove(session, holder, now)
    alias = CustomerAlias(
        alias=body.alias, customer_id=customer.id, name=body.name, description=body.description, created_at=now,
        updated_at=now,
    )  # fmt: skip
    session.add(alias)
    session.flush()
    return alias


def _is_only_met(session: Session, customer: Customer) -> bool:
    if not customer.auto_created:
        return False
    ordered = or_(Order.customer_id == customer.id, Order.billing_customer_id == customer.id)
    return not (
        session.scalar(select(Order.id).where(ordered).limit(1))
        or session.scalar(select(CreditWallet.id).where(CreditWallet.customer_id == customer.id).limit(1))
    )
