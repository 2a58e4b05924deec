"""The export: what was posted, voided or paid since the last time goes to Xero, each step on record as it is done.

It may be stopped anywhere and run again: what Xero took and we did not note is sent again under the same number or
key, which changes nothing there. One invoice that Xero refuses holds up no other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from billing.context import Billing
from billing.invoices.state import POSTED, VOIDED
from billing.tables.customers import Customer
from billing.tables.invoices import Invoice, Payment, PaymentAllocation
from billing.tables.xero import XeroContact, XeroInvoice, XeroPayment
from billing.xero.build import contact_of, invoice_of, major
from billing.xero.sent import InvoiceSent, PaymentSent, XeroClient, XeroError, XeroSettings

log = structlog.get_logger()


@dataclass(frozen=True)
class Exported:
    """How many were sent. failed: our ids of invoices that were refused, with the reason."""

    invoices: int
    voided: int
    payments: int
    failed: Sequence[tuple[str, str]]


def export_invoices(billing: Billing, client: XeroClient, settings: XeroSettings | None = None) -> Exported:
    """Bring Xero up to date. Raises nothing for single invoices; they are in `failed`, and tried again next time."""
    terms = settings or XeroSettings()
    failed: list[tuple[str, str]] = []
    sent = voided = paid = 0
    for each in _to_send(billing):
        sent += _tried(failed, each, partial(_send, billing, client, terms, each))
    for each in _to_void(billing):
        voided += _tried(failed, each, partial(_void, billing, client, each))
    for payment_id, invoice_id, amount in _to_pay(billing) if terms.payment_account else ():
        paid += _tried(failed, invoice_id, partial(_pay, billing, client, terms, payment_id, invoice_id, amount))
    return Exported(sent, voided, paid, failed)


@dataclass(frozen=True)
class Due:
    """What an export would send: numbers of invoices, and how many payments; those of the invoices of this run too."""

    invoices: Sequence[str]
    voided: Sequence[str]
    payments: int


def due(billing: Billing, settings: XeroSettings) -> Due:
    """What there is to send. Changes nothing, and does not ask Xero, which may refuse some of it."""
    invoices, voids = _to_send(billing), _to_void(billing)
    payments = _to_pay(billing, invoices) if settings.payment_account else []
    with billing.database.read() as session:
        numbers = {row.id: row.number for row in session.execute(select(Invoice.id, Invoice.number))}
    return Due([_named(numbers, each) for each in invoices], [_named(numbers, each) for each in voids], len(payments))


def _named(numbers: Mapping[str, object], invoice_id: str) -> str:
    return str(numbers[invoice_id] or invoice_id)


def _tried(failed: list[tuple[str, str]], invoice_id: str, step: Callable[[], None]) -> int:
    try:
        step()
    except XeroError as error:
        failed.append((invoice_id, str(error)))
        log.warning("xero refused an invoice", invoice=invoice_id, error=str(error))
        return 0
    return 1


def _to_send(billing: Billing) -> list[str]:
    query = (
        select(Invoice.id)
        .outerjoin(XeroInvoice, XeroInvoice.invoice_id == Invoice.id)
        .where(Invoice.status == POSTED, XeroInvoice.xero_id.is_(None))
        .order_by(Invoice.number)
    )
    with billing.database.read() as session:
        return list(session.scalars(query))


def _to_void(billing: Billing) -> list[str]:
    query = (
        select(Invoice.id)
        .join(XeroInvoice, XeroInvoice.invoice_id == Invoice.id)
        .where(Invoice.status == VOIDED, XeroInvoice.xero_id.is_not(None), XeroInvoice.status != "VOIDED")
        .order_by(Invoice.number)
    )
    with billing.database.read() as session:
        return list(session.scalars(query))


def _to_pay(billing: Billing, about_to_be_sent: Sequence[str] = ()) -> list[tuple[str, str, int]]:
    sent = select(XeroInvoice.invoice_id).where(XeroInvoice.status == "AUTHORISED")
    total = func.sum(PaymentAllocation.amount)
    known = and_(
        XeroPayment.payment_id == PaymentAllocation.payment_id, XeroPayment.invoice_id == PaymentAllocation.invoice_id
    )
    query = (
        select(PaymentAllocation.payment_id, PaymentAllocation.invoice_id, total)
        .outerjoin(XeroPayment, known)
        .where(or_(PaymentAllocation.invoice_id.in_(sent), PaymentAllocation.invoice_id.in_(about_to_be_sent)))
        .group_by(PaymentAllocation.payment_id, PaymentAllocation.invoice_id, XeroPayment.amount)
        .having(or_(XeroPayment.amount.is_(None), total > XeroPayment.amount))
        .order_by(PaymentAllocation.payment_id, PaymentAllocation.invoice_id)
    )
    with billing.database.read() as session:
        return [(payment, invoice, int(amount)) for payment, invoice, amount in session.execute(query)]


def _send(billing: Billing, client: XeroClient, settings: XeroSettings, invoice_id: str) -> None:
    now = billing.clock()
    try:
        with billing.database.read() as session:
            customer_id = session.get_one(Invoice, invoice_id).customer_id
        contact_id = _contact(billing, client, customer_id, now)
        with billing.database.read() as session:
            sent = invoice_of(session, session.get_one(Invoice, invoice_id), contact_id, settings)
        _check(sent)
        xero_id = client.invoice(sent)
    except XeroError as error:
        _note(billing, invoice_id, now, None, None, str(error))
        raise
    _note(billing, invoice_id, now, xero_id, "AUTHORISED", None)


def _contact(billing: Billing, client: XeroClient, customer_id: str, now: datetime) -> str:
    with billing.database.read() as session:
        sent = contact_of(session, session.get_one(Customer, customer_id))
        known = session.get(XeroContact, customer_id)
    if known is not None and known.digest == sent.digest:
        return known.contact_id
    contact_id = client.contact(sent, None if known is None else known.contact_id)

    def work(session: Session) -> None:
        row = session.get(XeroContact, customer_id) or XeroContact(customer_id=customer_id)
        row.contact_id, row.name, row.digest, row.sent_at = contact_id, sent.name, sent.digest, now
        session.add(row)

    billing.database.write(work)
    return contact_id


def _void(billing: Billing, client: XeroClient, invoice_id: str) -> None:
    now = billing.clock()
    with billing.database.read() as session:
        xero_id = session.get_one(XeroInvoice, invoice_id).xero_id
    client.void(xero_id or "")
    _note(billing, invoice_id, now, xero_id, "VOIDED", None)


def _pay(
    billing: Billing, client: XeroClient, settings: XeroSettings, payment_id: str, invoice_id: str, amount: int
) -> None:
    now = billing.clock()
    with billing.database.read() as session:
        payment = session.get_one(Payment, payment_id)
        known = session.get(XeroPayment, (payment_id, invoice_id))
        part = amount - (0 if known is None else known.amount)
        sent = PaymentSent(
            key=f"{payment_id}/{invoice_id}/{amount}", reference=payment_id,
            invoice_id=session.get_one(XeroInvoice, invoice_id).xero_id or "", account=settings.payment_account or "",
            paid_on=payment.payment_date.date(), amount=major(part, payment.currency),
        )  # fmt: skip
    xero_id = client.payment(sent)

    def work(session: Session) -> None:
        row = session.get(XeroPayment, (payment_id, invoice_id))
        row = row or XeroPayment(payment_id=payment_id, invoice_id=invoice_id)
        row.amount, row.xero_id, row.sent_at = amount, xero_id, now
        session.add(row)

    billing.database.write(work)


def _note(
    billing: Billing, invoice_id: str, now: datetime, xero_id: str | None, status: str | None, error: str | None
) -> None:
    def work(session: Session) -> None:
        row = session.get(XeroInvoice, invoice_id) or XeroInvoice(invoice_id=invoice_id)
        row.xero_id, row.status, row.error, row.sent_at = xero_id, status, error, now
        session.add(row)

    billing.database.write(work)


def _check(sent: InvoiceSent) -> None:
    if sum(line.amount for line in sent.lines) < 0:
        raise XeroError("its total is below zero, and Xero takes such only as credit notes")
