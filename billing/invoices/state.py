"""How an invoice stands: what is still to be paid of it and of its lines, by when, and what it is called."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, false, func, or_

from billing.tables.invoices import Invoice, InvoiceLine

DRAFT: Final = "draft"
POSTED: Final = "posted"
VOIDED: Final = "voided"

_DISPLAY: Final = re.compile(r"INV-(\d{4,18})")
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


def due_date(posted: datetime, terms: str | None) -> datetime | None:
    """When it is to be paid by: `net_30`, `Net 30` and `30` are 30 days after it is posted, terms without a number are
    at once, and no terms at all are no date.
    """
    if terms is None:
        return None
    found = _DAYS.search(terms)
    return posted + timedelta(days=int(found.group()) if found else 0)


def display_number(invoice: Invoice) -> str:
    """The number that people see."""
    return f"INV-{invoice.number:04d}"


def number_of(display: str) -> int:
    """The number that a display number stands for; -1 for a text that is none."""
    found = _DISPLAY.fullmatch(display)
    return int(found.group(1)) if found and f"INV-{int(found.group(1)):04d}" == display else -1


def has_payment_status(status: str, now: datetime) -> ColumnElement[bool]:
    """The condition on invoices that `payment_status` says this of."""
    row = Invoice
    is_paid = and_(row.status == POSTED, row.paid >= row.total)
    is_late = and_(row.status == POSTED, row.paid < row.total, func.coalesce(row.due_date < now, false()))
    others: dict[str, ColumnElement[Any]] = {"paid": is_paid, "overdue": is_late}
    others["partiallyPaid"] = and_(row.paid > 0, ~is_paid, ~is_late)
    others["pending"] = and_(row.paid <= 0, ~is_paid, ~is_late)
    return others.get(status, or_(false()))
