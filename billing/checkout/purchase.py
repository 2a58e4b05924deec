"""A purchase from the buyer's yes to the order: what is due, how it is paid, and that it happens exactly once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import ApiError, conflict
from billing.checkout.buyer import customer_of
from billing.checkout.fulfil import Due, buy, due_of, take_payment
from billing.checkout.methods import remember
from billing.checkout.providers import MANUAL, Paid, ProviderError, Purchase
from billing.checkout.terms import known_customer, tell
from billing.context import Billing
from billing.orders.begin import follow_up
from billing.tables.checkouts import Checkout, ProviderCustomer

log = structlog.get_logger()


@dataclass(frozen=True)
class Outcome:
    """Where a purchase stands. url: where the buyer goes to pay, for `pay`."""

    state: Literal["done", "pay", "waiting"]
    url: str | None = None


class _QuotedError(Exception):
    def __init__(self, due: Due) -> None:
        super().__init__()
        self.due = due


def quote(billing: Billing, checkout_id: str) -> Due | None:
    """What is to be paid now, to the cent: the purchase is made, looked at, and undone. None when it was made for good.

    Raises what buying raises.
    """
    now = billing.clock()

    def work(session: Session) -> None:
        row = session.get_one(Checkout, checkout_id)
        if row.completed_at is not None:
            return
        order = buy(session, row, customer_of(session, row, now), now)
        raise _QuotedError(due_of(session, order))

    try:
        billing.database.write(work)
    except _QuotedError as quoted:
        return quoted.due
    return None


def submit(billing: Billing, checkout_id: str) -> Outcome:
    """The buyer says yes. Sent twice, it is the same purchase. Raises ApiError, ProviderError."""
    now = billing.clock()
    with billing.database.read() as session:
        row = session.get_one(Checkout, checkout_id)
        if row.completed_at is not None:
            return Outcome("done")
        if row.submitted_at is not None and row.provider_url is not None:
            return Outcome("pay", row.provider_url)
        if row.submitted_at is not None:
            return Outcome("waiting")
    due = quote(billing, checkout_id)
    if due is None or due.amount == 0:
        complete(billing, checkout_id, _free)
        return Outcome("done")
    with billing.database.read() as session:
        purchase = _purchase(billing, session, session.get_one(Checkout, checkout_id), due)
    started = billing.payments.start(purchase)

    def work(session: Session) -> Outcome:
        row = session.get_one(Checkout, checkout_id, with_for_update=True)
        if row.completed_at is not None:
            return Outcome("done")
        if row.archived_at is not None:
            raise conflict(f"{row.id} is archived")
        if row.submitted_at is None:
            row.submitted_at = row.updated_at = now
            row.provider = billing.payments.name
            row.provider_session_id, row.provider_url = started.session_id, started.url
        return Outcome("waiting") if row.provider_url is None else Outcome("pay", row.provider_url)

    return billing.database.write(work)


def confirm(billing: Billing, checkout_id: str, reference: str | None) -> None:
    """The operator has seen the money of a purchase come in. Again changes nothing. Raises the API's 409 when nobody
    bought, or when a payment provider takes the money.
    """
    with billing.database.read() as session:
        row = session.get_one(Checkout, checkout_id)
        if row.completed_at is not None:
            return
        if row.submitted_at is None or row.archived_at is not None:
            raise conflict(f"{checkout_id}: nobody has ordered by it" if row.archived_at is None else "it is archived")
        if row.provider != MANUAL:
            raise conflict(f"{checkout_id} is paid through {row.provider}")
        currency = row.currency or ""
    key = f"{MANUAL}/{checkout_id}" + (f"/{reference}" if reference else "")
    complete(billing, checkout_id, lambda due: Paid(key, due.amount, currency, "bankTransfer"))


def look_for_payment(billing: Billing, checkout_id: str) -> bool:
    """Ask the provider whether the money came, and complete the purchase if so. Whether it is complete."""
    with billing.database.read() as session:
        row = session.get_one(Checkout, checkout_id)
        if row.completed_at is not None:
            return True
        asked = row.provider_session_id if row.provider == billing.payments.name else None
    paid = None if asked is None else billing.payments.paid(asked)
    if paid is None:
        return False
    received(billing, checkout_id, paid)
    return True


def received(billing: Billing, checkout_id: str, paid: Paid) -> None:
    """Money of a purchase came from the provider. It is on record even where the order cannot be made.

    Raises what buying raises; the same again, once the reason is gone, makes the order and pays it.
    """
    try:
        complete(billing, checkout_id, lambda _: paid)
    except ApiError as error:
        log.error("paid, but there is no order", checkout=checkout_id, payment=paid.key, reason=str(error))
        now = billing.clock()

        def work(session: Session) -> None:
            row = session.get_one(Checkout, checkout_id)
            take_payment(session, customer_of(session, row, now), None, paid, now)

        billing.database.write(work)
        raise


def complete(billing: Billing, checkout_id: str, paid_by: Callable[[Due], Paid | None]) -> str:
    """Customer, order, credits, invoice and payment, all or nothing, and only the first time. The order's id.

    paid_by: the payment, given what is due.
    """
    now = billing.clock()

    def work(session: Session) -> str:
        row = session.get_one(Checkout, checkout_id, with_for_update=True)
        if row.completed_at is not None and row.order_id is not None:
            return row.order_id
        customer = customer_of(session, row, now)
        order = buy(session, row, customer, now)
        paid = paid_by(due_of(session, order))
        if paid is not None:
            take_payment(session, customer, order, paid, now)
            remember(session, customer.id, billing.payments.name, paid, now)
        row.customer_id, row.order_id = customer.id, order.id
        row.completed_at = row.updated_at = now
        row.submitted_at = row.submitted_at or now
        session.flush()
        tell(session, "billing-checkout-completed", row, now, billing.public_url)
        return order.id

    order_id = billing.database.write(work)
    follow_up(billing, order_id, now)
    return order_id


def give_up_payment(billing: Billing, session_id: str) -> None:
    """A payment that was begun will not come any more: the purchase is open again until it expires."""
    now = billing.clock()

    def work(session: Session) -> None:
        row = session.scalar(select(Checkout).where(Checkout.provider_session_id == session_id).with_for_update())
        if row is not None and row.completed_at is None:
            row.submitted_at = row.provider_session_id = row.provider_url = None
            row.updated_at = now

    billing.database.write(work)


def archive(session: Session, row: Checkout, now: datetime) -> None:
    """Close a checkout. Raises the API's 409 for one that is completed, or whose payment is under way."""
    if row.completed_at is not None:
        raise conflict(f"{row.id} is completed")
    if row.submitted_at is not None and row.provider != MANUAL:
        raise conflict(f"{row.id}: a payment is under way")
    if row.archived_at is None:
        row.archived_at = row.updated_at = now


def _free(due: Due) -> None:
    if due.amount:
        raise conflict("the price has changed")


def _purchase(billing: Billing, session: Session, row: Checkout, due: Due) -> Purchase:
    customer_id = known_customer(session, row)
    known = None if customer_id is None else session.get(ProviderCustomer, (customer_id, billing.payments.name))
    base = f"{billing.public_url}/checkout/{row.session_token}"
    if row.currency is None:
        raise ProviderError("the checkout has no currency yet")
    return Purchase(
        checkout_id=row.id, attempt=row.updated_at.isoformat(), amount=due.amount, currency=row.currency,
        items=due.items, email=(row.buyer or {}).get("email"), return_url=f"{base}/return", back_url=f"{base}/pay",
        provider_customer=None if known is None else known.external_id,
    )  # fmt: skip
