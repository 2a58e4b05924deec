"""Opening and closing the dated prices of an order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from billing.catalog.pricing import CreditBenefit, parse_pricing, stored
from billing.ids import new_id
from billing.orders.overrides import Sold
from billing.orders.periods import Calendar
from billing.orders.threads import attributes_of, is_alike, segments
from billing.tables.orders import Order, OrderAttribute, OrderLine

PLACES: Final = 1000
LAST: Final = PLACES - 1
"""Positions of the attributes of one line; what is added later comes last."""


def thread_of(line: OrderLine, sold: Sold, place: int) -> str:
    """What names an attribute of a line for as long as it is sold."""
    return f"{line.id}/{sold.product_attribute_id or place}"


def open_row(
    session: Session,
    order: Order,
    line: OrderLine,
    sold: Sold,
    thread: str,
    since: datetime,
    opened_by: str,
    place: int = LAST,
    first_period: str | None = None,
) -> OrderAttribute:
    """What a line sells from a moment on, to the line's or the order's end."""
    row = OrderAttribute(
        id=new_id("oa"), order_id=order.id, order_line_id=line.id, customer_id=order.customer_id,
        product_id=line.product_id, product_attribute_id=sold.product_attribute_id, valid_from=since,
        valid_to=end_of(order, line), series=thread, opened_by=opened_by,
        position=line.position * PLACES + min(place, LAST), first_period=first_period, **terms(sold),
    )  # fmt: skip
    session.add(row)
    return row


def terms(sold: Sold) -> dict[str, Any]:
    """The columns of a row that say what is sold at which price."""
    return {
        "name": sold.name,
        "event_name": getattr(sold.pricing, "event_name", None),
        "pricing_type": sold.pricing.pricing_type,
        "pricing": stored(sold.pricing),
        "credit_benefits": [stored(each) for each in sold.credit_benefits],
        "quantity": sold.quantity,
    }


def sold_in(row: OrderAttribute) -> Sold:
    """What a row sells."""
    benefits = tuple(CreditBenefit.model_validate(each) for each in row.credit_benefits)
    return Sold(row.product_attribute_id, row.name, parse_pricing(row.pricing), benefits, row.quantity)


def open_line(session: Session, order: Order, line: OrderLine, sold: Sequence[Sold], since: datetime, why: str) -> None:
    """Open all that a line sells, from a moment on, unless the line is over by then."""
    begin, end = max(since, line.start_date, order.start_date), end_of(order, line)
    if end is not None and begin >= end:
        return
    for place, each in enumerate(sold):
        open_row(session, order, line, each, thread_of(line, each, place), begin, why, place)


def close_row(session: Session, row: OrderAttribute, at: datetime) -> None:
    """Nothing is sold by it from a moment on. A row that would not have begun by then goes."""
    if row.valid_from >= at:
        session.delete(row)
    elif row.valid_to is None or row.valid_to > at:
        row.valid_to = at


def end_of(order: Order, line: OrderLine) -> datetime | None:
    """When a line ends, by itself or with its order."""
    ends = [end for end in (order.end_date, line.end_date) if end is not None]
    return min(ends, default=None)


def replace_row(
    session: Session, order: Order, line: OrderLine, row: OrderAttribute, sold: Sold, now: datetime, why: str
) -> OrderAttribute:
    """Another price for what a row sells: from now on, or from the next period where that is another kind of charge or
    has another length.

    Rows that begin later than now are changed as they stand.
    """
    before = parse_pricing(row.pricing)
    since = now
    if before.period_months is not None and not is_alike(before, sold.pricing):
        since = Calendar(_segment_start(session, order, row), before.period_months, order.billing_anchor).at(now).end
    if row.valid_from >= since:
        for column, value in terms(sold).items():
            setattr(row, column, value)
        return row
    end = row.valid_to
    if end is not None and end <= since:
        return row
    row.valid_to = since
    opened = open_row(session, order, line, sold, row.thread, since, why)
    opened.valid_to, opened.position = end, row.position
    return opened


def _segment_start(session: Session, order: Order, row: OrderAttribute) -> datetime:
    of_thread = [each for each in attributes_of(session, order) if each.thread == row.thread]
    return segments(order, of_thread)[-1].start
