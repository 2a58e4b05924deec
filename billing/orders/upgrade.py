"""Another plan of a product that is bought already: the order goes on, from now on at the other plan's prices.

Fees of the running period move by the day. Credits are topped up to what the new plan brings in the period, so that
going back and forth never brings more than the larger plan. Prices with another length of period hold from the next
period on.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.api.errors import conflict, invalid
from billing.catalog.effective import default_plan
from billing.ids import new_id
from billing.invoices.issue import add_item, charge_now, charged_keys
from billing.invoices.lines import Drafted
from billing.ledger.grants import Grant, open_grant
from billing.orders.accrual import Accrued, accruals, moved
from billing.orders.advance import advance_order
from billing.orders.credits import ON_ACTIVATION
from billing.orders.due_credits import micro
from billing.orders.overrides import Sold
from billing.orders.periods import Span, add_duration
from billing.orders.reprice import current_rows
from billing.orders.rows import close_row, open_row, replace_row, terms, thread_of
from billing.orders.sold import sold_by
from billing.orders.status import status_of
from billing.orders.threads import Segment, attributes_of, calendar, segments
from billing.tables.catalog import Plan, Product
from billing.tables.ledger import CreditGrant, CreditGrantTotal
from billing.tables.orders import Order, OrderGrant, OrderLine

_WHY = "plan"


def plan_of(session: Session, line: OrderLine) -> str | None:
    """The plan that a line is sold by, also where it follows the product's default one."""
    if line.plan_id is not None:
        return line.plan_id
    plan = default_plan(session, session.get_one(Product, line.product_id))
    return None if plan is None else plan.id


def change_plan(
    session: Session, order: Order, line: OrderLine, plan_id: str | None, seats: int | None, now: datetime
) -> None:
    """Sell a line by another plan, or for another number of seats. Never commits.

    Raises the API's 409 for an order that is not active, whose prices are its own, or that has just this already; 400
    for a plan that is not the product's.
    """
    _check(session, order, line, plan_id, seats, now)
    before = accruals(order, segments(order, attributes_of(session, order)), now)
    line.plan_id, line.quantity, line.updated_at = plan_id, seats or line.quantity, now
    sold = sold_by(session, order, line)
    _replace_rows(session, order, line, sold, now)
    session.flush()
    of = segments(order, attributes_of(session, order))
    order.version += 1
    order.updated_at = order.next_due = now
    _move_money(session, order, before, accruals(order, of, now), now)
    _top_up(session, order, line, of, now)
    advance_order(session, order, now)


def _check(
    session: Session, order: Order, line: OrderLine, plan_id: str | None, seats: int | None, now: datetime
) -> None:
    if status_of(order, now) != "active":
        raise conflict(f"the order of this product is {status_of(order, now)}")
    if line.overrides is not None or any(row.opened_by == "amendment" for row in current_rows(session, line, now)):
        raise conflict("the order of this product has prices of its own")
    plan = None if plan_id is None else session.get(Plan, plan_id)
    if plan_id is not None and (plan is None or plan.product_id != line.product_id):
        raise invalid(f"planId: {line.product_id} has no plan {plan_id!r}")
    if plan_of(session, line) == plan_id and (seats is None or seats == (line.quantity or 1)):
        raise conflict("this plan is bought already")


def _replace_rows(session: Session, order: Order, line: OrderLine, sold: Iterable[Sold], now: datetime) -> None:
    wanted = {thread_of(line, each, place): each for place, each in enumerate(sold)}
    held = {row.thread: row for row in current_rows(session, line, now)}
    for thread, row in held.items():
        each = wanted.get(thread)
        if each is None:
            close_row(session, row, now)
        elif any(getattr(row, column) != value for column, value in terms(each).items()):
            replace_row(session, order, line, row, each, now, _WHY)
    for thread, each in wanted.items():
        if thread not in held:
            open_row(session, order, line, each, thread, max(now, line.start_date, order.start_date), _WHY)


