"""Bodies of invoices, payments and allocations. Amounts are integer minor units (cents)."""

from datetime import datetime
from typing import Annotated, Literal, cast

from pydantic import Field

from billing.api.model import Metadata, Model, Text, Time
from billing.catalog.price_points import LARGEST_CENTS, Currency
from billing.invoices.state import balance, display_number, payment_status, remaining
from billing.tables import invoices as tables

InvoiceStatus = Literal["building", "draft", "pending", "posted", "voided", "canceled", "error"]
PaymentStatus = Literal["pending", "paid", "partiallyPaid", "overdue", "error"]
PaymentState = Literal["draft", "posted", "processing", "requiresAction", "failed", "canceled"]
Amount = Annotated[int, Field(ge=1, le=LARGEST_CENTS)]


class Invoice(Model):
    """An invoice. No tax is worked out here: amounts are without it."""

    id: str
    display_number: str | None = None
    order_id: str | None = None
    customer_id: str
    status: InvoiceStatus
    payment_status: PaymentStatus
    source: Literal["order_based", "manual"]
    start_date: Time
    end_date: Time | None = None
    issue_date: Time
    posted_date: Time | None = None
    due_date: Time | None = None
    currency: str
    tax_amount: int = 0
    tax_rate: int = 0
    tax_status: Literal["not_applicable"] = "not_applicable"
    invoice_total_excluding_tax: int
    invoice_total: int
    amount_due: int
    amount_paid: int
    amount_remaining: int
    credit_notes_total: int = 0
    metadata: Metadata | None = None
    created_at: Time
    updated_at: Time
    tax_exempt: bool = False
    billing_contact_id: str | None = None
    purchase_order_reference: str | None = None


class InvoiceUpdate(Model):
    """What may change: only what is the caller's own."""

    metadata: Metadata | None = None


class InvoiceLine(Model):
    """A line. quantity: whole units; `details` (ours) has all digits, and how the amount came about."""

    id: str
    order_id: str | None = None
    order_line_id: str | None = None
    order_line_attribute_id: str | None = None
    start_date: Time
    end_date: Time
    payment_status: PaymentStatus
    quantity: int
    total_price_before_tax: int
    tax: int = 0
    tax_rate: int = 0
    total_price_after_tax: int
    currency: str
    description: str
    balance_amount: int
    credited_amount: int
    created_at: Time
    updated_at: Time
    line_type: str
    details: Metadata | None = None


class PaymentCreate(Model):
    """Money that came from a customer, named by either id."""

    customer_id: Text | None = None
    external_customer_id: Text | None = None
    amount: Amount
    currency: Currency
    payment_date: Time | None = None
    payment_type: Literal["creditCard", "bankTransfer", "ach", "cash", "check"]
    status: Literal["draft", "posted"] | None = None
    metadata: Metadata | None = None


class Payment(Model):
    """A payment; balance: what of it is allocated to no invoice line."""

    id: str
    number: int
    customer_id: str
    invoice_id: str | None = None
    order_id: str | None = None
    amount: int
    allocated_amount: int
    balance: int
    currency: str
    payment_date: Time
    payment_type: str
    status: PaymentState
    metadata: Metadata | None = None
    created_at: Time
    updated_at: Time


class AllocationInput(Model):
    """A part of the payment for an invoice line."""

    invoice_line_id: Text
    amount: Amount
    currency: Currency | None = None


class AllocationCreate(Model):
    """What of a payment pays which lines; all of it or nothing."""

    payment_id: Text
    allocations: Annotated[list[AllocationInput], Field(min_length=1, max_length=1000)]


class Allocation(Model):
    """A part of a payment that pays a part of an invoice line."""

    id: str
    payment_id: str
    invoice_id: str
    invoice_line_id: str
    amount: int
    currency: str
    type: str = "payment"
    status: str = "posted"
    allocation_date: Time
    created_at: Time


class AllocationsMade(Model):
    """The allocations of one request."""

    data: list[Allocation]


def shown_invoice(row: tables.Invoice, now: datetime) -> Invoice:
    """An invoice as the API shows it at a moment."""
    due = 0 if row.status == "voided" else row.total
    return Invoice(
        id=row.id, display_number=display_number(row), order_id=row.order_id, customer_id=row.customer_id,
        status=cast(InvoiceStatus, row.status), payment_status=cast(PaymentStatus, payment_status(row, now)),
        source=cast(Literal["order_based", "manual"], row.source), start_date=row.start_date, end_date=row.end_date,
        issue_date=row.issue_date, posted_date=row.posted_date, due_date=row.due_date, currency=row.currency,
        invoice_total_excluding_tax=row.total, invoice_total=row.total, amount_due=due, amount_paid=row.paid,
        amount_remaining=remaining(row), metadata=row.details, created_at=row.created_at, updated_at=row.updated_at,
        billing_contact_id=row.billing_contact_id, purchase_order_reference=row.purchase_order_reference,
    )  # fmt: skip


def shown_line(row: tables.InvoiceLine, invoice: tables.Invoice, now: datetime) -> InvoiceLine:
    """A line as the API shows it."""
    status = payment_status(invoice, now)
    if status != "paid" and invoice.status == "posted" and row.paid > 0:
        status = "paid" if balance(row) == 0 else "partiallyPaid"
    return InvoiceLine(
        id=row.id, order_id=row.order_id, order_line_id=row.order_line_id,
        order_line_attribute_id=row.order_attribute_id, start_date=row.start_date, end_date=row.end_date,
        payment_status=cast(PaymentStatus, status), quantity=row.quantity, total_price_before_tax=row.amount,
        total_price_after_tax=row.amount, currency=invoice.currency, description=row.description,
        balance_amount=balance(row), credited_amount=row.credited, created_at=row.created_at,
        updated_at=row.updated_at, line_type=row.line_type, details=row.details,
    )  # fmt: skip


def shown_payment(row: tables.Payment) -> Payment:
    """A payment as the API shows it."""
    return Payment(
        id=row.id, number=row.number, customer_id=row.customer_id, invoice_id=row.invoice_id, order_id=row.order_id,
        amount=row.amount, allocated_amount=row.allocated, balance=row.amount - row.allocated, currency=row.currency,
        payment_date=row.payment_date, payment_type=row.payment_type, status=cast(PaymentState, row.status),
        metadata=row.details, created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip


def shown_allocation(row: tables.PaymentAllocation) -> Allocation:
    """An allocation as the API shows it."""
    return Allocation(
        id=row.id, payment_id=row.payment_id, invoice_id=row.invoice_id, invoice_line_id=row.invoice_line_id,
        amount=row.amount, currency=row.currency, allocation_date=row.allocation_date, created_at=row.created_at,
    )  # fmt: skip
