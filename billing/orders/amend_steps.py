"""The intents of an amendment, one by one, as changes of an order's dated prices."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import invalid, not_found
from billing.api.schemas import amendments as bodies
from billing.catalog.pricing import parse_pricing, stored
from billing.ids import new_id
from billing.orders.amend_pricing import added, check_change, has_own_periods, repriced
from billing.orders.overrides import Sold
from billing.orders.periods import FAR
from billing.orders.rows import close_row, end_of, open_row, sold_in
from billing.orders.stubs import stored_stub
from billing.orders.threads import AMENDMENT
from billing.tables.catalog import Product
from billing.tables.orders import Order, OrderAttribute, OrderLine


@dataclass(frozen=True)
class Step:
    """What an intent did. operations: of the plan; more_units: further units whose credits come at once; begun: the
    thread in which periods of its own begin.
    """

    index: int
    threads: list[str]
    operations: dict[str, Any]
    more_units: int = 0
    begun: str | None = None
    created_lines: list[str] = field(default_factory=list)


def take(
    session: Session, order: Order, intent: bodies.Intent, default: bodies.Treatment | None, place: int, now: datetime
) -> Step:
    """Do one intent, by its treatment or the default one. Raises the API's 400, 404 or 501, with its place."""
    where = f"intents[{place}]"
    match intent:
        case bodies.UpdateQuantity():
            row = _row(session, order, intent.order_line_attribute_id, now)
            sold = replace(sold_in(row), quantity=intent.new_quantity)
            return _replace(session, order, row, sold, intent.treatment or default, place, now)
        case bodies.UpdatePricing():
            row = _row(session, order, intent.order_line_attribute_id, now)
            sold = repriced(session, order, sold_in(row), intent, where)
            return _replace(session, order, row, sold, intent.treatment or default, place, now)
        case bodies.EndAttribute():
            row = _row(session, order, intent.order_line_attribute_id, now)
            row.ended_by = AMENDMENT
            close_row(session, row, now)
            for later in _of_thread(session, row.thread, now):
                session.delete(later)
            return Step(place, [row.thread], {"ends": {"orderLineAttributeId": row.id, "intentIndex": place}})
        case bodies.AddFromCatalog() | bodies.AddAttribute():
            return _add(session, order, intent, place, now)
        case bodies.UpdateLineTerm():
            line = next((each for each in order.lines if each.id == intent.order_line_id), None)
            if line is None:
                raise not_found("order line", intent.order_line_id)
            return _end_line(session, order, line, intent.new_end_date, place, now)
        case bodies.UpdateOrderTerm():
            return _end_order(session, order, intent, place, now)


def _row(session: Session, order: Order, row_id: str, now: datetime) -> OrderAttribute:
    row = session.get(OrderAttribute, row_id)
    if row is None or row.order_id != order.id:
        raise not_found("order line attribute", row_id)
    if row.valid_from > now or (row.valid_to is not None and row.valid_to <= now):
        raise invalid(f"orderLineAttributeId: {row_id!r} is not in force")
    return row


def _of_thread(session: Session, thread: str, after: datetime) -> Iterable[OrderAttribute]:
    query = select(OrderAttribute).where(OrderAttribute.series == thread, OrderAttribute.valid_from > after)
    return session.scalars(query).all()


def _replace(
    session: Session, order: Order, row: OrderAttribute, sold: Sold, treatment: str | None, place: int, now: datetime
) -> Step:
    old = parse_pricing(row.pricing)
    check_change(old, sold, row.quantity, treatment, place)
    for later in _of_thread(session, row.thread, now):
        session.delete(later)
    own = has_own_periods(old, sold.pricing)
    line = session.get_one(OrderLine, row.order_line_id)
    end, stub = end_of(order, line), row.first_period if row.valid_from >= now else None
    close_row(session, row, now)
    opened = open_row(session, order, line, sold, row.thread, now, AMENDMENT, first_period=stub)
    opened.valid_to, opened.position = end, row.position
    change = {"orderLineAttributeId": row.id, "newQuantity": sold.quantity, "intentIndex": place}
    if stored(sold.pricing) != row.pricing:
        change["newPricing"] = sold.pricing.model_dump(mode="json", by_alias=True, exclude_none=True)
    more, begun = (0, row.thread) if own else (sold.quantity - row.quantity, None)
    return Step(place, [row.thread], {"replaces": change}, more, begun)


