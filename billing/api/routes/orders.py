"""`/orders`: what customers have bought."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.dates import at_or_after, at_or_before
from billing.api.model import EmptyResponse
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.order_lines import OrderLine
from billing.api.schemas.orders import (
    CreationState,
    Order,
    OrderCreate,
    OrderEnd,
    OrderUpdate,
    shown_order,
    shown_order_line,
)
from billing.context import Billing
from billing.customers.find import customer_by_external_id, customer_by_id
from billing.orders import change
from billing.orders.advance import advance
from billing.orders.begin import begin
from billing.orders.create import create_order
from billing.orders.status import Status, end, has_status, pause, resume
from billing.orders.totals import totals
from billing.tables import orders as tables

routes = router("orders")


@routes.get("/orders", response_model_exclude_none=True)
def list_orders(
    billing: Shared,
    part: Paged,
    customer_id: Annotated[str | None, Query(alias="customerId")] = None,
    external_customer_id: Annotated[str | None, Query(alias="externalCustomerId")] = None,
    external_id: Annotated[str | None, Query(alias="externalId")] = None,
    creation_state: Annotated[CreationState | None, Query(alias="creationState")] = None,
    status: Annotated[Status | None, Query()] = None,
    start_date_from: Annotated[str | None, Query(alias="startDateFrom")] = None,
    start_date_to: Annotated[str | None, Query(alias="startDateTo")] = None,
    end_date_from: Annotated[str | None, Query(alias="endDateFrom")] = None,
    end_date_to: Annotated[str | None, Query(alias="endDateTo")] = None,
) -> Listed[Order]:
    """Orders, the newest first."""
    now = billing.clock()
    row = tables.Order
    query = select(row).where(row.deleted_at.is_(None)).order_by(row.created_at.desc(), row.number.desc())
    for value, condition in (
        (external_id, row.external_id == external_id),
        (creation_state, row.creation_state == creation_state),
    ):
        if value is not None:
            query = query.where(condition)
    if status is not None:
        query = query.where(has_status(status, now))
    if (moment := at_or_after(start_date_from, "startDateFrom")) is not None:
        query = query.where(row.start_date >= moment)
    if (moment := at_or_before(start_date_to, "startDateTo")) is not None:
        query = query.where(row.start_date <= moment)
    if (moment := at_or_after(end_date_from, "endDateFrom")) is not None:
        query = query.where(row.end_date >= moment)
    if (moment := at_or_before(end_date_to, "endDateTo")) is not None:
        query = query.where(row.end_date <= moment)
    with billing.database.read() as session:
        if customer_id is not None:
            query = query.where(row.customer_id == customer_by_id(session, customer_id).id)
        if external_customer_id is not None:
            query = query.where(row.customer_id == customer_by_external_id(session, external_customer_id).id)
        return listed(session, query, part, lambda order: _shown(session, order, now))


@routes.post("/orders", response_model_exclude_none=True)
def create(billing: Shared, body: OrderCreate) -> Order:
    """A new order; with `creationState: active` it is activated at once."""
    now = billing.clock()
    wanted = change.wanted_order(body)
    if body.creation_state == "active":
        return _get(billing, begin(billing, lambda session: create_order(session, wanted, now), now), now)
    return billing.database.write(lambda session: _shown(session, create_order(session, wanted, now), now))


@routes.get("/orders/{order_id}", response_model_exclude_none=True)
def get_order_by_id(billing: Shared, order_id: str) -> Order:
    """An order."""
    return _get(billing, order_id, billing.clock())


@routes.put("/orders/{order_id}", response_model_exclude_none=True)
def update_order_by_id(billing: Shared, order_id: str, body: OrderUpdate) -> Order:
    """Change a draft, or what has nothing to do with the prices of an active order."""
    now = billing.clock()
    shown = _change(billing, order_id, now, lambda session, order: change.update(session, order, body, now))
    if body.creation_state == "active" and shown.creation_state == "draft":
        begin(billing, lambda session: change.locked_order(session, order_id), now)
        return _get(billing, order_id, now)
    return shown


@routes.delete("/orders/{order_id}", response_model_exclude_none=True)
def delete_order_by_id(billing: Shared, order_id: str) -> EmptyResponse:
    """Delete a draft."""
    now = billing.clock()
    billing.database.write(lambda session: change.remove(session, change.locked_order(session, order_id), now))
    return EmptyResponse()


@routes.post("/orders/{order_id}/activate", response_model_exclude_none=True)
def activate_order_by_id(billing: Shared, order_id: str) -> Order:
    """Activate a draft; an order that is active stays as it is."""
    now = billing.clock()
    begin(billing, lambda session: change.locked_order(session, order_id), now)
    return _get(billing, order_id, now)


@routes.post("/orders/{order_id}/pause", response_model_exclude_none=True)
def pause_order(billing: Shared, order_id: str) -> Order:
    """Sell nothing until it is resumed. Not in the SDKs."""
    now = billing.clock()
    shown = _change(billing, order_id, now, lambda session, order: pause(session, order, now))
    advance(billing, now, order_id=order_id)
    return shown


@routes.post("/orders/{order_id}/resume", response_model_exclude_none=True)
def resume_order(billing: Shared, order_id: str) -> Order:
    """Sell again. Not in the SDKs."""
    now = billing.clock()
    shown = _change(billing, order_id, now, lambda session, order: resume(session, order, now))
    advance(billing, now, order_id=order_id)
    return shown


@routes.post("/orders/{order_id}/end", response_model_exclude_none=True)
def end_order(billing: Shared, order_id: str, body: OrderEnd | None = None) -> Order:
    """End it now or later. Not in the SDKs."""
    now = billing.clock()
    at = (None if body is None else body.end_date) or now
    shown = _change(billing, order_id, now, lambda session, order: end(session, order, at, now))
    advance(billing, now, order_id=order_id)
    return shown


@routes.get("/orders/{order_id}/lines", response_model_exclude_none=True)
def get_order_lines(billing: Shared, order_id: str, part: Paged) -> Listed[OrderLine]:
    """The lines of an order."""
    with billing.database.read() as session:
        order = change.order_by_id(session, order_id)
        query = select(tables.OrderLine).where(tables.OrderLine.order_id == order.id)
        return listed(session, query.order_by(tables.OrderLine.position), part, shown_order_line)


def _shown(session: Session, order: tables.Order, now: datetime) -> Order:
    return shown_order(order, totals(session, order), now)


def _get(billing: Billing, order_id: str, now: datetime) -> Order:
    with billing.database.read() as session:
        return _shown(session, change.order_by_id(session, order_id), now)


def _change(billing: Billing, order_id: str, now: datetime, what: Callable[[Session, tables.Order], None]) -> Order:
    def work(session: Session) -> Order:
        order = change.locked_order(session, order_id)
        what(session, order)
        return _shown(session, order, now)

    return billing.database.write(work)
