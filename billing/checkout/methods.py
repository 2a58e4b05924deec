"""How customers pay, as far as we know it: what their provider calls them and their cards."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from billing.api.errors import not_found
from billing.checkout.providers import Paid
from billing.ids import new_id
from billing.tables.checkouts import PaymentMethod, ProviderCustomer


def remember(session: Session, customer_id: str, provider: str, paid: Paid, now: datetime) -> None:
    """Keep what a payment says of its customer and card."""
    if paid.customer is not None:
        name_at_provider(session, customer_id, provider, paid.customer)
    if paid.method is not None:
        keep_method(session, customer_id, provider, paid.method, now)


def name_at_provider(session: Session, customer_id: str, provider: str, external_id: str) -> None:
    """Keep what a provider calls a customer."""
    row = session.get(ProviderCustomer, (customer_id, provider))
    if row is None:
        session.add(ProviderCustomer(customer_id=customer_id, provider=provider, external_id=external_id))
    else:
        row.external_id = external_id
    session.flush()


def keep_method(
    session: Session, customer_id: str, provider: str, method: Mapping[str, Any], now: datetime
) -> PaymentMethod:
    """Keep a way to pay, once. method: `id`, `type` and maybe `card`. The first one of a customer is its default."""
    same = PaymentMethod.provider == provider, PaymentMethod.external_id == method["id"]
    row = session.scalar(select(PaymentMethod).where(*same))
    first = session.scalar(methods_of(customer_id).limit(1)) is None
    if row is None:
        row = PaymentMethod(
            id=new_id("pm"), provider=provider, external_id=method["id"], is_default=False, created_at=now
        )
        session.add(row)
    row.customer_id, row.type, row.card = customer_id, method["type"], method.get("card")
    row.deleted_at, row.updated_at = None, now
    row.is_default = row.is_default or first
    session.flush()
    return row


def methods_of(customer_id: str) -> Select[PaymentMethod]:
    """A customer's ways to pay, the newest first."""
    mine = PaymentMethod.customer_id == customer_id, PaymentMethod.deleted_at.is_(None)
    return select(PaymentMethod).where(*mine).order_by(PaymentMethod.created_at.desc(), PaymentMethod.id)


def method_by_id(session: Session, method_id: str) -> PaymentMethod:
    """The way to pay of a display id. Raises the API's 404."""
    row = session.get(PaymentMethod, method_id)
    if row is None or row.deleted_at is not None:
        raise not_found("payment method", method_id)
    return row


def make_default(session: Session, row: PaymentMethod, now: datetime) -> None:
    """The customer pays with this one from now on."""
    others = select(PaymentMethod).where(PaymentMethod.customer_id == row.customer_id, PaymentMethod.is_default)
    for other in session.scalars(others):
        other.is_default, other.updated_at = False, now
    row.is_default, row.updated_at = True, now
    session.flush()


def remove_method(session: Session, row: PaymentMethod, now: datetime) -> None:
    """Forget a way to pay; the newest other one is the default then."""
    was_default = row.is_default
    row.deleted_at, row.is_default, row.updated_at = now, False, now
    session.flush()
    heir = session.scalar(methods_of(row.customer_id).limit(1))
    if was_default and heir is not None:
        make_default(session, heir, now)
