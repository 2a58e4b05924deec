"""`/customers`: who is billed. These routes come after all that go on below a customer, since external ids may have
slashes.
"""

from typing import Annotated, Literal

from fastapi import Depends, Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.customer_paths import TWINS, Find, Who
from billing.api.dates import at_or_after, at_or_before
from billing.api.model import EmptyResponse
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.customers import Customer, CustomerCreate, CustomerUpdate, shown_customer
from billing.customers import changes
from billing.tables import customers as tables

routes = router("customers")


@routes.get("/customers", response_model_exclude_none=True)
def list_customers(
    billing: Shared,
    part: Paged,
    name: Annotated[str | None, Query()] = None,
    status: Annotated[Literal["active", "churned"] | None, Query()] = None,
    creation_state: Annotated[Literal["draft", "active"] | None, Query(alias="creationState")] = None,
    created_at_from: Annotated[str | None, Query(alias="createdAtFrom")] = None,
    created_at_to: Annotated[str | None, Query(alias="createdAtTo")] = None,
    external_id: Annotated[str | None, Query(alias="externalId")] = None,
) -> Listed[Customer]:
    """Customers, the newest first. name: a part of the name in any case; dates are whole days in UTC."""
    table = tables.Customer
    query = select(table).where(table.deleted_at.is_(None)).order_by(table.created_at.desc(), table.id)
    if name:
        query = query.where(table.name.icontains(name, autoescape=True))
    if status is not None:
        query = query.where(table.churn_date.is_(None) if status == "active" else table.churn_date.is_not(None))
    if creation_state is not None:
        query = query.where(table.creation_state == creation_state)
    if (start := at_or_after(created_at_from, "createdAtFrom")) is not None:
        query = query.where(table.created_at >= start)
    if (end := at_or_before(created_at_to, "createdAtTo")) is not None:
        query = query.where(table.created_at <= end)
    if external_id is not None:
        query = query.where(table.external_id == external_id)
    with billing.database.read() as session:
        return listed(session, query, part, shown_customer)


@routes.post("/customers", response_model_exclude_none=True)
def create_customer(billing: Shared, body: CustomerCreate) -> Customer:
    """A new customer; the one that is there already where its external id, or an alias, is the same."""
    now = billing.clock()
    return billing.database.write(lambda session: shown_customer(changes.create(session, body, now)))


def _below(path: str, who: Who) -> None:
    @routes.get(path, response_model_exclude_none=True)
    def get_customer(billing: Shared, find: Annotated[Find, Depends(who)]) -> Customer:
        """A customer."""
        with billing.database.read() as session:
            return shown_customer(find(session))

    @routes.put(path, response_model_exclude_none=True)
    def update_customer(billing: Shared, find: Annotated[Find, Depends(who)], body: CustomerUpdate) -> Customer:
        """Change a customer."""
        now = billing.clock()

        def work(session: Session) -> Customer:
            customer = find(session)
            changes.update(session, customer, body, now)
            return shown_customer(customer)

        return billing.database.write(work)

    @routes.delete(path)
    def delete_customer(billing: Shared, find: Annotated[Find, Depends(who)]) -> EmptyResponse:
        """Delete a customer that has no order running."""
        now = billing.clock()
        billing.database.write(lambda session: changes.remove(session, find(session), now))
        return EmptyResponse()


for _path, _who in TWINS:
    _below(_path, _who)
