"""What a checkout has to offer: products by their plans, and what each costs in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.schemas.checkouts import CheckoutProduct
from billing.catalog.effective import EffectiveAttribute, currencies_of, effective_attributes
from billing.catalog.pricing import Pricing, price_point
from billing.checkout.money import grouped, money_text
from billing.tables.catalog import Plan, Product
from billing.tables.checkouts import Checkout
from billing.tables.ledger import CreditCurrency
from billing.units import decimal_text

_PERIODS: Final = {1: "month", 3: "quarter", 6: "half-year", 12: "year"}


@dataclass(frozen=True)
class Offer:
    """One way to buy. key: names it in forms; prices: lines of text by currency; by_seat: the buyer says how many."""

    key: str
    product_id: str
    plan_id: str | None
    name: str
    product_name: str
    features: tuple[str, ...]
    prices: dict[str, tuple[str, ...]]
    by_seat: bool


def offers_of(session: Session, row: Checkout, currencies: list[str]) -> list[Offer]:
    """All that a checkout offers in any of the currencies, in its order."""
    found = (_offers(session, CheckoutProduct.model_validate(each), currencies) for each in row.products)
    return [offer for offers in found for offer in offers if offer.prices]


def plans_on_offer(session: Session, wanted: CheckoutProduct) -> list[Plan]:
    """The plans that are named, else all active ones of the product."""
    query = select(Plan).where(Plan.product_id == wanted.id, Plan.status == "active")
    plans = list(session.scalars(query.order_by(Plan.upgrade_path_order, Plan.created_at, Plan.id)))
    if not wanted.plans:
        return plans
    by_id = {plan.id: plan for plan in plans}
    return [by_id[named.id] for named in wanted.plans if named.id in by_id]


def _offers(session: Session, wanted: CheckoutProduct, currencies: list[str]) -> Iterator[Offer]:
    product = session.get_one(Product, wanted.id)
    features = {named.id: tuple(named.features or ()) for named in wanted.plans or ()}
    plans = plans_on_offer(session, wanted)
    if not plans and wanted.plans:
        return
    choices: list[Plan | None] = [*plans] or [None]
    for plan in choices:
        sold = effective_attributes(session, product, plan)
        bought_in = [each for each in currencies if plan is None or not plan.attributes or each in currencies_of(plan)]
        prices = {
            each: tuple(_lines(session, sold, each))
            for each in bought_in
            if all(_has_price(attribute.pricing, each) for attribute in sold)
        }
        name = product.name if plan is None else plan.name or product.name
        yield Offer(
            f"{product.id}:{plan.id if plan else ''}", product.id, plan.id if plan else None, name, product.name,
            features.get(plan.id, ()) if plan else (), prices,
            any(attribute.pricing.charge_type == "seatBased" for attribute in sold),
        )  # fmt: skip


def _has_price(pricing: Pricing, currency: str) -> bool:
    if pricing.pricing_model in ("PerUnit", "GraduatedPricing", "VolumePricing"):
        return price_point(pricing, currency) is not None
    return pricing.pricing_model != "CostPlus" or currency == "USD"


def _lines(session: Session, sold: list[EffectiveAttribute], currency: str) -> Iterator[str]:
    for each in sold:
        yield f"{each.name}: {_price_text(session, each.pricing, currency)}"
        for benefit in each.credit_benefits:
            kind = session.get_one(CreditCurrency, benefit.credits_currency_id).name
            amount = "unlimited" if benefit.is_infinite_total else grouped(benefit.amount)
            seat = " per seat" if benefit.recipient == "seat" else ""
            months = 1 if benefit.allocation_cadence == "monthly" else each.pricing.period_months
            yield f"includes {amount} {kind}{seat}{_per(months)}"


def _price_text(session: Session, pricing: Pricing, currency: str) -> str:
    per = _per(pricing.period_months)
    point = price_point(pricing, currency)
    if pricing.pricing_model in ("PrepaidCredits", "BracketedPrepaidCredits"):
        named = getattr(pricing, "credits_currency_id", None)
        kind = None if named is None else session.get(CreditCurrency, named)
        cost = getattr(pricing, "credit_cost", None)
        return f"{decimal_text(cost)} {kind.name} each" if cost is not None and kind else "paid with credits"
    if pricing.pricing_model == "PercentOfTotal":
        return f"{decimal_text(getattr(pricing, 'percentage_value'))} % of the total{per}"  # noqa: B009
    if pricing.pricing_model == "CostPlus":
        return f"{decimal_text(getattr(pricing, 'cost_plus_multiplier'))} times the cost of AI use"  # noqa: B009
    if point is None:
        return ""
    if point.tiers:
        first = point.tiers[0]
        return f"from {money_text(first.per_unit or first.once, currency)}, by quantity{per}"
    text = money_text(point.unit_price, currency)
    if pricing.charge_type == "usage":
        return f"{text} for each use"
    return f"{text}{' per seat' if pricing.charge_type == 'seatBased' else ''}{per}"


def _per(months: int | None) -> str:
    return "" if months is None else f" per {_PERIODS.get(months, f'{months} months')}"
