"""What amendments sell instead, or too: the prices they ask for, and which changes of a price they can make."""

from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.orm import Session

from billing.api.errors import invalid, not_implemented
from billing.api.schemas import amendments as bodies
from billing.catalog.pricing import CreditBenefit, Pricing, parse_pricing, stored
from billing.catalog.terms import pricing_terms
from billing.orders.overrides import Sold
from billing.orders.sold import check_currency
from billing.tables.catalog import ProductAttribute
from billing.tables.orders import Order

FEES: Final = ("recurring", "seatBased")
"""Kinds of charge that are charged once a period."""

_OTHERWISE: Final = {
    "PercentOfTotal": "a percentage is of what is billed on the same day, and keeps its periods",
    "PrepaidCredits": "seats that cost credits keep their periods, since what they have burned is not given back",
}


def has_own_periods(old: Pricing, new: Pricing) -> bool:
    """Whether a price that comes in another's place is another kind of charge, or has periods of another length: its
    own periods begin with it then.
    """
    return (old.charge_type, old.period_months) != (new.charge_type, new.period_months)


def check_change(old: Pricing, sold: Sold, quantity: int, treatment: str | None, place: int) -> None:
    """Raises the API's 400 or 501 for what cannot come in the place of a price. quantity: the one that it has now."""
    new = sold.pricing
    if old.charge_type == "oneTime":
        raise not_implemented(f"intents[{place}]: what is charged once was charged when it was sold; add another one")
    if old.charge_type == new.charge_type == "usage" and sold.quantity != quantity:
        raise invalid(f"intents[{place}].newQuantity: the quantity of usage is that of the events")
    models = {old.pricing_model, new.pricing_model}
    if not has_own_periods(old, new) and (len(models) == 1 or "PercentOfTotal" not in models):
        return
    for each in (old, new):
        reason = _OTHERWISE.get(each.pricing_model) if each.charge_type in FEES else None
        if reason is not None:
            raise not_implemented(f"intents[{place}].newPricing: {reason}; end it and add another")
    if treatment == "none" and old.charge_type in FEES:
        raise invalid(
            f"intents[{place}].treatment: another kind of charge or billing period moves money, since what was billed "
            "for the rest of the period is credited"
        )


def repriced(session: Session, order: Order, sold: Sold, intent: bodies.UpdatePricing, where: str) -> Sold:
    """What is sold at the price that an intent asks for. Usage has a quantity of 1. Raises the API's 400."""
    pricing = sold.pricing
    if intent.new_pricing is not None:
        pricing = _parsed(session, intent.new_pricing, order, f"{where}.newPricing")
    if intent.new_unit_price_minor is not None:
        pricing = _at_price(pricing, order, intent.new_unit_price_minor, f"{where}.newUnitPriceMinor")
    quantity = intent.new_quantity or sold.quantity
    if pricing.charge_type == "usage" and sold.pricing.charge_type != "usage":
        if (intent.new_quantity or 1) != 1:
            raise invalid(f"{where}.newQuantity: the quantity of usage is that of the events")
        quantity = 1
    return replace(sold, pricing=pricing, quantity=quantity)


def added(
    session: Session, order: Order, intent: bodies.AddFromCatalog | bodies.AddAttribute, where: str
) -> tuple[Sold, str]:
    """What an intent adds, and the product it is of. Raises the API's 400."""
    if isinstance(intent, bodies.AddFromCatalog):
        sold, product_id = _from_catalog(session, order, intent, where)
    else:
        if intent.currency is not None and intent.currency != order.currency:
            raise invalid(f"{where}.currency: the order is in {order.currency}")
        pricing = _parsed(session, intent.pricing, order, f"{where}.pricing")
        sold = Sold(intent.product_attribute_id, intent.line_name, pricing, (), intent.quantity)
        product_id = intent.product_id
    if intent.charge_stub in ("none", "full") and sold.pricing.charge_type not in FEES:
        kind = sold.pricing.charge_type
        raise invalid(f"{where}.chargeStub: only what is charged by the period has a first period; this is {kind}")
    return sold, product_id


def _from_catalog(session: Session, order: Order, intent: bodies.AddFromCatalog, where: str) -> tuple[Sold, str]:
    attribute = session.get(ProductAttribute, intent.product_attribute_id)
    if attribute is None or attribute.pricing is None:
        raise invalid(f"{where}.productAttributeId: no priced attribute {intent.product_attribute_id!r}")
    pricing = parse_pricing(attribute.pricing)
    check_currency(pricing, order.currency, where)
    if intent.unit_price_minor is not None:
        pricing = _at_price(pricing, order, intent.unit_price_minor, f"{where}.unitPriceMinor")
    benefits = tuple(CreditBenefit.model_validate(each) for each in attribute.credit_benefits)
    return Sold(attribute.id, attribute.name, pricing, benefits, intent.quantity or 1), attribute.product_id


def _at_price(pricing: Pricing, order: Order, cents: int, where: str) -> Pricing:
    if pricing.pricing_model != "PerUnit":
        raise invalid(f"{where}: only a price per unit has one")
    content = stored(pricing)
    points = [
        each | {"unitPrice": cents} if each["currency"] == order.currency else each for each in content["pricePoints"]
    ]
    return parse_pricing(content | {"pricePoints": points})


def _parsed(session: Session, content: dict[str, Any], order: Order, where: str) -> Pricing:
    try:
        pricing = parse_pricing(content)
    except ValidationError as error:
        raise invalid(f"{where}: {str(error.errors()[0]['msg']).removeprefix('Value error, ')}") from None
    pricing = parse_pricing(pricing_terms(session, pricing, where))
    check_currency(pricing, order.currency, where)
    return pricing
