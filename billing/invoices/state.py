"""How an invoice stands: what is still to be paid of it and of its lines, by when, and what it is called."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from billing.tables.invoices import Invoice, InvoiceLine

DRAFT: Final = "draft"
POSTED: Final = "posted"
VOIDED: Final = "voided"

_DAYS: Final = re.compile(r"\d{1,4}")


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
