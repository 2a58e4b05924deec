"""Customers and currencies to give credits to, made by hand."""

from datetime import datetime

from sqlalchemy.orm import Session

from billing.tables.customers import Customer
from billing.tables.ledger import CreditCurrency
from tests.billing.shop import NOW


def customer(session: Session, name: str = "acme", now: datetime = NOW) -> str:
    """A customer of this external id; gives its id."""
    row = Customer(
        id=f"cus_{name}", external_id=name, name=name, legal_name=None, email=None, phone=None, website=None,
        billing_address=None, creation_state="active", churn_date=None, vat_number=None, details=None,
        default_currency="USD", parent_id=None, auto_created=False, deleted_at=None, created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def currency(session: Session, key: str = "chat", now: datetime = NOW) -> str:
    """A currency of this key; gives its id."""
    row = CreditCurrency(
        id=f"cc_{key}", key=key, name=f"{key} credits", description=None, status="active", archived_at=None,
        created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id
