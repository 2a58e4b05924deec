"""New customers. Whoever has an external id is made once, however often it is asked for."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing.customers.find import customer_of_external
from billing.customers.units import add_root
from billing.ids import new_id
from billing.tables.customers import Customer

DEFAULT_CURRENCY: Final = "USD"


def ensure_customer(session: Session, external_id: str, now: datetime) -> Customer:
    """The customer of an external id or an alias; made, with the id as its name, where there is none."""
    known = customer_of_external(session, external_id)
    if known is not None:
        return known
    try:
        with session.begin_nested():
            return new_customer(session, external_id, now, external_id=external_id, auto_created=True)
    except IntegrityError:  # another process made it at the same moment
        made = customer_of_external(session, external_id)
        if made is None:
            raise
        return made


def new_customer(session: Session, name: str, now: datetime, **fields: Any) -> Customer:
    """A customer, flushed, with its root unit where its external id can be the key of one.

    fields: columns that are not to have their defaults. Raises IntegrityError when its external id is taken.
    """
    blank = dict.fromkeys(
        (
            "external_id", "legal_name", "email", "phone", "website", "billing_address", "churn_date", "vat_number",
            "details", "parent_id", "deleted_at", "former_external_id",
        )
    )  # fmt: skip
    defaults = {"creation_state": "active", "default_currency": DEFAULT_CURRENCY, "auto_created": False}
    customer = Customer(**(blank | defaults | fields), id=new_id("cus"), name=name, created_at=now, updated_at=now)
    session.add(customer)
    session.flush()
    add_root(session, customer, now)
    return customer
