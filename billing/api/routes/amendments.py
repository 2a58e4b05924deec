"""`/orders/{id}/amendments`: changes of active orders."""

from datetime import datetime
from typing import Any

from fastapi import Response
from sqlalchemy.orm import Session

from billing.api.requests import Shared, router
from billing.api.schemas.amendments import AmendmentRequest
from billing.columns import dump_json
from billing.orders.advance import advance
from billing.orders.amend import amend
from billing.orders.amend_options import options
from billing.orders.change import locked_order, order_by_id

routes = router("amendments")


class _UndoneError(Exception):
    """Carries what an amendment would do out of the transaction that it undoes."""

    def __init__(self, plan: dict[str, Any]) -> None:
        super().__init__("undone")
        self.plan = plan


@routes.get("/orders/{order_id}/amendments/options", response_model=dict[str, Any])
def get_order_amendment_options(billing: Shared, order_id: str) -> Response:
    """What of an order can be amended, and how."""
    with billing.database.read() as session:
        return _json(options(session, order_by_id(session, order_id), billing.clock()))


@routes.post("/orders/{order_id}/amendments/preview", response_model=dict[str, Any])
def preview_order_amendment(billing: Shared, order_id: str, body: AmendmentRequest) -> Response:
    """What an amendment would do; nothing is kept."""
    now = billing.clock()

    def work(session: Session) -> None:
        raise _UndoneError(amend(session, locked_order(session, order_id), body, now).plan)

    try:
        billing.database.write(work)
    except _UndoneError as undone:
        return _json(undone.plan)
    raise AssertionError("a preview always undoes itself")


@routes.post("/orders/{order_id}/amendments", response_model=dict[str, Any])
def execute_order_amendment(billing: Shared, order_id: str, body: AmendmentRequest) -> Response:
    """Amend an order."""
    now = billing.clock()

    def work(session: Session) -> dict[str, Any]:
        order = locked_order(session, order_id)
        done = amend(session, order, body, now)
        return {
            "orderId": order.id, "amendmentId": done.amendment_id, "version": order.version,
            "effectiveDate": _day(now), "endedLineIds": done.ended_line_ids, "createdLineIds": done.created_line_ids,
            "plan": done.plan,
        }  # fmt: skip

    answer = billing.database.write(work)
    advance(billing, now, order_id=order_id)
    return _json(answer)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _json(content: dict[str, Any]) -> Response:
    return Response(dump_json(content), media_type="application/json")
