"""Bodies of customers and their aliases."""

from typing import Annotated, Literal, cast

from pydantic import Field

from billing.api.model import Metadata, Model, Text, Time
from billing.catalog.price_points import Currency
from billing.tables import customers as tables

CreationState = Literal["draft", "active"]
CustomerStatus = Literal["active", "churned"]
Line = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
"""Some text, maybe empty."""


class BillingAddress(Model):
    """Where invoices go."""

    line1: Line | None = None
    line2: Line | None = None
    city: Line | None = None
    state: Line | None = None
    zip_code: Line | None = None
    country: Line | None = None


class CustomerCreate(Model):
    """A new customer. parent_customer_id: display id of the customer that pays for this one."""

    name: Text
    legal_name: Line | None = None
    email: Line | None = None
    phone: Line | None = None
    website: Line | None = None
    external_id: Text | None = None
    billing_address: BillingAddress | None = None
    creation_state: CreationState | None = None
    vat_number: Line | None = None
    metadata: Metadata | None = None
    default_currency: Currency | None = None
    parent_customer_id: Text | None = None


class CustomerUpdate(Model):
    """What changes; null takes a field away. A churn date marks the customer as churned, null takes that back."""

    name: Text | None = None
    legal_name: Line | None = None
    email: Line | None = None
    phone: Line | None = None
    website: Line | None = None
    external_id: Text | None = None
    billing_address: BillingAddress | None = None
    creation_state: CreationState | None = None
    churn_date: Time | None = None
    vat_number: Line | None = None
    metadata: Metadata | None = None
    default_currency: Currency | None = None
    parent_customer_id: Text | None = None


class StripeConnection(Model):
    """The customer's twin at Stripe."""

    customer_id: str


class Connections(Model):
    """The customer's twins elsewhere."""

    stripe: StripeConnection | None = None


class Customer(Model):
    """A customer."""

    id: str
    name: str
    legal_name: str | None = None
    email: str
    phone: str
    website: str
    external_id: str | None = None
    billing_address: BillingAddress | None = None
    creation_state: CreationState
    status: CustomerStatus
    churn_date: Time | None = None
    vat_number: str | None = None
    metadata: Metadata | None = None
    default_currency: str
    parent_customer_id: str | None = None
    connections: Connections
    created_at: Time
    updated_at: Time


class AliasCreate(Model):
    """Another external id for a customer."""

    alias: Annotated[Text, Field(max_length=1024)]
    name: Line | None = None
    description: Line | None = None


class Alias(Model):
    """Another external id of a customer."""

    alias: str
    customer_id: str
    name: str | None = None
    description: str | None = None
    created_at: Time
    updated_at: Time


def shown_customer(row: tables.Customer) -> Customer:
    """A customer as the API shows it; texts that every client expects are empty where there are none."""
    return Customer(
        id=row.id, name=row.name, legal_name=row.legal_name, email=row.email or "", phone=row.phone or "",
        website=row.website or "", external_id=row.external_id, creation_state=cast(CreationState, row.creation_state),
        billing_address=None if row.billing_address is None else BillingAddress.model_validate(row.billing_address),
        status="active" if row.churn_date is None else "churned", churn_date=row.churn_date, vat_number=row.vat_number,
        metadata=row.details, default_currency=row.default_currency, parent_customer_id=row.parent_id,
        connections=Connections(), created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip


def shown_alias(row: tables.CustomerAlias) -> Alias:
    """An alias as the API shows it."""
    return Alias.model_validate(row)
