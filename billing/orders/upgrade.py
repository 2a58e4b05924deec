"""Another plan for a product of an active order: from now on, what was paid of the old one taken off by the day."""

from datetime import datetime

from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.ids import new_id
from billing.invoices.issue import add_item, charged_keys
from billing.invoices.lines import Drafted
from billing.orders.accrual import accruals, moved
from billing.orders.advance import advance_order
from billing.orders.periods import Span
from billing.orders.reprice import current_rows
from billing.orders.rows import close_row, end_of, open_line
from billing.orders.sold import sold_by
from billing.orders.status import status_of
from billing.orders.threads import attributes_of, segments
from billing.tables.catalog import Plan
from billing.tables.invoices import Invoice
from billing.tables.orders import Order, OrderLine


def change_plan(
    session: Session, order: Order, product_id: str, plan_id: str | None, now: datetime, quantity: int | None = None
) -> list[Invoice]:
    """End what an order sells of a product and sell it by another plan; the invoices issued for it. Never commits.

    The rest of the running period is charged by the day at the new prices, at once, and what was charged for it at the
    old ones is taken off. The new plan's credits come in full; those granted by the old one stay until they end.
    quantity: seats, as they were where not said. Raises the API's 400 for an order that is not active, or a plan that
    is not the product's.
    """
    if status_of(order, now) != "active":
        raise invalid(f"{order.id} is {status_of(order, now)}; only an active order can change its plan")
    old = _lines_of(order, product_id, now)
    if not old:
        raise invalid(f"{order.id} does not sell {product_id}")
    plan = None if plan_id is None else session.get(Plan, plan_id)
    if plan_id is not None and (plan is None or plan.product_id != product_id):
        raise invalid(f"planId: {product_id} has no plan {plan_id!r}")
    before = accruals(order, segments(order, attributes_of(session, order)), now)
    keys = charged_keys(session, order)
    for line in old:
        for row in current_rows(session, line, now):
            close_row(session, row, now)
    session.flush()
    after = accruals(order, segments(order, attributes_of(session, order)), now)
    change_id = new_id("am")
    for thread, was in sorted(before.items()):
        row = was.dated.row
        amount = moved(was, after.get(thread), charged=was.key in keys)
        if row.product_id == product_id and amount:
            add_item(
                session, order,
                Drafted(
                    f"{change_id}/{thread}", f"{row.name} (rest of the period)", Span(now, was.span.end), row.quantity,
                    amount, row.order_line_id, row.id, "PRORATION_CREDIT" if amount < 0 else "PRORATION_CHARGE",
                ),
                now,
            )  # fmt: skip
    line = _successor(session, order, old[-1], plan_id, quantity, now)
    for each in old:
        each.end_date, each.updated_at = now, now
    session.flush()
    open_line(session, order, line, sold_by(session, order, line), now, "plan")
    order.version += 1
    order.updated_at = now
    session.flush()
    return advance_order(session, order, now)


def _lines_of(order: Order, product_id: str, now: datetime) -> list[OrderLine]:
    def is_open(line: OrderLine) -> bool:
        end = end_of(order, line)
        return end is None or end > now

    return [line for line in order.lines if line.product_id == product_id and is_open(line)]


def _successor(
    session: Session, order: Order, old: OrderLine, plan_id: str | None, quantity: int | None, now: datetime
) -> OrderLine:
    line = OrderLine(
        id=new_id("ol"), order_id=order.id, position=max(each.position for each in order.lines) + 1,
        product_id=old.product_id, plan_id=plan_id, name=old.name, description=old.description, line_type="STANDARD",
        start_date=now, end_date=old.end_date, overrides=None, quantity=quantity or old.quantity, created_at=now,
        updated_at=now,
    )  # fmt: skip
    order.lines.append(line)
    session.flush()
    return line
