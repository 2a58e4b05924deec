"""What a line of an order sells at the moment: as its author wrote it, or as its plan or product has it."""

from typing import Final

from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.order_lines import LineAttribute
from billing.catalog.effective import effective_attributes
from billing.catalog.pricing import Pricing, price_point
from billing.orders.overrides import Sold, is_by_seat, sold_as_written
from billing.tables.catalog import Plan, Product
from billing.tables.orders import Order, OrderLine

_PRICED_IN_MONEY: Final = ("PerUnit", "GraduatedPricing", "VolumePricing")
"""Pricing models that charge by a price in the order's currency."""

DOLLAR: Final = "USD"


def sold_by(session: Session, order: Order, line: OrderLine) -> list[Sold]:
    """The attributes that a line sells now. Raises the API's 400 for what cannot be sold in the order's currency."""
    sold = _written(session, order, line) if line.overrides is not None else _followed(session, line)
    for each in sold:
        check_currency(each.pricing, order.currency, f"{line.name}: {each.name}")
    return sold


def check_currency(pricing: Pricing, currency: str, where: str) -> None:
    """Raises the API's 400 for a price that is not there in the currency, or that only US dollars have."""
    if pricing.pricing_model in _PRICED_IN_MONEY and price_point(pricing, currency) is None:
        raise invalid(f"{where}: has no price in {currency}")
    if pricing.pricing_model == "CostPlus" and currency != DOLLAR:
        raise invalid(f"{where}: costs are in {DOLLAR}, and so is an order that charges by them")


def _written(session: Session, order: Order, line: OrderLine) -> list[Sold]:
    return [
        sold_as_written(
            session, LineAttribute.model_validate(each), order.currency, f"lines[{line.position}].attributes[{place}]"
        )
        for place, each in enumerate(line.overrides or [])
    ]


def _followed(session: Session, line: OrderLine) -> list[Sold]:
    product = session.get_one(Product, line.product_id)
    plan = None if line.plan_id is None else session.get_one(Plan, line.plan_id)
    return [
        Sold(
            each.product_attribute_id, each.name, each.pricing, each.credit_benefits,
            (line.quantity or 1) if is_by_seat(each.pricing) else 1,
        )
        for each in effective_attributes(session, product, plan)
    ]  # fmt: skip
