"""Time goes by: the credits and invoices of periods that have begun, or are over, for each order exactly once."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import ApiError
from billing.context import Billing
from billing.invoices.charges import next_charge
from billing.invoices.issue import issue, to_measure
from billing.invoices.usage import Usage, Window, measure, windows
from billing.orders.credits import grant_credits, next_cycle, release
from billing.orders.periods import FAR
from billing.orders.seats import fit_seats
from billing.orders.threads import Segment, attributes_of, segments
from billing.tables.invoices import Invoice
from billing.tables.orders import Order

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 200
_SWEEP: Final = timedelta(days=1)
"""So long after its end an order is looked at for the last time: usage of its last hours is in by then."""


def advance(billing: Billing, now: datetime, *, customer_id: str | None = None, order_id: str | None = None) -> int:
    """Open the grants and issue the invoices that are due, of all orders or of some; how many orders were due.

    May be called at any time and by several at once: nothing is given or charged twice. An order that fails is logged,
    and tried again a minute later. Usage is read from the lake before anything is written.
    """
    done = 0
    while True:
        due, usage = _read(billing, now, customer_id, order_id)
        for each in due:
            _one(billing, each, usage, now)
        done += len(due)
        if len(due) < _AT_ONCE:
            return done


def advance_order(session: Session, order: Order, now: datetime, usage: Usage | None = None) -> list[Invoice]:
    """Do what is due for one order; the invoices that were made. Never commits.

    usage: see `billing.invoices.usage`; without it what needs it is left to `advance`.
    """
    session.flush()
    rows = attributes_of(session, order)
    fit_seats(session, order, rows, now)
    of = segments(order, rows)
    issued = issue(session, order, of, usage, now)
    grant_credits(session, order, of, now)
    release(session, order, now, issued.blocked)
    order.next_due = now if issued.blocked and usage is None else next_due(order, of, now)
    session.flush()
    return issued.invoices


def next_due(order: Order, of: Sequence[Segment], now: datetime) -> datetime | None:
    """When something of the order is due next; None where nothing ever is."""
    if order.end_date is not None and order.end_date <= now:
        sweep = order.end_date + _SWEEP
        return sweep if sweep > now else None
    moments = [moment for each in of for moment in (next_charge(order, each, now), next_cycle(order, each, now))]
    return min(
        (moment for moment in (*moments, order.end_date) if moment is not None and now < moment < FAR), default=None
    )


def _read(
    billing: Billing, now: datetime, customer_id: str | None, order_id: str | None
) -> tuple[list[str], Usage | None]:
    query = (
        select(Order)
        .where(Order.activated_at.is_not(None), Order.deleted_at.is_(None), Order.next_due <= now)
        .order_by(Order.next_due, Order.id)
        .limit(_AT_ONCE)
    )
    if customer_id is not None:
        query = query.where(Order.customer_id == customer_id)
    if order_id is not None:
        query = query.where(Order.id == order_id)
    wanted: list[Window] = []
    with billing.database.read() as session:
        due = list(session.scalars(query))
        for order in due:
            wanted.extend(_wanted(session, order, now))
    usage = None if billing.lake is None else measure(billing.lake, wanted)
    return [order.id for order in due], usage


def _wanted(session: Session, order: Order, now: datetime) -> list[Window]:
    of = segments(order, attributes_of(session, order))
    return windows(session, order, to_measure(session, order, of, now))


def _one(billing: Billing, order_id: str, usage: Usage | None, now: datetime) -> None:
    def work(session: Session) -> None:
        order = session.get(Order, order_id, with_for_update=True)
        if order is not None and order.activated_at is not None and order.deleted_at is None:
            advance_order(session, order, now, usage)
            if order.next_due is not None and order.next_due <= now:
                order.next_due = now + timedelta(minutes=1)  # its usage is not at hand

    def later(session: Session) -> None:
        session.get_one(Order, order_id).next_due = now + timedelta(minutes=1)

    try:
        billing.database.write(work)
    except (ApiError, ValueError) as error:
        _log.error("order %s could not be advanced: %s", order_id, error)
        billing.database.write(later)
