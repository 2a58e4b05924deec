"""Bodies of prices and credit benefits, as they go out; how they come in is `billing.catalog.pricing`."""

from typing import Any, Literal

from pydantic import Field

from billing.api.model import Model
from billing.catalog.pricing import (
    BillingFrequency,
    BillingType,
    Bracket,
    ChargeType,
    CreditBenefit,
    CreditBenefitInput,
    Pricing,
    PricingInput,
    PricingModel,
    Tier,
    parse_pricing,
    stored,
)
from billing.units import Credits, Number


class PricePointOutput(Model):
    """The price in one currency, in minor units."""

    currency: str
    unit_price: int
    tiers: list[Tier] | None = None
    min_quantity: int | None = None
    max_quantity: int | None = None
    included_quantity: int | None = None


class PricingOutput(Model):
    """A price of any type; what its type does not have is left out."""

    pricing_type: str
    charge_type: ChargeType
    pricing_model: PricingModel
    event_name: str | None = None
    signal_type: Literal["activity", "outcome"] | None = None
    billing_frequency: BillingFrequency | None = None
    billing_frequency_custom_months: int | None = None
    billing_type: BillingType | None = None
    credits_currency_id: str | None = None
    credit_cost: Credits | None = None
    unit_value: Number | None = None
    pricing_input: PricingInput | None = None
    credit_unit_brackets: list[Bracket] | None = None
    overage_unit_price: int | None = None
    credit_rollover_amount: Credits | None = None
    percentage_value: Number | None = None
    cost_plus_multiplier: Number | None = None
    fee_type: str | None = None
    price_points: list[PricePointOutput] = Field(default_factory=list)


class PricingUpdate(Model):
    """A new price; benefits that are given replace those there are."""

    pricing: Pricing
    credit_benefits: list[CreditBenefitInput] | None = Field(default=None, max_length=100)


class PricingResponse(Model):
    """The price and the benefits of one attribute."""

    product_attribute_id: str
    name: str
    pricing: PricingOutput | None = None
    credit_benefits: list[CreditBenefit]


class PricingList(Model):
    """Those of a product."""

    data: list[PricingResponse]


def shown_pricing(content: dict[str, Any] | None) -> PricingOutput | None:
    """A pricing column as the API shows it."""
    if content is None:
        return None
    pricing = parse_pricing(content)
    return PricingOutput.model_validate(
        stored(pricing) | {"chargeType": pricing.charge_type, "pricingModel": pricing.pricing_model}
    )


def shown_benefits(content: list[Any]) -> list[CreditBenefit]:
    """A column of benefits as the API shows it."""
    return [CreditBenefit.model_validate(each) for each in content]
