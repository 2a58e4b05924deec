"""What the author of an order wrote of an attribute, as one of the catalog's pricing types."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.order_lines import Benefit, LineAttribute, LinePricing
from billing.catalog.pricing import CreditBenefit, CreditBenefitInput, Pricing, PricingBase, parse_pricing
from billing.catalog.terms import check_currencies, only_currency
from billing.ids import new_id

_TYPES: Final = {
    ("recurring", "perUnit"): "RecurringPerUnit",
    ("recurring", "flat"): "RecurringPerUnit",
    ("recurring", "prepaidCredits"): "RecurringPerUnit",
    ("recurring", "graduatedPricing"): "RecurringGraduated",
    ("recurring", "volumePricing"): "RecurringVolume",
    ("usage", "perUnit"): "UsagePerUnit",
    ("usage", "graduatedPricing"): "UsageGraduated",
    ("usage", "volumePricing"): "UsageVolume",
    ("usage", "prepaidCredits"): "UsagePrepaidCredits",
    ("usage", "bracketedPrepaidCredits"): "UsageBracketedPrepaidCredits",
    ("oneTime", "perUnit"): "OneTimePerUnit",
    ("oneTime", "flat"): "OneTimePerUnit",
    ("oneTime", "prepaidCredits"): "OneTimePerUnit",
    ("seatBased", "perUnit"): "SeatBasedPerUnit",
    ("seatBased", "flat"): "SeatBasedPerUnit",
    ("seatBased", "graduatedPricing"): "SeatBasedGraduated",
    ("seatBased", "volumePricing"): "SeatBasedVolume",
    ("seatBased", "prepaidCredits"): "SeatBasedPrepaidCredits",
}
_FREQUENCIES: Final = {
    "monthly": "Monthly", "quarterly": "Quarterly", "semiAnnually": "Semi-Annually", "annual": "Annual",
    "custom": "Custom",
}  # fmt: skip


@dataclass(frozen=True)
class Sold:
    """An attribute as a line sells it."""

    product_attribute_id: str | None
    name: str
    pricing: Pricing
    credit_benefits: tuple[CreditBenefit, ...]
    quantity: int


def sold_as_written(session: Session, written: LineAttribute, currency: str, where: str) -> Sold:
    """What an attribute of an order's author means. Raises the API's 400, naming the place, where it means nothing.

    A flat price does not grow with the quantity.
    """
    content = _content(session, written.pricing, currency, where)
    try:
        pricing = parse_pricing(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"][1:])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise invalid(f"{where}.pricing.{field}: {message}" if field else f"{where}.pricing: {message}") from None
    quantity = 1 if written.pricing.pricing_model == "flat" else written.quantity or 1
    return Sold(None, written.name, pricing, _benefits(session, written.pricing, where), quantity)


def _content(session: Session, pricing: LinePricing, currency: str, where: str) -> dict[str, Any]:
    kind = _TYPES.get((pricing.charge_type, pricing.pricing_model))
    if kind is None:
        raise invalid(f"{where}.pricing.pricingModel: {pricing.pricing_model} does not go with {pricing.charge_type}")
    point = pricing.price_points.model_dump(by_alias=True, exclude_none=True)
    given = pricing.model_dump(by_alias=True, exclude_none=True, exclude={"price_points", "credit_benefits"})
    content = {key: value for key, value in given.items() if key not in ("chargeType", "pricingModel")}
    content |= {"pricingType": kind, "pricePoints": [{"currency": currency} | point]}
    if pricing.billing_type is not None:
        content["billingType"] = pricing.billing_type.capitalize()
    if kind == "OneTimePerUnit":
        content.pop("billingFrequency", None)
        content.pop("billingFrequencyCustomMonths", None)
    else:
        content["billingFrequency"] = _FREQUENCIES[pricing.billing_frequency or "monthly"]
    if kind.endswith("PrepaidCredits"):
        content["creditsCurrencyId"] = _credits_currency(session, pricing, where)
    return content


def _benefits(session: Session, pricing: LinePricing, where: str) -> tuple[CreditBenefit, ...]:
    return tuple(
        _benefit(session, pricing, each, f"{where}.pricing.creditBenefits[{place}]")
        for place, each in enumerate(pricing.credit_benefits or [])
    )


def _benefit(session: Session, pricing: LinePricing, benefit: Benefit, where: str) -> CreditBenefit:
    content = benefit.model_dump(exclude_none=True, exclude={"id"})
    if benefit.credits_currency_id is None:
        content["credits_currency_id"] = _credits_currency(session, pricing, where)
    else:
        check_currencies(session, [benefit.credits_currency_id], where)
    if benefit.overage_unit_price is None and pricing.overage_unit_price is not None:
        content["overage_unit_price"] = pricing.overage_unit_price
    try:
        return CreditBenefit(**CreditBenefitInput(**content).model_dump(), id=benefit.id or new_id("cb"))
    except ValidationError as error:
        raise invalid(f"{where}: {str(error.errors()[0]['msg']).removeprefix('Value error, ')}") from None


def _credits_currency(session: Session, pricing: LinePricing, where: str) -> str:
    if pricing.credits_currency_id is None:
        return only_currency(session, f"{where}.pricing")
    check_currencies(session, [pricing.credits_currency_id], f"{where}.pricing")
    return pricing.credits_currency_id


def is_by_seat(pricing: PricingBase) -> bool:
    """Whether the price is by the seat."""
    return pricing.charge_type == "seatBased"
