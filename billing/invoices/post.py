"""Post an invoice, or make it void."""

from datetime import datetime

from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.invoices import shown_invoice
from billing.invoices.state import DRAFT, POSTED, VOIDED, due_date
from billing.orders.credits import release
from billing.tables.invoices import Invoice
from billing.tables.orders import Order
from billing.webhooks.emit import emit


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
    invoice.due_date = due_date(now, _terms(session, invoice))
    if invoice.total <= 0:
        invoice.paid_date = now
    session.flush()
    tell(session, "posted", invoice, now)
    if invoice.total <= 0:
        tell(session, "paid", invoice, now)
    if invoice.order_id is not None:
        release(session, session.get_one(Order, invoice.order_id), now)


def void_invoice(session: Session, invoice: Invoice, now: datetime) -> None:
    """Nothing is to be paid of it any more. Raises the API's 400 when some of it is paid. Never commits."""
    if invoice.status == VOIDED:
        return
    if invoice.paid:
        raise invalid(f"{invoice.id}: {invoice.paid} of it are paid already")
    invoice.status = VOIDED
    invoice.updated_at = now
    session.flush()


def tell(session: Session, what: str, invoice: Invoice, now: datetime) -> None:
    """Tell those who want to know that an invoice was created, posted or paid. Never commits."""
    shown = shown_invoice(invoice, now).model_dump(mode="json", by_alias=True, exclude_none=True)
    emit(session, f"billing-invoice-{what}", invoice.id, shown, now)


def _terms(session: Session, invoice: Invoice) -> str | None:
    order = None if invoice.order_id is None else session.get(Order, invoice.order_id)
    return None if order is None else order.payment_terms
