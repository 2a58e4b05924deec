"""Who is billed: customers and the names they go by."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.base import Base, Stamped


class Customer(Stamped, Base):
    """A customer. `external_id` is the caller's own id, which signals and spans carry."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(primary_key=True)  # cus_…
    external_id: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    legal_name: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    website: Mapped[str | None]
    billing_address: Mapped[dict[str, Any] | None]
    creation_state: Mapped[str]  # draft | active
    churn_date: Mapped[datetime | None]
    vat_number: Mapped[str | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    default_currency: Mapped[str]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("customers.id"), index=True)
    auto_created: Mapped[bool]  # made by a signal of an unknown external id
    deleted_at: Mapped[datetime | None]  # kept, since the ledger and invoices name it


class CustomerAlias(Stamped, Base):
    """Another external id of a customer; unique like those of customers."""

    __tablename__ = "customer_aliases"

    alias: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    name: Mapped[str | None]
    description: Mapped[str | None]
