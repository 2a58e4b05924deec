"""What Xero has of ours: each thing under Xero's own id, and what was sent last."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.base import Base


class XeroContact(Base):
    """A customer in Xero. name: there no two contacts have the same."""

    __tablename__ = "xero_contacts"
    __unaudited__ = True

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    contact_id: Mapped[str]
    name: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[str]  # of what was sent
    sent_at: Mapped[datetime]


class XeroInvoice(Base):
    """An invoice in Xero. error: why it could not be sent the last time; null when it could."""

    __tablename__ = "xero_invoices"
    __unaudited__ = True

    invoice_id: Mapped[str] = mapped_column(ForeignKey("invoices.id"), primary_key=True)
    xero_id: Mapped[str | None]
    status: Mapped[str | None]  # AUTHORISED | VOIDED
    error: Mapped[str | None]
    sent_at: Mapped[datetime]


class XeroPayment(Base):
    """How much of a payment of an invoice Xero has, in minor units."""

    __tablename__ = "xero_payments"
    __unaudited__ = True

    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"), primary_key=True)
    invoice_id: Mapped[str] = mapped_column(ForeignKey("invoices.id"), primary_key=True)
    amount: Mapped[int]
    xero_id: Mapped[str]  # of the last part
    sent_at: Mapped[datetime]