def _add(
    session: Session, order: Order, intent: bodies.AddFromCatalog | bodies.AddAttribute, place: int, now: datetime
) -> Step:
    where = f"intents[{place}]"
    sold, product_id = added(session, order, intent, where)
    if session.get(Product, product_id) is None:
        raise invalid(f"{where}.productId: no product {product_id!r}")
    line = next((each for each in order.lines if each.product_id == product_id and _is_open(order, each, now)), None)
    created = [] if line is not None else [_new_line(session, order, product_id, sold.name, now)]
    line, stub = line or created[0], intent.charge_stub or "prorated"
    thread = f"{line.id}/{new_id('oa')}"
    open_row(session, order, line, sold, thread, now, AMENDMENT, first_period=stored_stub(stub))
    operation = {
        "intentIndex": place, "lineName": sold.name, "lineType": "STANDARD", "productId": product_id,
        "quantity": sold.quantity, "currency": order.currency, "chargeStub": stub,
    }  # fmt: skip
    created_ids = [each.id for each in created]
    return Step(place, [], {"adds": operation}, begun=thread, created_lines=created_ids)


def _is_open(order: Order, line: OrderLine, now: datetime) -> bool:
    end = end_of(order, line)
    return end is None or end > now


def _new_line(session: Session, order: Order, product_id: str, name: str, now: datetime) -> OrderLine:
    line = OrderLine(
        id=new_id("ol"), order_id=order.id, position=max((each.position for each in order.lines), default=-1) + 1,
        product_id=product_id, plan_id=None, name=name, description=None, line_type="STANDARD", start_date=now,
        end_date=order.end_date, overrides=[], quantity=None, created_at=now, updated_at=now,
    )  # fmt: skip
    order.lines.append(line)
    session.flush()
    return line


def _end_line(session: Session, order: Order, line: OrderLine, end: datetime, place: int, now: datetime) -> Step:
    where = f"intents[{place}].newEndDate"
    if end < now:
        raise invalid(f"{where}: must not be past")
    if order.end_date is not None and end > order.end_date:
        raise invalid(f"{where}: the order ends earlier; move its end")
    if not _is_open(order, line, now):
        raise invalid(f"intents[{place}]: the line has ended")
    threads = _move_end(session, order, line, end, now)
    change = {"orderLineAttributeId": line.id, "newQuantity": line.quantity or 1, "newEndDate": end.isoformat()}
    return Step(place, threads, {"replaces": change | {"intentIndex": place}})


def _end_order(session: Session, order: Order, intent: bodies.UpdateOrderTerm, place: int, now: datetime) -> Step:
    end, old = intent.new_end_date, order.end_date
    if end < now:
        raise invalid(f"intents[{place}].newEndDate: must not be past")
    extended = set(intent.extend_line_ids or ())
    unknown = extended - {line.id for line in order.lines}
    if unknown:
        raise not_found("order line", min(unknown))
    threads: list[str] = []
    lines = [line for line in order.lines if _is_open(order, line, now)]
    follows = [
        line
        for line in lines
        if line.end_date is None or line.end_date == old or line.end_date > end or line.id in extended
    ]
    was = {line.id: end_of(order, line) for line in lines}
    order.end_date = end
    for line in follows:
        line.end_date = end
        threads += _shift_rows(session, line, was[line.id], end, now)
    return Step(place, threads, {"orderTerm": {"newEndDate": end.isoformat(), "intentIndex": place}})


def _move_end(session: Session, order: Order, line: OrderLine, end: datetime, now: datetime) -> list[str]:
    was = end_of(order, line)
    line.end_date = end
    return _shift_rows(session, line, was, end, now)


def _shift_rows(session: Session, line: OrderLine, was: datetime | None, end: datetime, now: datetime) -> list[str]:
    """Rows that went on to the line's old end go on to the new one."""
    query = select(OrderAttribute).where(OrderAttribute.order_line_id == line.id)
    threads = []
    for row in session.scalars(query).all():
        if row.valid_to is not None and row.valid_to <= now:
            continue
        if row.valid_from >= end:
            session.delete(row)
        elif row.valid_to == was or (row.valid_to or FAR) > end:
            row.valid_to = end
        threads.append(row.thread)
    line.updated_at = now
    session.flush()
    return threads
