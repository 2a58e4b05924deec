"""Bodies of contacts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from billing.api.model import Model, Text, Time
from billing.api.schemas.customers import Line

Role = Literal["BILLING", "ACCOUNTS_PAYABLE"]


def _each_once(roles: list[Role]) -> list[Role]:
    return list(dict.fromkeys(roles))


Roles = Annotated[list[Role], Field(max_length=100), AfterValidator(_each_once)]


class ContactAddress(Model):
    """Where a contact lives."""

    street: Line | None = None
    city: Line | None = None
    state: Line | None = None
    country: Line | None = None
    zip_code: Line | None = None


class ContactCreate(Model):
    """A new contact of a customer."""

    customer_id: Text
    first_name: Line | None = None
    last_name: Line | None = None
    email: Text
    phone: Line | None = None
    billing_address: ContactAddress | None = None
    external_id: Text | None = None
    roles: Roles | None = None


class ContactUpdate(Model):
    """What changes."""

    customer_id: Text | None = None
    first_name: Line | None = None
    last_name: Line | None = None
    email: Text | None = None
    phone: Line | None = None
    billing_address: ContactAddress | None = None
    external_id: Text | None = None
    roles: Roles | None = None


class Contact(Model):
    """A person of a customer whom invoices go to."""

    id: str
    customer_id: str
    first_name: str
    last_name: str
    email: str
    phone: str | None = None
    billing_address: ContactAddress | None = None
    external_id: str | None = None
    roles: list[Role]
    created_at: Time
    updated_at: Time
