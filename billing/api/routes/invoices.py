"""`/invoices`: what customers are asked to pay."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Query
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from billing.api.dates import at_or_after, at_or_before
from billing.api.errors import not_found
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.invoices import (
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    InvoiceUpdate,
    PaymentStatus,
    shown_invoice,
    shown_line,
)
from billing.context import Billing
from billing.customers.find import customer_by_external_id, customer_by_id
from billing.invoices.post import post_invoice, void_invoice
from billing.invoices.state import has_payment_status, number_of
from billing.tables import invoices as tables

routes = router("invoices")


@routes.get("/invoices", response_model_exclude_none=True)
def list_invoices(
    billing: Shared,
    part: Paged,
    customer_id: Annotated[str | None, Query(alias="customerId")] = None,
    external_customer_id: Annotated[str | None, Query(alias="externalCustomerId")] = None,
    order_id: Annotated[str | None, Query(alias="orderId")] = None,
    status: Annotated[InvoiceStatus | None, Query()] = None,
    payment_status: Annotated[PaymentStatus | None, Query(alias="paymentStatus")] = None,
    issue_date_from: Annotated[str | None, Query(alias="issueDateFrom")] = None,
    issue_date_to: Annotated[str | None, Query(alias="issueDateTo")] = None,
    due_date_from: Annotated[str | None, Query(alias="dueDateFrom")] = None,
    due_date_to: Annotated[str | None, Query(alias="dueDateTo")] = None,
    display_number: Annotated[str | None, Query(alias="displayNumber")] = None,
    purchase_order_reference: Annotated[str | None, Query(alias="purchaseOrderReference")] = None,
    currency: Annotated[str | None, Query()] = None,
) -> Listed[Invoice]:
    """Invoices, the newest first."""
    now = billing.clock()
    row = tables.Invoice
    conditions = [
        None if order_id is None else row.order_id == order_id,
        None if status is None else row.status == status,
        None if payment_status is None else has_payment_status(payment_status, now),
        None if display_number is None else row.number == number_of(display_number),
        None if purchase_order_reference is None else row.purchase_order_reference == purchase_order_reference,
        None if currency is None else row.currency == currency.upper(),
    ]
    for column, since, until, name in (
        (row.issue_date, issue_date_from, issue_date_to, "issueDate"),
        (row.due_date, due_date_from, due_date_to, "dueDate"),
    ):
        first, last = at_or_after(since, f"{name}From"), at_or_before(until, f"{name}To")
        conditions += [None if first is None else column >= first, None if last is None else column <= last]
    query = select(row).order_by(row.issue_date.desc(), row.number.desc())
    query = query.where(and_(True, *(each for each in conditions if each is not None)))
    with billing.database.read() as session:
        if customer_id is not None:
            query = query.where(row.customer_id == customer_by_id(session, customer_id).id)
        if external_customer_id is not None:
            query = query.where(row.customer_id == customer_by_external_id(session, external_customer_id).id)
        return listed(session, query, part, lambda invoice: shown_invoice(invoice, now))


@routes.get("/invoices/{invoice_id}", response_model_exclude_none=True)
def get_invoice_by_id(billing: Shared, invoice_id: str) -> Invoice:
    """An invoice."""
    with billing.database.read() as session:
        return shown_invoice(_invoice(session, invoice_id), billing.clock())


@routes.put("/invoices/{invoice_id}", response_model_exclude_none=True)
def update_invoice_by_id(billing: Shared, invoice_id: str, body: InvoiceUpdate) -> Invoice:
    """Change the caller's own content of an invoice."""

    def change(session: Session, invoice: tables.Invoice, now: datetime) -> None:
        if "metadata" in body.model_fields_set:
            invoice.details = body.metadata
            invoice.updated_at = now
        session.flush()

    return _change(billing, invoice_id, change)


@routes.get("/invoices/{invoice_id}/lines", response_model_exclude_none=True)
def get_invoice_lines(billing: Shared, invoice_id: str, part: Paged) -> Listed[InvoiceLine]:
    """The lines of an invoice."""
    now = billing.clock()
    with billing.database.read() as session:
        invoice = _invoice(session, invoice_id)
        query = select(tables.InvoiceLine).where(tables.InvoiceLine.invoice_id == invoice.id)
        query = query.order_by(tables.InvoiceLine.position)
        return listed(session, query, part, lambda line: shown_line(line, invoice, now))


@routes.post("/invoices/{invoice_id}/post", response_model_exclude_none=True)
def post(billing: Shared, invoice_id: str) -> Invoice:
    """Make a draft final. Not in the SDKs."""
    return _change(billing, invoice_id, post_invoice)


@routes.post("/invoices/{invoice_id}/void", response_model_exclude_none=True)
def void(billing: Shared, invoice_id: str) -> Invoice:
    """Nothing of it is to be paid. Not in the SDKs."""
    return _change(billing, invoice_id, void_invoice)


def _invoice(session: Session, invoice_id: str) -> tables.Invoice:
    invoice = session.get(tables.Invoice, invoice_id)
    if invoice is None:
        raise not_found("invoice", invoice_id)
    return invoice


def _change(billing: Billing, invoice_id: str, what: Callable[[Session, tables.Invoice, datetime], None]) -> Invoice:
    now = billing.clock()

    def work(session: Session) -> Invoice:
        session.execute(select(tables.Invoice.id).where(tables.Invoice.id == invoice_id).with_for_update())
        invoice = _invoice(session, invoice_id)
        what(session, invoice, now)
        return shown_invoice(invoice, now)

    return billing.database.write(work)
