"""Orders follow the catalog: a changed price of a product or plan holds from now on, never for what is past."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.api.errors import ApiError
from billing.orders.overrides import Sold
from billing.orders.rows import close_row, end_of, open_row, replace_row, terms, thread_of
from billing.orders.sold import sold_by
from billing.tables.orders import Order, OrderAttribute, OrderLine


def follow_catalog(session: Session, product_id: str, now: datetime) -> int:
    """Close the dated prices of what is sold otherwise now, and open new ones; how many lines changed.

    Lines that say themselves what they sell stay as they are; so do those whose order's currency has no such price.
    Never commits.
    """
    session.flush()
    query = (
        select(OrderLine, Order)
        .join(Order, Order.id == OrderLine.order_id)
        .where(
            OrderLine.product_id == product_id,
            OrderLine.overrides.is_(None),
            Order.activated_at.is_not(None),
            Order.paused_at.is_(None),
            Order.deleted_at.is_(None),
            or_(Order.end_date.is_(None), Order.end_date > now),
        )
        .order_by(Order.number, OrderLine.position)
    )
    return sum(_follow(session, order, line, now) for line, order in session.execute(query).all())


def _follow(session: Session, order: Order, line: OrderLine, now: datetime) -> bool:
    end = end_of(order, line)
    if end is not None and end <= now:
        return False
    try:
        sold = sold_by(session, order, line)
    except ApiError:
        return False
    changed = _change(session, order, line, sold, now)
    if changed:
        order.next_due = now
        session.flush()
    return changed


def _change(session: Session, order: Order, line: OrderLine, sold: Iterable[Sold], now: datetime) -> bool:
    wanted = {thread_of(line, each, place): each for place, each in enumerate(sold)}
    held = {row.thread: row for row in current_rows(session, line, now) if row.opened_by != "amendment"}
    amended = {row.thread for row in current_rows(session, line, now)} - set(held) | ended_threads(session, line)
    changed = False
    for thread, row in held.items():
        each = wanted.get(thread)
        if each is None:
            close_row(session, row, now)
            changed = True
        elif any(getattr(row, column) != value for column, value in terms(each).items()):
            replace_row(session, order, line, row, each, now, "catalog")
            changed = True
    begin = max(now, line.start_date, order.start_date)
    for place, (thread, each) in enumerate(wanted.items()):
        if thread not in held and thread not in amended:
            open_row(session, order, line, each, thread, begin, "catalog", place)
            changed = True
    return changed


def ended_threads(session: Session, line: OrderLine) -> set[str]:
    """The attributes of a line that amendments ended; they stay so."""
    query = select(OrderAttribute).where(OrderAttribute.order_line_id == line.id, OrderAttribute.ended_by.is_not(None))
    return {row.thread for row in session.scalars(query)}


def current_rows(session: Session, line: OrderLine, now: datetime) -> list[OrderAttribute]:
    """What of a line is in force, or will be; of each thread the last row."""
    query = (
        select(OrderAttribute)
        .where(
            OrderAttribute.order_line_id == line.id,
            or_(OrderAttribute.valid_to.is_(None), OrderAttribute.valid_to > now),
        )
        .order_by(OrderAttribute.valid_from, OrderAttribute.id)
    )
    return list({row.thread: row for row in session.scalars(query)}.values())
