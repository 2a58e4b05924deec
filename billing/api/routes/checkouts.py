"""`/checkouts`: links that people buy by."""

from typing import Annotated

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import not_found
from billing.api.model import EmptyResponse
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.checkouts import Checkout, CheckoutConfirm, CheckoutCreate, CheckoutDetails, CheckoutStatus
from billing.checkout.purchase import archive, confirm
from billing.checkout.terms import create, is_in, shown, shown_in_full
from billing.tables.checkouts import Checkout as Row

routes = router("checkouts")


@routes.get("/checkouts", response_model_exclude_none=True)
def list_checkouts(
    billing: Shared, part: Paged, status: Annotated[CheckoutStatus | None, Query()] = None
) -> Listed[Checkout]:
    """All checkouts, the newest first."""
    now = billing.clock()
    query = select(Row).order_by(Row.created_at.desc(), Row.id)
    if status is not None:
        query = query.where(is_in(status, now))
    with billing.database.read() as session:
        return listed(session, query, part, lambda row: shown(row, now, billing.public_url))


@routes.post("/checkouts", response_model_exclude_none=True)
def create_checkout(billing: Shared, body: CheckoutCreate) -> Checkout:
    """A link to buy by. It ends after 24 hours unless it says when, and is for one buyer unless it says otherwise."""
    now = billing.clock()

    def work(session: Session) -> Checkout:
        return shown(create(session, body, now, billing.public_url), now, billing.public_url)

    return billing.database.write(work)


@routes.get("/checkouts/{checkout_id}", response_model_exclude_none=True)
def get_checkout(billing: Shared, checkout_id: str) -> CheckoutDetails:
    """A checkout and what came of it."""
    with billing.database.read() as session:
        return shown_in_full(session, _found(session, checkout_id), billing.clock(), billing.public_url)


@routes.delete("/checkouts/{checkout_id}", response_model_exclude_none=True)
def archive_checkout(billing: Shared, checkout_id: str) -> EmptyResponse:
    """Close a checkout: nobody can buy by it any more."""
    now = billing.clock()
    billing.database.write(lambda session: archive(session, _found(session, checkout_id, lock=True), now))
    return EmptyResponse()


@routes.post("/checkouts/{checkout_id}/confirm", response_model_exclude_none=True)
def confirm_checkout(billing: Shared, checkout_id: str, body: CheckoutConfirm | None = None) -> CheckoutDetails:
    """For administrators: the money of a checkout without a payment provider has come. Again changes nothing."""
    with billing.database.read() as session:
        _found(session, checkout_id)
    confirm(billing, checkout_id, None if body is None else body.reference)
    return get_checkout(billing, checkout_id)


def _found(session: Session, checkout_id: str, *, lock: bool = False) -> Row:
    row = session.get(Row, checkout_id, with_for_update=lock or None)
    if row is None:
        raise not_found("checkout", checkout_id)
    return row
