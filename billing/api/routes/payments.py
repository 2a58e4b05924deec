"""`/payments` and `/payment-allocations`: what came in, and which invoice lines it pays."""

from typing import Annotated

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import invalid, not_found
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.invoices import (
    Allocation,
    AllocationCreate,
    AllocationsMade,
    Payment,
    PaymentCreate,
    PaymentState,
    shown_allocation,
    shown_payment,
)
from billing.customers.find import customer_by_external_id, customer_by_id
from billing.invoices.pay import NewPayment, allocate, record_payment
from billing.tables import invoices as tables
from billing.tables.customers import Customer

routes = router("payments")


@routes.get("/payments", response_model_exclude_none=True)
def list_payments(
    billing: Shared,
    part: Paged,
    customer_id: Annotated[str | None, Query(alias="customerId")] = None,
    external_customer_id: Annotated[str | None, Query(alias="externalCustomerId")] = None,
    status: Annotated[PaymentState | None, Query()] = None,
) -> Listed[Payment]:
    """Payments, the newest first."""
    query = select(tables.Payment).order_by(tables.Payment.created_at.desc(), tables.Payment.number.desc())
    if status is not None:
        query = query.where(tables.Payment.status == status)
    with billing.database.read() as session:
        if customer_id is not None or external_customer_id is not None:
            customer = _customer(session, customer_id, external_customer_id)
            query = query.where(tables.Payment.customer_id == customer.id)
        return listed(session, query, part, shown_payment)


@routes.post("/payments", response_model_exclude_none=True)
def create_payment(billing: Shared, body: PaymentCreate) -> Payment:
    """Record a payment that came outside; it pays nothing until it is allocated."""
    now = billing.clock()

    def work(session: Session) -> Payment:
        customer = _customer(session, body.customer_id, body.external_customer_id)
        wanted = NewPayment(
            customer_id=customer.id, amount=body.amount, currency=body.currency, payment_type=body.payment_type,
            status=body.status or "posted", payment_date=body.payment_date, metadata=body.metadata,
        )  # fmt: skip
        return shown_payment(record_payment(session, wanted, now))

    return billing.database.write(work)


@routes.get("/payments/{payment_id}", response_model_exclude_none=True)
def get_payment(billing: Shared, payment_id: str) -> Payment:
    """A payment."""
    with billing.database.read() as session:
        return shown_payment(_payment(session, payment_id))


@routes.get("/payment-allocations", response_model_exclude_none=True)
def list_payment_allocations(
    billing: Shared,
    part: Paged,
    payment_id: Annotated[str | None, Query(alias="paymentId")] = None,
    invoice_id: Annotated[str | None, Query(alias="invoiceId")] = None,
) -> Listed[Allocation]:
    """Allocations, the oldest first."""
    row = tables.PaymentAllocation
    query = select(row).order_by(row.created_at, row.id)
    with billing.database.read() as session:
        if payment_id is not None:
            query = query.where(row.payment_id == _payment(session, payment_id).id)
        if invoice_id is not None:
            if session.get(tables.Invoice, invoice_id) is None:
                raise not_found("invoice", invoice_id)
            query = query.where(row.invoice_id == invoice_id)
        return listed(session, query, part, shown_allocation)


@routes.post("/payment-allocations", response_model_exclude_none=True)
def create_payment_allocation(billing: Shared, body: AllocationCreate) -> AllocationsMade:
    """Allocate a payment to invoice lines: never more than is left of it, or due of a line."""
    now = billing.clock()

    def work(session: Session) -> AllocationsMade:
        session.execute(select(tables.Payment.id).where(tables.Payment.id == body.payment_id).with_for_update())
        payment = _payment(session, body.payment_id)
        for place, each in enumerate(body.allocations):
            if each.currency is not None and each.currency != payment.currency:
                raise invalid(f"allocations[{place}].currency: the payment is in {payment.currency}")
        parts = [(each.invoice_line_id, each.amount) for each in body.allocations]
        return AllocationsMade(data=[shown_allocation(each) for each in allocate(session, payment, parts, now)])

    return billing.database.write(work)


def _payment(session: Session, payment_id: str) -> tables.Payment:
    payment = session.get(tables.Payment, payment_id)
    if payment is None:
        raise not_found("payment", payment_id)
    return payment


def _customer(session: Session, customer_id: str | None, external_id: str | None) -> Customer:
    if customer_id is not None and external_id is None:
        return customer_by_id(session, customer_id)
    if external_id is not None and customer_id is None:
        return customer_by_external_id(session, external_id)
    raise invalid("customerId: give either it or externalCustomerId")
