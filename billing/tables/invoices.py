"""What is asked for and what is paid. All amounts are integer minor units of the invoice's or payment's currency."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing.tables.base import Base, Stamped


class Invoice(Stamped, Base):
    """An invoice. `total` is the sum of its lines, `paid` that of what is allocated to them.

    key: what makes it the same invoice when it is issued again: order and billing date. number: counts invoices.
    """

    __tablename__ = "invoices"
    __table_args__ = (Index("ix_invoices_order", "order_id", "billing_date"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # inv_…
    key: Mapped[str] = mapped_column(unique=True)
    number: Mapped[int] = mapped_column(unique=True)
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.id"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)  # who pays
    billing_contact_id: Mapped[str | None]
    status: Mapped[str]  # draft | posted | voided | error
    source: Mapped[str]  # order_based | manual
    currency: Mapped[str]
    billing_date: Mapped[datetime]
    start_date: Mapped[datetime]
    end_date: Mapped[datetime | None]  # exclusive
    issue_date: Mapped[datetime]
    posted_date: Mapped[datetime | None]
    due_date: Mapped[datetime | None]
    paid_date: Mapped[datetime | None]
    total: Mapped[int]
    paid: Mapped[int]
    purchase_order_reference: Mapped[str | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")

    lines: Mapped[list["InvoiceLine"]] = relationship(order_by="InvoiceLine.position")


class InvoiceLine(Stamped, Base):
    """One amount of an invoice, and how it came about. quantity: as shown, in whole units; details: all of it.

    key: what is charged, for which period: nothing is ever charged twice.
    """

    __tablename__ = "invoice_lines"

    id: Mapped[str] = mapped_column(primary_key=True)  # il_…
    key: Mapped[str] = mapped_column(unique=True)
    invoice_id: Mapped[str] = mapped_column(ForeignKey("invoices.id"), index=True)
    position: Mapped[int]
    order_id: Mapped[str | None]
    order_line_id: Mapped[str | None]
    order_attribute_id: Mapped[str | None]
    line_type: Mapped[str]  # STANDARD | PRORATION_CREDIT | PRORATION_CHARGE | CREDIT
    description: Mapped[str]
    start_date: Mapped[datetime]
    end_date: Mapped[datetime]
    quantity: Mapped[int]
    amount: Mapped[int]
    credited: Mapped[int]  # what negative lines of the invoice take off it
    paid: Mapped[int]
    details: Mapped[dict[str, Any] | None]


class InvoiceItem(Base):
    """An amount that waits for the next invoice of its order: what an amendment moves, and usage that came late."""

    __tablename__ = "invoice_items"

    key: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    order_line_id: Mapped[str | None]
    order_attribute_id: Mapped[str | None]
    line_type: Mapped[str]
    description: Mapped[str]
    start_date: Mapped[datetime]
    end_date: Mapped[datetime]
    quantity: Mapped[int]
    amount: Mapped[int]
    applied: Mapped[int]  # what of it is on invoices
    parts: Mapped[int]  # on how many
    created_at: Mapped[datetime]


class Payment(Stamped, Base):
    """Money that came, or was tried to be taken. key: the provider's own name of it, so that it is recorded once."""

    __tablename__ = "payments"

    id: Mapped[str] = mapped_column(primary_key=True)  # pay_…
    key: Mapped[str | None] = mapped_column(unique=True)
    number: Mapped[int] = mapped_column(unique=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    invoice_id: Mapped[str | None] = mapped_column(ForeignKey("invoices.id"))
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.id"))
    amount: Mapped[int]
    allocated: Mapped[int]
    currency: Mapped[str]
    payment_date: Mapped[datetime]
    payment_type: Mapped[str]
    status: Mapped[str]  # draft | posted | processing | requiresAction | failed | canceled
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")


class PaymentAllocation(Base):
    """A part of a payment that pays a part of an invoice line."""

    __tablename__ = "payment_allocations"

    id: Mapped[str] = mapped_column(primary_key=True)  # pal_…
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"), index=True)
    invoice_id: Mapped[str] = mapped_column(ForeignKey("invoices.id"), index=True)
    invoice_line_id: Mapped[str] = mapped_column(ForeignKey("invoice_lines.id"), index=True)
    amount: Mapped[int]
    currency: Mapped[str]
    allocation_date: Mapped[datetime]
    created_at: Mapped[datetime]
