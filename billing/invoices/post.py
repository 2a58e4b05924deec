"""What becomes of an invoice: posted, paid, void; and what its status is at a moment."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.columns import rfc3339
from billing.tables.invoices import Invoice, InvoiceLine
from billing.webhooks.emit import emit

DRAFT: Final = "draft"
POSTED: Final = "posted"
VOIDED: Final = "voided"

_DAYS: Final = re.compile(r"\d{1,4}")


def post_invoice(session: Session, invoice: Invoice, now: datetime) -> None:
    """Make a draft final: it is to be paid from now on. Nothing where it is posted already. Never commits.

    Raises the API's 400 for one that is void.
    """
    if invoice.status == POSTED:
        return
    if invoice.status != DRAFT:
        raise invalid(f"{invoice.id} is {invoice.status}; only a draft can be posted")
    invoice.status = POSTED
    invoice.posted_date = invoice.updated_at = now
    invoice.due_date = now + timedelta(days=days_to_pay(_terms(session, invoice)))
    if invoice.total <= 0:
        invoice.paid_date = now
    session.flush()
    emit(session, "billing-invoice-posted", invoice.id, {"invoice": show_event(invoice)}, now)
    if invoice.total <= 0:
        emit(session, "billing-invoice-paid", invoice.id, {"invoice": show_event(invoice)}, now)


def void_invoice(session: Session, invoice: Invoice, now: datetime) -> None:
    """Nothing is to be paid of it any more. Raises the API's 400 when some of it is paid. Never commits."""
    if invoice.status == VOIDED:
        return
    if invoice.paid:
        raise invalid(f"{invoice.id}: {invoice.paid} of it are paid already")
    invoice.status = VOIDED
    invoice.updated_at = now
    session.flush()


def offset_credits(lines: Sequence[InvoiceLine]) -> None:
    """Take the negative lines off the others, in order, so that each line says what is still to be paid of it."""
    left = -sum(line.amount for line in lines if line.amount < 0)
    taken = left
    for line in lines:
        if line.amount > 0:
            line.credited = min(left, line.amount)
            left -= line.credited
    taken -= left
    for line in lines:
        if line.amount < 0:
            line.credited = max(line.amount, -taken)
            taken += line.credited


def balance(line: InvoiceLine) -> int:
    """What is still to be paid of a line."""
    return line.amount - line.credited - line.paid


def remaining(invoice: Invoice) -> int:
    """What is still to be paid of an invoice."""
    return 0 if invoice.status == VOIDED else invoice.total - invoice.paid


def payment_status(invoice: Invoice, now: datetime) -> str:
    """How far it is paid: paid, partiallyPaid, overdue or pending."""
    if invoice.status == POSTED and invoice.paid >= invoice.total:
        return "paid"
    if invoice.status == POSTED and invoice.due_date is not None and invoice.due_date < now:
        return "overdue"
    return "partiallyPaid" if invoice.paid > 0 else "pending"


def days_to_pay(terms: str | None) -> int:
    """The days of payment terms: `net_30`, `Net 30` and `30` are 30; none, or without a number, are due at once."""
    found = _DAYS.search(terms or "")
    return int(found.group()) if found else 0


def display_number(invoice: Invoice) -> str:
    """The number that people see."""
    return f"INV-{invoice.number:04d}"


def show_event(invoice: Invoice) -> dict[str, Any]:
    """An invoice as webhooks tell of it."""
    content = {
        "id": invoice.id, "displayNumber": display_number(invoice), "orderId": invoice.order_id,
        "customerId": invoice.customer_id, "status": invoice.status, "currency": invoice.currency,
        "invoiceTotal": invoice.total, "amountPaid": invoice.paid, "amountRemaining": remaining(invoice),
        "issueDate": rfc3339(invoice.issue_date), "postedDate": rfc3339(invoice.posted_date),
        "dueDate": rfc3339(invoice.due_date),
    }  # fmt: skip
    return {key: value for key, value in content.items() if value is not None}


def _terms(session: Session, invoice: Invoice) -> str | None:
    from billing.tables.orders import Order

    order = None if invoice.order_id is None else session.get(Order, invoice.order_id)
    return None if order is None else order.payment_terms
