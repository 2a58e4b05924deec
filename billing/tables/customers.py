"""Who is billed: customers and the names they go by."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
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
    former_external_id: Mapped[str | None]  # of deleted ones: their external id is free again


class CustomerAlias(Stamped, Base):
    """Another external id of a customer; unique like those of customers."""

    __tablename__ = "customer_aliases"

    alias: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    name: Mapped[str | None]
    description: Mapped[str | None]


class CustomerGroup(Stamped, Base):
    """Customers that are treated alike."""

    __tablename__ = "customer_groups"

    id: Mapped[str] = mapped_column(primary_key=True)  # cg_…
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]


class CustomerGroupMember(Base):
    """That a customer is in a group."""

    __tablename__ = "customer_group_members"

    group_id: Mapped[str] = mapped_column(ForeignKey("customer_groups.id"), primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
    added_at: Mapped[datetime]


class Contact(Stamped, Base):
    """A person of a customer whom invoices go to."""

    __tablename__ = "contacts"

    id: Mapped[str] = mapped_column(primary_key=True)  # con_…
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    external_id: Mapped[str | None] = mapped_column(unique=True)
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str]
    phone: Mapped[str | None]
    billing_address: Mapped[dict[str, Any] | None]
    roles: Mapped[list[Any]]  # BILLING, ACCOUNTS_PAYABLE


class CustomerUser(Stamped, Base):
    """A person who uses the product at a customer; seats are given to users."""

    __tablename__ = "customer_users"
    __table_args__ = (UniqueConstraint("customer_id", "external_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # usr_…
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    external_id: Mapped[str]
    name: Mapped[str | None]
    email: Mapped[str | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    status: Mapped[str]  # active | deactivated


class CustomerUnit(Stamped, Base):
    """A part of a customer that spends on its own account. One active unit a customer has no parent: the root."""

    __tablename__ = "customer_units"
    __table_args__ = (UniqueConstraint("customer_id", "external_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # cu_…
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    external_id: Mapped[str]  # never changes; what signals name, and what the ledger keeps as `customer_unit_id`
    name: Mapped[str]
    external_type: Mapped[str | None]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("customer_units.id"), index=True)
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    status: Mapped[str]  # ACTIVE | DELETED


class CustomerUnitCap(Base):
    """A version of what a unit and those below it may spend in a month; only `effective_until` ever changes."""

    __tablename__ = "customer_unit_caps"
    __table_args__ = (Index("ix_customer_unit_caps_unit", "unit_id", "currency_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # cap_…
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("customer_units.id"))
    currency_id: Mapped[str] = mapped_column(ForeignKey("credit_currencies.id"))
    amount_micro: Mapped[int]
    frequency: Mapped[str]  # MONTHLY
    effective_from: Mapped[datetime]
    effective_until: Mapped[datetime | None]  # exclusive
    source: Mapped[str]  # api
    created_at: Mapped[datetime]
    sequence: Mapped[int]  # of versions of one unit and currency: the highest one wins where they overlap


class CustomerUnitCapProgress(Base):
    """How full a cap is, as debits go: what is left at least in the newest period, and which one was full last."""

    __tablename__ = "customer_unit_cap_progress"
    __unaudited__ = True

    cap_id: Mapped[str] = mapped_column(ForeignKey("customer_unit_caps.id"), primary_key=True)
    period: Mapped[datetime]  # its start
    left_micro: Mapped[int | None]  # null: the tree has changed, so it is to be summed up anew
    reached_period: Mapped[datetime | None]
