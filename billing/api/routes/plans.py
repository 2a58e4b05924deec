"""`/plans`: ways to buy a product."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.plans import Plan, PlanCreate, PlanList, PlanUpdate, UpgradePathUpdate, shown_plan
from billing.catalog import plans
from billing.catalog.find import plan_by_external_id, plan_by_id, product_by_external_id, product_by_id
from billing.context import Billing
from billing.tables import catalog as tables

routes = router("plans")


@routes.get("/plans", response_model_exclude_none=True)
def list_plans(
    billing: Shared,
    part: Paged,
    product_id: Annotated[str | None, Query(alias="productId")] = None,
    external_product_id: Annotated[str | None, Query(alias="externalProductId")] = None,
    include_archived: Annotated[bool, Query(alias="includeArchived")] = True,
) -> Listed[Plan]:
    """Plans by product and upgrade path, archived ones among them unless they are not wanted."""
    query = select(tables.Plan).order_by(
        tables.Plan.created_at.desc(), tables.Plan.upgrade_path_order.nulls_last(), tables.Plan.id
    )
    if not include_archived:
        query = query.where(tables.Plan.status == "active")
    with billing.database.read() as session:
        if product_id is not None:
            query = query.where(tables.Plan.product_id == product_by_id(session, product_id).id)
        if external_product_id is not None:
            product = product_by_external_id(session, external_product_id)
            query = query.where(tables.Plan.product_id == product.id)
        return listed(session, query, part, shown_plan)


@routes.post("/plans", response_model_exclude_none=True)
def create_plan(billing: Shared, body: PlanCreate) -> Plan:
    """A new plan of a product."""
    now = billing.clock()
    return billing.database.write(lambda session: shown_plan(plans.create(session, body, now)))


@routes.put("/plans/upgrade-path", response_model_exclude_none=True)
def update_plan_upgrade_path(billing: Shared, body: UpgradePathUpdate) -> PlanList:
    """Put the plans of a product in the order in which buyers move up."""
    now = billing.clock()
    return billing.database.write(
        lambda session: PlanList(data=[shown_plan(plan) for plan in plans.order_upgrades(session, body, now)])
    )


@routes.get("/plans/external/{external_id:path}", response_model_exclude_none=True)
def get_plan_by_external_id(billing: Shared, external_id: str) -> Plan:
    """The plan of a caller's own id."""
    with billing.database.read() as session:
        return shown_plan(plan_by_external_id(session, external_id))


@routes.put("/plans/external/{external_id:path}", response_model_exclude_none=True)
def update_plan_by_external_id(billing: Shared, external_id: str, body: PlanUpdate) -> Plan:
    """Change the plan of a caller's own id."""
    return _update(billing, body, lambda session: plan_by_external_id(session, external_id))


@routes.get("/plans/{plan_id}", response_model_exclude_none=True)
def get_plan_by_id(billing: Shared, plan_id: str) -> Plan:
    """A plan."""
    with billing.database.read() as session:
        return shown_plan(plan_by_id(session, plan_id))


@routes.put("/plans/{plan_id}", response_model_exclude_none=True)
def update_plan_by_id(billing: Shared, plan_id: str, body: PlanUpdate) -> Plan:
    """Change a plan; archive it or bring it back."""
    return _update(billing, body, lambda session: plan_by_id(session, plan_id))


def _update(billing: Billing, body: PlanUpdate, find: Callable[[Session], tables.Plan]) -> Plan:
    now = billing.clock()

    def work(session: Session) -> Plan:
        plan = find(session)
        plans.update(session, plan, body, now)
        return shown_plan(plan)

    return billing.database.write(work)
