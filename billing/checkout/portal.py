"""The customer portal: a page with a customer's orders, credits and invoices, behind a link that expires."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from billing.api.errors import invalid, not_found
from billing.api.schemas.portals import CustomerPortal as Shown
from billing.api.schemas.portals import CustomerPortalCreate
from billing.checkout.money import grouped, money_text
from billing.checkout.terms import new_token
from billing.checkout.web import handler, message, page
from billing.context import Billing
from billing.customers.find import customer_by_external_id, customer_by_id
from billing.ids import new_id
from billing.invoices.state import POSTED, remaining
from billing.ledger.balances import SEAT, balances
from billing.orders.status import status_of
from billing.tables.checkouts import CustomerPortal
from billing.tables.customers import Customer
from billing.tables.invoices import Invoice
from billing.tables.orders import Order
from billing.units import from_micro

LIFETIME: Final = timedelta(hours=24)
_MOST_SHOWN: Final = 200


def create(session: Session, body: CustomerPortalCreate, now: datetime) -> CustomerPortal:
    """A link to a customer's portal. Raises the API's 400 or 404."""
    if body.expires_at is not None and body.expires_at <= now:
        raise invalid("expiresAt: must be in the future")
    if body.customer_id is not None:
        customer = customer_by_id(session, body.customer_id)
    else:
        customer = customer_by_external_id(session, body.external_customer_id or "")
    row = CustomerPortal(
        id=new_id("cp"), token=new_token(), customer_id=customer.id, return_url=body.return_url,
        expires_at=body.expires_at or now + LIFETIME, created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def shown(row: CustomerPortal, now: datetime, public_url: str) -> Shown:
    """A portal as the API shows it."""
    return Shown(
        id=row.id, customer_id=row.customer_id, url=f"{public_url}/portal/{row.token}",
        status="active" if now < row.expires_at else "expired", return_url=row.return_url, expires_at=row.expires_at,
        created_at=row.created_at,
    )  # fmt: skip


def portal_routes(billing: Billing) -> list[BaseRoute]:
    """Where the page is: `/portal/TOKEN`."""

    def portal(request: Request, form: Mapping[str, str]) -> Response:
        del form
        now = billing.clock()
        with billing.database.read() as session:
            row = session.scalar(select(CustomerPortal).where(CustomerPortal.token == request.path_params["token"]))
            if row is None:
                raise not_found("customer portal", "")
            if row.expires_at <= now:
                link = None if row.return_url is None else ("Go back", row.return_url)
                return message(410, "This link has expired", "Please ask for a new one.", link)
            customer = session.get_one(Customer, row.customer_id)
            return page(
                "portal.html", title="Your account", customer=customer.name, orders=_orders(session, customer, now),
                balances=_balances(session, customer, now), invoices=_invoices(session, customer),
                return_url=row.return_url,
            )  # fmt: skip

    return [Route("/portal/{token}", handler(portal), methods=["GET"])]


def _orders(session: Session, customer: Customer, now: datetime) -> list[dict[str, Any]]:
    query = select(Order).where(Order.customer_id == customer.id, Order.deleted_at.is_(None))
    orders = session.scalars(query.order_by(Order.number.desc()).limit(_MOST_SHOWN))
    return [
        {
            "name": order.name,
            "products": ", ".join(line.name for line in order.lines),
            "since": order.start_date.date().isoformat(),
            "state": status_of(order, now),
        }
        for order in orders
    ]


def _balances(session: Session, customer: Customer, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "name": each.currency_name + (" (seats)" if each.recipient == SEAT else ""),
            "available": grouped(from_micro(each.available)),
            "used": grouped(from_micro(each.used)),
        }
        for each in balances(session, customer.id, now)
    ]


def _invoices(session: Session, customer: Customer) -> list[dict[str, Any]]:
    query = select(Invoice).where(Invoice.customer_id == customer.id, Invoice.status == POSTED)
    invoices = session.scalars(query.order_by(Invoice.number.desc()).limit(_MOST_SHOWN))
    return [
        {
            "number": invoice.number,
            "issued": invoice.issue_date.date().isoformat(),
            "due": "" if invoice.due_date is None else invoice.due_date.date().isoformat(),
            "total": money_text(invoice.total, invoice.currency),
            "open": money_text(remaining(invoice), invoice.currency),
        }
        for invoice in invoices
    ]