def _move_money(
    session: Session, order: Order, before: dict[str, Accrued], after: dict[str, Accrued], now: datetime
) -> None:
    """An invoice at once where something is to be paid; else the next one has it."""
    keys, change = charged_keys(session, order), new_id("chg")
    lines = []
    for key in sorted(before.keys() | after.keys()):
        was, is_now = before.get(key), after.get(key)
        either = is_now or was
        assert either is not None
        amount = moved(was, is_now, charged=either.key in keys)
        if amount:
            row = either.dated.row
            kind = "PRORATION_CHARGE" if amount > 0 else "PRORATION_CREDIT"
            lines.append(
                Drafted(
                    f"{change}/{key}", f"{row.name} (plan changed)", Span(now, either.span.end), row.quantity,
                    amount, row.order_line_id, row.id, kind,
                )
            )  # fmt: skip
    if sum(line.amount for line in lines) > 0:
        charge_now(session, order, lines, now)
        return
    for line in lines:
        add_item(session, order, line, now)
    session.flush()


def _top_up(session: Session, order: Order, line: OrderLine, of: Sequence[Segment], now: datetime) -> None:
    """Credits for the organization: what the new plan brings in its running periods, less what was granted in them."""
    due: dict[str, int] = defaultdict(int)
    terms_of = {}
    for segment in of:
        if segment.months is None or segment.rows[0].row.order_line_id != line.id:
            continue
        dated = next((each for each in segment.rows if _holds(each.row.valid_from, each.row.valid_to, now)), None)
        for benefit in () if dated is None else dated.benefits:
            if dated is None or benefit.recipient != "organization":
                continue
            units = 1 if dated.pricing.charge_type == "usage" else dated.row.quantity
            due[benefit.credits_currency_id] += micro(benefit.amount * units)
            terms_of[benefit.credits_currency_id] = (segment, benefit, units)
    for currency_id, amount in due.items():
        missing = amount - _granted(session, order, line, currency_id, now)
        if missing <= 0:
            continue
        segment, benefit, units = terms_of[currency_id]
        months = 1 if benefit.allocation_cadence == "monthly" else segment.months or 1
        end = calendar(order, segment, months).at(now).end
        end = end if order.end_date is None else min(end, order.end_date)
        duration, unit = benefit.rollover_duration, benefit.rollover_duration_unit or "days"
        rolls = benefit.rollover_amount is not None and duration is not None
        waits = benefit.credit_grant_timing != ON_ACTIVATION
        key = f"order/{order.id}/{line.id}/{currency_id}/plan/{order.version}"
        open_grant(
            session,
            Grant(
                key=key, customer_id=order.customer_id, currency_id=currency_id, amount_micro=missing, starts_at=now,
                ends_at=end, rollover_micro=micro((benefit.rollover_amount or Decimal(0)) * units) if rolls else None,
                rollover_ends_at=add_duration(end, duration or 0, unit) if rolls else None, order_id=order.id,
                product_id=line.product_id, overage_unit_price=benefit.overage_unit_price, pending=waits,
                is_infinite=benefit.is_infinite_total,
            ),
            now,
        )  # fmt: skip
        if waits:
            timing = benefit.credit_grant_timing
            session.add(OrderGrant(key=key, order_id=order.id, timing=timing, billing_date=now, released_at=None))
    session.flush()


def _granted(session: Session, order: Order, line: OrderLine, currency_id: str, now: datetime) -> int:
    query = (
        select(CreditGrant.amount_micro, CreditGrantTotal.void_micro)
        .join(CreditGrantTotal, CreditGrantTotal.grant_id == CreditGrant.id)
        .where(CreditGrant.order_id == order.id, CreditGrant.product_id == line.product_id)
        .where(CreditGrant.currency_id == currency_id, CreditGrant.seat_user_id.is_(None))
        .where(or_(CreditGrant.ends_at.is_(None), CreditGrant.ends_at > now))
    )
    return sum(amount - void for amount, void in session.execute(query))


def _holds(start: datetime, end: datetime | None, now: datetime) -> bool:
    return start <= now and (end is None or now < end)
