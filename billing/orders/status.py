"""Where an order stands at a moment, and how it is paused, resumed and ended."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.orders.reprice import current_rows, ended_threads
from billing.orders.rows import close_row, open_row, sold_in, thread_of
from billing.orders.sold import sold_by
from billing.orders.threads import AMENDMENT
from billing.tables.orders import Order, OrderAttribute, OrderLine

Status = Literal["draft", "active", "paused", "ended"]


def status_of(order: Order, now: datetime) -> Status:
    """Its status at a moment."""
    if order.activated_at is None:
        return "draft"
    if order.end_date is not None and order.end_date <= now:
        return "ended"
    return "paused" if order.paused_at is not None else "active"


def has_status(status: Status, now: datetime) -> ColumnElement[bool]:
    """The condition on orders that `status_of` says this of."""
    if status == "draft":
        return Order.activated_at.is_(None)
    over = and_(Order.end_date.is_not(None), Order.end_date <= now)
    if status == "ended":
        return and_(Order.activated_at.is_not(None), over)
    paused: ColumnElement[Any] = Order.paused_at.is_not(None) if status == "paused" else Order.paused_at.is_(None)
    return and_(Order.activated_at.is_not(None), or_(Order.end_date.is_(None), Order.end_date > now), paused)


def pause(session: Session, order: Order, now: datetime) -> None:
    """Sell nothing until it is resumed; what is paid for or granted stays. Raises the API's 400 unless it is active."""
    if status_of(order, now) == "paused":
        return
    _check(order, now, "active", "paused")
    order.paused_at = order.updated_at = order.next_due = now
    order.version += 1
    for line in order.lines:
        for row in current_rows(session, line, now):
            close_row(session, row, now)
    session.flush()


def resume(session: Session, order: Order, now: datetime) -> None:
    """Sell again, at what the catalog or the order's author says, and as it was amended. Raises the API's 400 unless it
    is paused.

    A period that was charged already is not charged again.
    """
    if status_of(order, now) == "active":
        return
    _check(order, now, "paused", "resumed")
    paused_at, order.paused_at = order.paused_at, None
    order.updated_at = order.next_due = now
    order.version += 1
    session.flush()
    for line in order.lines:
        begin = max(now, line.start_date, order.start_date)
        if line.end_date is None or begin < line.end_date:
            kept = _reopen_amended(session, order, line, paused_at, begin) | ended_threads(session, line)
            for place, each in enumerate(sold_by(session, order, line)):
                thread = thread_of(line, each, place)
                if thread not in kept:
                    open_row(session, order, line, each, thread, begin, "resume", place)
    session.flush()


def _reopen_amended(
    session: Session, order: Order, line: OrderLine, paused_at: datetime | None, begin: datetime
) -> set[str]:
    """Sell on what amendments had made of a line when it was paused; the threads."""
    query = select(OrderAttribute).where(
        OrderAttribute.order_line_id == line.id,
        OrderAttribute.opened_by == AMENDMENT,
        OrderAttribute.valid_to == paused_at,
    )
    threads = set()
    for row in session.scalars(query).all():
        opened = open_row(session, order, line, sold_in(row), row.thread, begin, AMENDMENT)
        opened.position = row.position
        threads.add(row.thread)
    return threads


def end(session: Session, order: Order, at: datetime, now: datetime) -> None:
    """End it at a moment, which may be now or later. Raises the API's 400 for a draft, or one that has ended.

    A past moment would change what was billed; it is refused.
    """
    if status_of(order, now) not in ("active", "paused"):
        raise invalid(f"{order.id} is {status_of(order, now)}; it cannot be ended")
    if at < now:
        raise invalid("endDate: must not be past")
    order.end_date = at
    order.updated_at = order.next_due = now
    order.version += 1
    for line in order.lines:
        for row in current_rows(session, line, now):
            close_row(session, row, at)
    session.flush()


def _check(order: Order, now: datetime, wanted: Status, done: str) -> None:
    status = status_of(order, now)
    if status != wanted:
        raise invalid(f"{order.id} is {status}; only an order that is {wanted} can be {done}")
