"""What a line of an order sells when it says nothing of its own: the product's attributes as its plan has them."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.catalog.pricing import CreditBenefit, Pricing, parse_pricing
from billing.tables.catalog import Plan, Product


@dataclass(frozen=True)
class EffectiveAttribute:
    """A priced attribute as it is sold."""

    product_attribute_id: str
    name: str
    pricing: Pricing
    credit_benefits: tuple[CreditBenefit, ...]


def effective_attributes(session: Session, product: Product, plan: Plan | None = None) -> list[EffectiveAttribute]:
    """What is sold of a product: by the plan, else by its default plan, else by the product itself; in its order.

    A plan overrides price and benefits of the attributes that it names; the others are as the product has them.
    Attributes that are switched off, or have no price, are not sold. Archived ones still sell to those who have them.
    """
    chosen = plan or default_plan(session, product)
    overrides = {} if chosen is None else {each.product_attribute_id: each for each in chosen.attributes}
    sold = [(each, overrides.get(each.id, each)) for each in product.attributes if each.active]
    return [
        EffectiveAttribute(each.id, each.name, parse_pricing(terms.pricing), _benefits(terms.credit_benefits))
        for each, terms in sold
        if terms.pricing is not None
    ]


def default_plan(session: Session, product: Product) -> Plan | None:
    """The plan that buyers of a product get who name none, if it has one that is not archived."""
    return session.scalar(
        select(Plan).where(Plan.product_id == product.id, Plan.is_default, Plan.status == "active").order_by(Plan.id)
    )


def currencies_of(plan: Plan) -> list[str]:
    """The currencies a plan can be bought in: those it was said to have, else all that its prices have."""
    if plan.supported_currencies:
        return list(plan.supported_currencies)
    points = (point for each in plan.attributes for point in each.pricing.get("pricePoints", ()))
    return sorted({point["currency"] for point in points})


def _benefits(rows: Iterable[object]) -> tuple[CreditBenefit, ...]:
    return tuple(CreditBenefit.model_validate(row) for row in rows)
