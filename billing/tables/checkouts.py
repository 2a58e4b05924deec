"""Buying by the buyer's own hand: checkouts, the portal, and how customers pay."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.base import Base, Stamped


class Checkout(Stamped, Base):
    """A link to buy by, and a purchase once somebody began one. Its status follows from its fields and the time.

    token: in the link; session_token: in the addresses of the one who began. A link for several buyers stays as it is,
    and each buyer has a checkout of their own, whose `parent_id` it is.
    """

    __tablename__ = "checkouts"
    __secret__: ClassVar[tuple[str, ...]] = ("token", "session_token")

    id: Mapped[str] = mapped_column(primary_key=True)  # chk_…
    token: Mapped[str] = mapped_column(unique=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("checkouts.id"), index=True)
    products: Mapped[list[Any]]  # [{"id": …, "plans": [{"id": …, "features": […]}]}]
    customer_id: Mapped[str | None] = mapped_column(ForeignKey("customers.id"), index=True)
    external_customer_id: Mapped[str | None]
    success_url: Mapped[str]
    cancel_url: Mapped[str | None]
    expires_at: Mapped[datetime]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    collect_address: Mapped[bool]
    collect_phone: Mapped[bool]
    single_use: Mapped[bool]
    allowed_currencies: Mapped[list[Any]]
    custom_cards: Mapped[list[Any] | None]
    archived_at: Mapped[datetime | None]
    expiry_told_at: Mapped[datetime | None]

    session_token: Mapped[str | None] = mapped_column(unique=True)
    started_at: Mapped[datetime | None]
    product_id: Mapped[str | None] = mapped_column(ForeignKey("products.id"))
    plan_id: Mapped[str | None] = mapped_column(ForeignKey("plans.id"))
    currency: Mapped[str | None]
    seats: Mapped[int | None]
    buyer: Mapped[dict[str, Any] | None]  # name, email, phone, address as they were entered
    submitted_at: Mapped[datetime | None]  # the buyer said yes
    provider: Mapped[str | None]
    provider_session_id: Mapped[str | None] = mapped_column(unique=True)
    provider_url: Mapped[str | None]
    completed_at: Mapped[datetime | None]
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.id"))


class CustomerPortal(Stamped, Base):
    """A link by which a customer sees its own orders, credits and invoices until it expires."""

    __tablename__ = "customer_portals"
    __secret__: ClassVar[tuple[str, ...]] = ("token",)

    id: Mapped[str] = mapped_column(primary_key=True)  # cp_…
    token: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    return_url: Mapped[str | None]
    expires_at: Mapped[datetime]


class PaymentMethod(Stamped, Base):
    """A card or account that the provider keeps for a customer; we know only what it looks like."""

    __tablename__ = "payment_methods"
    __table_args__ = (UniqueConstraint("provider", "external_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # pm_…
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    provider: Mapped[str]
    external_id: Mapped[str]
    type: Mapped[str]
    is_default: Mapped[bool]
    card: Mapped[dict[str, Any] | None]
    deleted_at: Mapped[datetime | None]


class ProviderCustomer(Base):
    """What a payment provider calls a customer."""

    __tablename__ = "provider_customers"

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str]
