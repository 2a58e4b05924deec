"""People who use the product at a customer; seats are given to them."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.schemas.customer_users import UserUpsert
from billing.ids import new_id
from billing.tables.customers import Customer, CustomerUser


def find_user(session: Session, customer_id: str, external_id: str) -> CustomerUser | None:
    """The user of the caller's own id at a customer."""
    return session.scalar(
        select(CustomerUser).where(CustomerUser.customer_id == customer_id, CustomerUser.external_id == external_id)
    )


def upsert(
    session: Session, customer: Customer, external_id: str, body: UserUpsert, now: datetime
) -> tuple[CustomerUser, bool]:
    """The user as the body has it, flushed, and whether it is a new one."""
    user = find_user(session, customer.id, external_id)
    created = user is None
    if user is None:
        user = CustomerUser(
            id=new_id("usr"), customer_id=customer.id, external_id=external_id, name=None, email=None, details=None,
            status="active", created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(user)
    given = body.model_fields_set
    if "name" in given:
        user.name = body.name
    if "email" in given:
        user.email = body.email
    if "metadata" in given:
        user.details = body.metadata
    if body.status is not None:
        user.status = body.status
    user.updated_at = now
    session.flush()
    return user, created
