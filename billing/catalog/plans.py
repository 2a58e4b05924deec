"""Changes of plans."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.plans import PlanAttributeInput, PlanCreate, PlanUpdate, UpgradePathUpdate
from billing.catalog.find import product_by_id
from billing.catalog.terms import benefit_terms, pricing_terms
from billing.ids import new_id
from billing.tables.catalog import Plan, PlanAttribute, Product, ProductAttribute


def create(session: Session, body: PlanCreate, now: datetime) -> Plan:
    """A new plan, flushed. Raises the API's 400 or 404 for what cannot be."""
    product = product_by_id(session, body.product_id)
    _check_free(session, body.external_id)
    plan = Plan(
        id=new_id("plan"), product_id=product.id, external_id=body.external_id, name=body.name,
        supported_currencies=_once(body.supported_currencies or []), is_default=False, status="active",
        upgrade_path_group=None, upgrade_path_order=None, archived_at=None, created_at=now, updated_at=now,
        attributes=[],
    )  # fmt: skip
    session.add(plan)
    _replace_attributes(session, product, plan, body.attributes)
    if body.is_default:
        _make_default(session, plan, now)
    session.flush()
    return plan


def update(session: Session, plan: Plan, body: PlanUpdate, now: datetime) -> bool:
    """Change what the body gives, and flush; whether what the product's buyers get may be another thing now."""
    given = body.model_fields_set
    if "external_id" in given and body.external_id != plan.external_id:
        _check_free(session, body.external_id)
        plan.external_id = body.external_id
    if "name" in given:
        plan.name = body.name
    if body.supported_currencies is not None:
        plan.supported_currencies = _once(body.supported_currencies)
    plan.updated_at = now
    was_default = plan.is_default
    if body.status is not None and body.status != plan.status:
        plan.status = body.status
        plan.archived_at = now if body.status == "archived" else None
        plan.is_default = plan.is_default and body.status == "active"
    if body.is_default:
        if plan.status == "archived":
            raise invalid("isDefault: an archived plan cannot be the default one")
        _make_default(session, plan, now)
    elif body.is_default is False:
        plan.is_default = False
    if body.attributes is not None:
        _replace_attributes(session, product_by_id(session, plan.product_id), plan, body.attributes)
    session.flush()
    return body.attributes is not None or plan.is_default != was_default


def order_upgrades(session: Session, body: UpgradePathUpdate, now: datetime) -> list[Plan]:
    """Give a product's plans their places on the upgrade path; those not named lose theirs. All plans, in order."""
    product = product_by_id(session, body.product_id)
    rows = session.scalars(select(Plan).where(Plan.product_id == product.id).order_by(Plan.created_at, Plan.id))
    plans = {plan.id: plan for plan in rows}
    named = [plan_id for group in body.groups for plan_id in group.plan_ids]
    for plan_id, count in Counter(named).items():
        if plan_id not in plans:
            raise invalid(f"groups: {product.id} has no plan {plan_id!r}")
        if count > 1:
            raise invalid(f"groups: {plan_id!r} is there twice")
    places = {
        plan_id: (group.frequency, place) for group in body.groups for place, plan_id in enumerate(group.plan_ids)
    }
    for plan in plans.values():
        place = places.get(plan.id, (None, None))
        if place != (plan.upgrade_path_group, plan.upgrade_path_order):
            plan.upgrade_path_group, plan.upgrade_path_order = place
            plan.updated_at = now
    session.flush()
    return [*(plans[plan_id] for plan_id in named), *(plan for plan in plans.values() if plan.id not in places)]


def _replace_attributes(session: Session, product: Product, plan: Plan, wanted: Sequence[PlanAttributeInput]) -> None:
    own = {attribute.id for attribute in product.attributes}
    before = {each.product_attribute_id: each for each in plan.attributes}
    kept: list[PlanAttribute] = []
    for place, each in enumerate(wanted):
        where = f"attributes[{place}]"
        if each.product_attribute_id not in own:
            raise invalid(f"{where}.productAttributeId: {product.id} has no {each.product_attribute_id!r}")
        if any(other.product_attribute_id == each.product_attribute_id for other in kept):
            raise invalid(f"{where}.productAttributeId: {each.product_attribute_id!r} is there twice")
        row = before.get(each.product_attribute_id) or PlanAttribute(
            id=new_id("pla"), plan_id=plan.id, product_attribute_id=each.product_attribute_id,
            attribute=session.get_one(ProductAttribute, each.product_attribute_id),
            credit_benefits=[],
        )  # fmt: skip
        row.position = place
        row.pricing = pricing_terms(session, each.pricing, f"{where}.pricing")
        row.credit_benefits = benefit_terms(
            session, each.credit_benefits or [], row.credit_benefits, f"{where}.creditBenefits"
        )
        kept.append(row)
    plan.attributes = kept


def _make_default(session: Session, plan: Plan, now: datetime) -> None:
    others = select(Plan).where(Plan.product_id == plan.product_id, Plan.id != plan.id, Plan.is_default)
    for other in session.scalars(others):
        other.is_default = False
        other.updated_at = now
    plan.is_default = True


def _check_free(session: Session, external_id: str | None) -> None:
    if external_id is not None and session.scalar(select(Plan.id).where(Plan.external_id == external_id)):
        raise invalid(f"externalId: {external_id!r} is another plan's")


def _once(currencies: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(currencies))
