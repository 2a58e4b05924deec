"""`/orders/{id}/seats`: who has which seat."""

from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.orders import OrderSeat, SeatAssignments, SeatsAssigned, SeatUpdate, shown_seat
from billing.orders.change import locked_order, order_by_id
from billing.orders.seats import assign
from billing.tables import orders as tables
from billing.tables.catalog import Product
from billing.tables.customers import CustomerUser

routes = router("order seats")


@routes.get("/orders/{order_id}/seats", response_model_exclude_none=True)
def list_order_seats(
    billing: Shared,
    order_id: str,
    part: Paged,
    product_external_id: Annotated[str | None, Query(alias="productExternalId")] = None,
    status: Annotated[Literal["assigned", "unassigned"] | None, Query()] = None,
) -> Listed[OrderSeat]:
    """The seats of an order, by line."""
    row = tables.OrderSeat
    with billing.database.read() as session:
        order = order_by_id(session, order_id)
        query = select(row).where(row.order_id == order.id, row.ended_at.is_(None))
        if product_external_id is not None:
            query = query.join(Product, Product.id == row.product_id).where(Product.external_id == product_external_id)
        if status is not None:
            query = query.where(row.user_id.is_not(None) if status == "assigned" else row.user_id.is_(None))
        return listed(
            session, query.order_by(row.order_line_id, row.position), part, lambda seat: _shown(session, [seat])[0]
        )


@routes.put("/orders/{order_id}/seats/{seat_id}", response_model_exclude_none=True)
def update_order_seat_assignment(billing: Shared, order_id: str, seat_id: str, body: SeatUpdate) -> OrderSeat:
    """Give a seat to a user, or free it; 409 when somebody else has it."""
    now = billing.clock()

    def work(session: Session) -> OrderSeat:
        order = locked_order(session, order_id)
        return _shown(session, assign(session, order, [(seat_id, body.user_external_id)], now))[0]

    return billing.database.write(work)


@routes.post("/orders/{order_id}/seat-assignments", response_model_exclude_none=True)
def batch_order_seat_assignments(billing: Shared, order_id: str, body: SeatAssignments) -> SeatsAssigned:
    """Give and free several seats, all of them or none."""
    now = billing.clock()
    wanted = [(each.seat_id, each.user_external_id) for each in body.assignments]

    def work(session: Session) -> SeatsAssigned:
        order = locked_order(session, order_id)
        return SeatsAssigned(data=_shown(session, assign(session, order, wanted, now)))

    return billing.database.write(work)


def _shown(session: Session, seats: Iterable[tables.OrderSeat]) -> list[OrderSeat]:
    return [
        shown_seat(
            seat,
            session.get_one(Product, seat.product_id),
            None if seat.user_id is None else session.get(CustomerUser, seat.user_id),
        )
        for seat in seats
    ]
