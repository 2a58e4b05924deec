"""The credits that come with an order: one grant for each period that has begun, whoever asks and however often."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.catalog.pricing import SeatBasedPrepaidCredits
from billing.invoices.state import POSTED
from billing.ledger.debits import LARGEST_DEBIT, Debit, debit
from billing.ledger.grants import Grant, open_grant, release_pending, void_grant
from billing.orders.due_credits import Due, due_credits, micro
from billing.orders.periods import add_duration
from billing.orders.threads import Segment, attributes_of, calendar, segments
from billing.tables.invoices import Invoice
from billing.tables.ledger import CreditGrant, CreditGrantTotal
from billing.tables.orders import Order, OrderGrant, OrderSeat
from billing.units import from_micro

ON_ACTIVATION = "on_order_activation"
ON_POSTED = "on_invoice_posted"


def grant_credits(session: Session, order: Order, of: Sequence[Segment], now: datetime) -> None:
    """Open the grants of all periods that have begun, and burn the credits that seats cost in them. Never commits."""
    for due in due_credits(order, of, now):
        if due.is_shared and (due.granted == 0 or due.granted < due.amount):
            _open(session, order, due, due.key, due.amount - due.granted, due.units, None, now)
    seats = session.scalars(
        select(OrderSeat).where(
            OrderSeat.order_id == order.id, OrderSeat.ended_at.is_(None), OrderSeat.user_id.is_not(None)
        )
    ).all()
    if seats:
        _grant_seats(session, order, of, seats, now)
    burned = list(_burned(order, of, now))
    if burned:
        debit(session, burned, now)


def grant_seats(session: Session, order: Order, seats: Sequence[OrderSeat], now: datetime) -> None:
    """Open the grants of the running periods for the users of these seats; of what a seat's users before have spent
    there is less. Never commits.
    """
    if order.activated_at is not None:
        _grant_seats(session, order, segments(order, attributes_of(session, order)), seats, now)


def grant_more(session: Session, order: Order, thread: str, units: int, name: str, now: datetime) -> list[Decimal]:
    """Give the organization the credits of so many further units for the running periods; the amounts. Never commits.

    name: what makes it the same when it is asked for again.
    """
    given = []
    for due in due_credits(order, segments(order, attributes_of(session, order)), now):
        if due.segment.thread == thread and due.is_shared and due.is_running(now):
            amount = due.benefit.amount * units
            _open(session, order, due, f"{due.key}/{name}", micro(amount), units, None, now)
            given.append(amount)
    return given


def brought_by(order: Order, of: Sequence[Segment], thread: str, now: datetime) -> list[Decimal]:
    """The credits for the organization that come with what of a thread begins now."""
    begun = (due for due in due_credits(order, of, now) if due.segment.thread == thread and due.is_shared)
    amounts = [due.amount - due.granted for due in begun if due.segment.begins == now and due.is_running(now)]
    return [from_micro(amount) for amount in amounts if amount]


def take_back(session: Session, order: Order, seat: OrderSeat, now: datetime) -> None:
    """Take back what is left of the running grants of a seat. Never commits."""
    query = select(CreditGrant.key).where(
        CreditGrant.order_id == order.id,
        CreditGrant.seat_user_id == seat.user_id,
        CreditGrant.key.contains(f"/{seat.id}/", autoescape=True),
        (CreditGrant.last_end.is_(None)) | (CreditGrant.last_end > now),
    )
    for key in session.scalars(query.order_by(CreditGrant.key)).all():
        void_grant(session, key, now)


def release(session: Session, order: Order, now: datetime, blocked: Iterable[datetime] | None = None) -> None:
    """Make the credits spendable whose invoices are posted, or paid.

    blocked: the dates whose invoices are still to come, where that is known; credits of other dates without an invoice
    are released then, too: there is nothing to pay for them. Never commits.
    """
    waiting = session.scalars(
        select(OrderGrant).where(OrderGrant.order_id == order.id, OrderGrant.released_at.is_(None))
    ).all()
    if not waiting:
        return
    invoices = session.scalars(select(Invoice).where(Invoice.order_id == order.id)).all()
    dates = {each.billing_date for each in invoices} | set(blocked or ())
    free = [
        each
        for each in waiting
        if _is_free(each, invoices)
        or (blocked is not None and each.billing_date not in dates and each.billing_date <= now)
    ]
    for each in free:
        each.released_at = now
    session.flush()
    release_pending(session, now, keys=[each.key for each in free])


def next_cycle(order: Order, segment: Segment, now: datetime) -> datetime | None:
    """When the segment next brings credits."""
    if segment.months is None:
        return None
    benefits = [benefit for dated in segment.rows for benefit in dated.benefits]
    lengths = {1 if each.allocation_cadence == "monthly" else segment.months for each in benefits}
    if any(isinstance(dated.pricing, SeatBasedPrepaidCredits) for dated in segment.rows):
        lengths.add(segment.months)
    ends = [calendar(order, segment, months).at(now).end for months in lengths]
    return min((end for end in ends if segment.ends is None or end < segment.ends), default=None)


def _open(
    session: Session, order: Order, due: Due, key: str, amount: int, units: int, seat: OrderSeat | None, now: datetime
) -> None:
    benefit = due.benefit
    end = None if due.is_open else due.span.end
    rolls = benefit.rollover_amount is not None and benefit.rollover_duration is not None and end is not None
    waits = benefit.credit_grant_timing != ON_ACTIVATION
    opened = open_grant(
        session,
        Grant(
            key=key, customer_id=order.customer_id, currency_id=benefit.credits_currency_id, amount_micro=amount,
            starts_at=due.span.start, ends_at=end,
            rollover_micro=micro((benefit.rollover_amount or Decimal(0)) * units) if rolls else None,
            rollover_ends_at=add_duration(end, benefit.rollover_duration or 0, benefit.rollover_duration_unit or "days")
            if rolls and end is not None
            else None,
            order_id=order.id, product_id=due.dated.row.product_id, seat_user_id=None if seat is None else seat.user_id,
            overage_unit_price=benefit.overage_unit_price, pending=waits, is_infinite=benefit.is_infinite_total,
        ),
        now,
    )  # fmt: skip
    if opened.created and waits:
        timing, date = benefit.credit_grant_timing, due.billing_date
        session.add(OrderGrant(key=key, order_id=order.id, timing=timing, billing_date=date, released_at=None))
        session.flush()


def _grant_seats(
    session: Session, order: Order, of: Sequence[Segment], seats: Sequence[OrderSeat], now: datetime
) -> None:
    for due in due_credits(order, of, now):
        if due.is_shared or not due.is_running(now):
            continue
        for seat in seats:
            if seat.order_line_id == due.dated.row.order_line_id:
                _open_for(session, order, due, seat, now)


def _open_for(session: Session, order: Order, due: Due, seat: OrderSeat, now: datetime) -> None:
    stem = f"{due.key}/{seat.id}/"
    before = session.execute(
        select(CreditGrant.seat_user_id, CreditGrant.amount_micro, CreditGrantTotal.void_micro, CreditGrantTotal.status)
        .join(CreditGrantTotal, CreditGrantTotal.grant_id == CreditGrant.id)
        .where(CreditGrant.order_id == order.id, CreditGrant.key.startswith(stem, autoescape=True))
    ).all()
    if any(row.status != "void" for row in before):
        return
    spent = sum(row.amount_micro - row.void_micro for row in before)
    if due.granted and _has_grant(session, order, f"{due.before_key}/{seat.id}/"):
        spent += due.granted
    amount = due.amount - (0 if due.benefit.is_infinite_total else spent)
    _open(session, order, due, f"{stem}{len(before)}", max(amount, 0), 1, seat, now)


def _has_grant(session: Session, order: Order, stem: str) -> bool:
    query = (
        select(CreditGrant.id)
        .join(CreditGrantTotal, CreditGrantTotal.grant_id == CreditGrant.id)
        .where(CreditGrant.order_id == order.id, CreditGrant.key.startswith(stem, autoescape=True))
        .where(CreditGrantTotal.status != "void")
    )
    return session.scalar(query.limit(1)) is not None


def _burned(order: Order, of: Iterable[Segment], now: datetime) -> Iterator[Debit]:
    """What seats cost in credits in each period that has begun."""
    for segment in of:
        if segment.months is None:
            continue
        for span in calendar(order, segment, segment.months).periods(now):
            parts = segment.within(span)
            if not parts or parts[0][1].start > now:
                continue
            dated, part = parts[0]
            if isinstance(dated.pricing, SeatBasedPrepaidCredits):
                amount = min(micro(dated.pricing.credit_cost * dated.row.quantity), LARGEST_DEBIT)
                yield Debit(
                    signal_id=f"{segment.thread}/{span.start.isoformat()}", customer_id=order.customer_id,
                    currency_id=dated.pricing.credits_currency_id, amount_micro=amount, occurred_at=part.start,
                    event_name=dated.row.name, product_id=dated.row.product_id, order_id=order.id,
                )  # fmt: skip


def _is_free(grant: OrderGrant, invoices: Sequence[Invoice]) -> bool:
    of_date = [each for each in invoices if each.billing_date == grant.billing_date]
    is_posted = bool(of_date) and all(each.status == POSTED for each in of_date)
    return is_posted and (grant.timing == ON_POSTED or all(each.paid >= each.total for each in of_date))
