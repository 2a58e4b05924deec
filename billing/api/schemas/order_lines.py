"""Bodies of what is on an order. Prices are written otherwise here than in the catalog: `monthly`, `perUnit`, …"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from billing.api.model import Model, Text, Time
from billing.catalog.price_points import Bracket, Cents, Count, CreditAmount, Currency, Tier
from billing.catalog.pricing import PricingInput

ChargeType = Literal["usage", "recurring", "oneTime", "seatBased"]
PricingModel = Literal[
    "perUnit", "volumePricing", "graduatedPricing", "prepaidCredits", "bracketedPrepaidCredits", "flat"
]
Frequency = Literal["monthly", "quarterly", "semiAnnually", "annual", "custom"]
LineType = Literal["STANDARD", "PRORATION_CREDIT", "PRORATION_CHARGE", "CREDIT"]
Months = Annotated[int, Field(ge=1, le=1200)]
Quantity = Annotated[int, Field(ge=1, le=1_000_000)]
LARGEST_SEATS = 10_000


class PricePoint(Model):
    """One price, in the order's currency where it names none."""

    currency: Currency | None = None
    unit_price: Cents
    min_quantity: Count | None = None
    included_quantity: Count | None = None
    tiers: Annotated[list[Tier], Field(max_length=1000)] | None = None


class Benefit(Model):
    """Credits that come with the attribute; of the attribute's own currency of credits where it names none."""

    id: Text | None = None
    credits_currency_id: Text | None = None
    recipient: Literal["organization", "seat"] | None = None
    amount: CreditAmount
    is_infinite_total: bool | None = None
    overage_unit_price: Cents | None = None
    rollover_amount: CreditAmount | None = None
    rollover_duration: Annotated[int, Field(ge=0, le=36_500)] | None = None
    rollover_duration_unit: Literal["days", "months"] | None = None
    allocation_cadence: Literal["upfront", "monthly"] | None = None
    credit_grant_timing: Literal["on_payment", "on_invoice_posted", "on_order_activation"] | None = None


class LinePricing(Model):
    """The price of an attribute on an order."""

    event_name: Text | None = None
    charge_type: ChargeType
    price_points: PricePoint
    pricing_model: PricingModel
    billing_frequency: Frequency | None = None
    billing_frequency_custom_months: Months | None = None
    billing_type: Literal["advance", "arrears"] | None = None
    signal_type: Literal["activity", "outcome"] | None = None
    credits_currency_id: Text | None = None
    credit_cost: CreditAmount | None = None
    overage_unit_price: Cents | None = None
    credit_rollover_amount: CreditAmount | None = None
    credit_benefits: Annotated[list[Benefit], Field(max_length=100)] | None = None
    pricing_input: PricingInput | None = None
    credit_unit_brackets: Annotated[list[Bracket], Field(max_length=1000)] | None = None


class LineAttribute(Model):
    """An attribute as the order sells it. quantity: units, or seats."""

    name: Text
    quantity: Quantity | None = None
    pricing: LinePricing

    @model_validator(mode="after")
    def _seats_are_not_endless(self) -> "LineAttribute":
        if self.pricing.charge_type == "seatBased" and (self.quantity or 1) > LARGEST_SEATS:
            raise ValueError(f"quantity: at most {LARGEST_SEATS} seats")
        return self


class LineCreate(Model):
    """A product on an order. attributes: all that the line sells, in place of what its plan or product has.

    plan_id (ours): a plan of the product, other than its default one. quantity (ours): seats, without attributes.
    """

    product_id: Text
    plan_id: Text | None = None
    name: Text | None = None
    description: Text | None = None
    start_date: Time | None = None
    end_date: Time | None = None
    attributes: Annotated[list[LineAttribute], Field(max_length=500)] | None = None
    line_type: Literal["STANDARD", "CREDIT"] | None = None
    quantity: Annotated[int, Field(ge=1, le=LARGEST_SEATS)] | None = None


class OrderLine(Model):
    """A line as it is shown."""

    id: str
    product_id: str
    plan_id: str | None = None
    name: str
    description: str | None = None
    start_date: Time
    end_date: Time | None = None
    line_type: LineType
    quantity: int | None = None


def as_written(attribute: LineAttribute) -> dict[str, Any]:
    """An attribute as the order's row keeps it."""
    return attribute.model_dump(mode="python", by_alias=True, exclude_none=True)
