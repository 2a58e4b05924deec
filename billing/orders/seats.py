"""Seats: as many as the line's prices by the seat were bought for, each given to one user at a time."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import conflict, invalid, not_found
from billing.customers.users import find_user
from billing.ids import new_id
from billing.orders.credits import grant_seats, take_back
from billing.tables.customers import CustomerUser
from billing.tables.orders import Order, OrderAttribute, OrderLine, OrderSeat


def fit_seats(session: Session, order: Order, rows: Sequence[OrderAttribute], now: datetime) -> None:
    """Open or end seats so that each line has as many as it is sold now; the last ones without a user end first."""
    for line in order.lines:
        current = [
            row.quantity
            for row in rows
            if row.order_line_id == line.id
            and row.pricing_type.startswith("SeatBased")
            and (row.valid_to is None or row.valid_to > now)
        ]
        _fit(session, order, line, max(current, default=0), now)


def seats_of(session: Session, order: Order) -> list[OrderSeat]:
    """The seats that an order has."""
    query = select(OrderSeat).where(OrderSeat.order_id == order.id, OrderSeat.ended_at.is_(None))
    return list(session.scalars(query.order_by(OrderSeat.order_line_id, OrderSeat.position)))


def assign(session: Session, order: Order, wanted: Sequence[tuple[str, str | None]], now: datetime) -> list[OrderSeat]:
    """Give seats to users (by the caller's own ids), or to nobody; all of them or none. The seats, as they are then.

    Raises the API's 404 for a seat that the order does not have, 400 for an unknown or deactivated user or a seat
    named twice, 409 for a seat that another user has, or a user who has another seat of the line. Seats are freed
    before others are given, so that one request can exchange them.
    """
    seats = {seat.id: seat for seat in seats_of(session, order)}
    named = [seat_id for seat_id, _ in wanted]
    for seat_id in named:
        if seat_id not in seats:
            raise not_found("seat", seat_id)
        if named.count(seat_id) > 1:
            raise invalid(f"seatId: {seat_id!r} is there twice")
    users = {external: _user(session, order, external) for _, external in wanted if external is not None}
    for seat_id, external in wanted:
        if external is None:
            _give(session, order, seats[seat_id], None, now)
    for seat_id, external in wanted:
        if external is not None:
            _take(session, order, seats, seats[seat_id], users[external], now)
    session.flush()
    return [seats[seat_id] for seat_id in named]


def release_user(session: Session, user: CustomerUser, now: datetime) -> None:
    """Free the seats of a user who is not there any more. Never commits."""
    query = select(OrderSeat, Order).join(Order, Order.id == OrderSeat.order_id).where(OrderSeat.user_id == user.id)
    for seat, order in session.execute(query).all():
        _give(session, order, seat, None, now)
    session.flush()


def _fit(session: Session, order: Order, line: OrderLine, wanted: int, now: datetime) -> None:
    query = select(OrderSeat).where(OrderSeat.order_line_id == line.id).order_by(OrderSeat.position)
    every = session.scalars(query).all()
    have = [seat for seat in every if seat.ended_at is None]
    for seat in sorted(have, key=lambda each: (each.user_id is not None, -each.position))[: max(len(have) - wanted, 0)]:
        _give(session, order, seat, None, now)
        seat.ended_at = seat.updated_at = now
    first = max((seat.position for seat in every), default=0) + 1
    for position in range(first, first + max(wanted - len(have), 0)):
        session.add(
            OrderSeat(
                id=new_id("seat"), order_id=order.id, order_line_id=line.id, product_id=line.product_id,
                position=position, user_id=None, ended_at=None, created_at=now, updated_at=now,
            )
        )  # fmt: skip
    session.flush()


def _user(session: Session, order: Order, external_id: str) -> CustomerUser:
    user = find_user(session, order.customer_id, external_id)
    if user is None:
        raise invalid(f"userExternalId: the customer has no user {external_id!r}")
    if user.status != "active":
        raise invalid(f"userExternalId: {external_id!r} is deactivated")
    return user


def _take(
    session: Session, order: Order, seats: dict[str, OrderSeat], seat: OrderSeat, user: CustomerUser, now: datetime
) -> None:
    if seat.user_id == user.id:
        return
    if seat.user_id is not None:
        raise conflict(f"{seat.id}: another user has it", "SEAT_TAKEN")
    other = next(
        (each for each in seats.values() if each.user_id == user.id and each.order_line_id == seat.order_line_id), None
    )
    if other is not None:
        raise conflict(f"{user.external_id!r} has {other.id} already", "USER_SEATED")
    _give(session, order, seat, user, now)


def _give(session: Session, order: Order, seat: OrderSeat, user: CustomerUser | None, now: datetime) -> None:
    if seat.user_id == (None if user is None else user.id):
        return
    if seat.user_id is not None:
        take_back(session, order, seat, now)
    seat.user_id = None if user is None else user.id
    seat.updated_at = now
    session.flush()
    if user is not None:
        grant_seats(session, order, [seat], now)
