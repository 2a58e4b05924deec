"""`/customers/…/customer-units`: the parts of a customer that spend on their own account."""

from typing import Annotated, Literal, cast

from fastapi import Depends, Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.customer_paths import TWINS, Find, Who
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.customer_units import Unit, UnitCreate, UnitUpdate
from billing.customers import units
from billing.tables.customers import CustomerUnit

routes = router("customer units")


def _below(path: str, who: Who) -> None:
    whole = f"{path}/customer-units"
    one = f"{whole}/{{unit_id:path}}"

    @routes.get(whole, response_model_exclude_none=True)
    def list_customer_units(
        billing: Shared,
        part: Paged,
        find: Annotated[Find, Depends(who)],
        status: Annotated[Literal["ACTIVE", "DELETED"], Query()] = "ACTIVE",
        external_type: Annotated[str | None, Query(alias="externalType")] = None,
        parent_external_id: Annotated[str | None, Query(alias="parentExternalId")] = None,
    ) -> Listed[Unit]:
        """The customer's units, the newest last; deleted ones only when they are asked for."""
        with billing.database.read() as session:
            customer = find(session)
            query = select(CustomerUnit).where(CustomerUnit.customer_id == customer.id, CustomerUnit.status == status)
            if external_type is not None:
                query = query.where(CustomerUnit.external_type == external_type)
            if parent_external_id is not None:
                parents = select(CustomerUnit.id).where(
                    CustomerUnit.customer_id == customer.id, CustomerUnit.external_id == parent_external_id
                )
                query = query.where(CustomerUnit.parent_id.in_(parents))
            query = query.order_by(CustomerUnit.created_at, CustomerUnit.external_id)
            return listed(session, query, part, lambda unit: _shown(session, unit))

    @routes.post(whole, response_model_exclude_none=True)
    def create_customer_unit(billing: Shared, find: Annotated[Find, Depends(who)], body: UnitCreate) -> Unit:
        """A new unit, below its parent, or the root."""
        now = billing.clock()
        return billing.database.write(lambda session: _shown(session, units.create(session, find(session), body, now)))

    @routes.get(one, response_model_exclude_none=True)
    def get_customer_unit(billing: Shared, find: Annotated[Find, Depends(who)], unit_id: str) -> Unit:
        """A unit, deleted or not."""
        with billing.database.read() as session:
            return _shown(session, units.unit_of(session, find(session), unit_id))

    @routes.patch(one, response_model_exclude_none=True)
    def update_customer_unit(
        billing: Shared, find: Annotated[Find, Depends(who)], unit_id: str, body: UnitUpdate
    ) -> Unit:
        """Rename, describe or move a unit."""
        now = billing.clock()

        def work(session: Session) -> Unit:
            customer = find(session)
            unit = units.unit_of(session, customer, unit_id)
            units.update(session, customer, unit, body, now)
            return _shown(session, unit)

        return billing.database.write(work)

    @routes.delete(one, response_model_exclude_none=True)
    def delete_customer_unit(billing: Shared, find: Annotated[Find, Depends(who)], unit_id: str) -> Unit:
        """Delete a unit that has none below it and no cap; it can still be read."""
        now = billing.clock()

        def work(session: Session) -> Unit:
            customer = find(session)
            unit = units.unit_of(session, customer, unit_id)
            units.remove(session, customer, unit, now)
            return _shown(session, unit)

        return billing.database.write(work)


def _shown(session: Session, unit: CustomerUnit) -> Unit:
    parent = None if unit.parent_id is None else session.get_one(CustomerUnit, unit.parent_id)
    return Unit(
        external_id=unit.external_id, name=unit.name, external_type=unit.external_type,
        status=cast(Literal["ACTIVE", "DELETED"], unit.status), is_root=parent is None,
        parent_external_id=None if parent is None else parent.external_id, metadata=unit.details,
        created_at=unit.created_at, updated_at=unit.updated_at,
    )  # fmt: skip


for _path, _who in TWINS:
    _below(_path, _who)
