"""Payments: recorded once, allocated to invoice lines, never more than came or than is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.invoices import shown_payment
from billing.ids import new_id
from billing.invoices.post import tell
from billing.invoices.state import POSTED, balance, remaining
from billing.orders.credits import release
from billing.tables.invoices import Invoice, InvoiceLine, Payment, PaymentAllocation
from billing.tables.orders import Order
from billing.webhooks.emit import emit

_FAILED = ("failed", "canceled")


@dataclass(frozen=True, kw_only=True)
class NewPayment:
    """Money that came, or was tried to be taken. key: the provider's own name of it; None for what people record."""

    customer_id: str
    amount: int
    currency: str
    payment_type: str
    status: str = POSTED
    key: str | None = None
    payment_date: datetime | None = None
    invoice_id: str | None = None
    order_id: str | None = None
    metadata: dict[str, Any] | None = None


def record_payment(session: Session, wanted: NewPayment, now: datetime) -> Payment:
    """The payment, recorded once per key, and told of when it succeeded or failed. Never commits.

    A posted one that names an invoice pays it, as far as it goes. A known one whose state is another now follows.
    """
    session.flush()
    payment = None
    if wanted.key is not None:
        payment = session.scalar(select(Payment).where(Payment.key == wanted.key))
    before = None if payment is None else payment.status
    if payment is None:
        number = (session.scalar(select(func.max(Payment.number))) or 0) + 1
        payment = Payment(
            id=new_id("pay"), key=wanted.key, number=number, customer_id=wanted.customer_id,
            invoice_id=wanted.invoice_id, order_id=wanted.order_id, amount=wanted.amount, allocated=0,
            currency=wanted.currency, payment_date=wanted.payment_date or now, payment_type=wanted.payment_type,
            status=wanted.status, details=wanted.metadata, created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(payment)
    elif before == wanted.status or before == POSTED:
        return payment
    else:
        payment.status, payment.updated_at = wanted.status, now
    session.flush()
    if payment.status == POSTED and payment.invoice_id is not None:
        pay_invoice(session, payment, session.get_one(Invoice, payment.invoice_id), now)
    if payment.status == POSTED or payment.status in _FAILED:
        name = "billing-payment-succeeded" if payment.status == POSTED else "billing-payment-failed"
        shown = shown_payment(payment).model_dump(mode="json", by_alias=True, exclude_none=True)
        emit(session, name, payment.id, shown, now)
    return payment


def pay_invoice(session: Session, payment: Payment, invoice: Invoice, now: datetime) -> list[PaymentAllocation]:
    """Allocate what is left of a payment to an invoice's lines, in their order, as far as they are due."""
    if payment.currency != invoice.currency or invoice.status != POSTED:
        return []
    left = min(payment.amount - payment.allocated, remaining(invoice))
    parts: list[tuple[str, int]] = []
    for line in invoice.lines:
        part = min(left, balance(line))
        if part > 0:
            parts.append((line.id, part))
            left -= part
    return allocate(session, payment, parts, now) if parts else []


def allocate(
    session: Session, payment: Payment, parts: Sequence[tuple[str, int]], now: datetime
) -> list[PaymentAllocation]:
    """Allocate amounts of a payment to invoice lines; all of them or none. Never commits.

    Raises the API's 400 for more than is left of the payment or due of a line, another currency, a draft.
    Credits that wait for the payment of an invoice that is paid in full by it can be spent.
    """
    if payment.status != POSTED:
        raise invalid(f"paymentId: {payment.id} is {payment.status}; only a posted payment can be allocated")
    total = sum(amount for _, amount in parts)
    if total > payment.amount - payment.allocated:
        raise invalid(f"allocations: {total} are more than the {payment.amount - payment.allocated} that are left")
    made = [_allocate(session, payment, line_id, amount, place, now) for place, (line_id, amount) in enumerate(parts)]
    payment.allocated += total
    payment.updated_at = now
    session.flush()
    for invoice_id in dict.fromkeys(each.invoice_id for each in made):
        _settled(session, session.get_one(Invoice, invoice_id), now)
    return made


def _allocate(
    session: Session, payment: Payment, line_id: str, amount: int, place: int, now: datetime
) -> PaymentAllocation:
    where = f"allocations[{place}]"
    line = session.get(InvoiceLine, line_id)
    if line is None:
        raise invalid(f"{where}.invoiceLineId: no invoice line {line_id!r}")
    invoice = session.get_one(Invoice, line.invoice_id)
    if invoice.status != POSTED:
        raise invalid(f"{where}.invoiceLineId: its invoice {invoice.id} is {invoice.status}, not posted")
    if invoice.currency != payment.currency:
        raise invalid(f"{where}.currency: the payment is in {payment.currency}, the line in {invoice.currency}")
    if amount > balance(line):
        raise invalid(f"{where}.amount: {amount} are more than the {balance(line)} that are due")
    line.paid += amount
    invoice.paid += amount
    line.updated_at = invoice.updated_at = now
    row = PaymentAllocation(
        id=new_id("pal"), payment_id=payment.id, invoice_id=invoice.id, invoice_line_id=line.id, amount=amount,
        currency=payment.currency, allocation_date=now, created_at=now,
    )  # fmt: skip
    session.add(row)
    return row


def _settled(session: Session, invoice: Invoice, now: datetime) -> None:
    if invoice.paid < invoice.total or invoice.paid_date is not None:
        return
    invoice.paid_date = now
    session.flush()
    tell(session, "paid", invoice, now)
    if invoice.order_id is not None:
        release(session, session.get_one(Order, invoice.order_id), now)
