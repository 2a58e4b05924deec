"""How something is priced: the fifteen pricing types of the API, one model each, told apart by `pricingType`.

What the tables keep is `stored(…)` of these models: the API's own JSON names, decimals as decimals, no None.
"""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, model_validator

from billing.api.model import Model, Text
from billing.catalog.benefits import CreditBenefit, CreditBenefitInput
from billing.catalog.price_points import (
    Bracket,
    Brackets,
    Cents,
    CreditAmount,
    OptionalPoints,
    Rate,
    SimplePoints,
    SimplePricePoint,
    Tier,
    TieredPoints,
    TieredPricePoint,
)

__all__ = [
    "Bracket", "CreditBenefit", "CreditBenefitInput", "Pricing", "PricingBase", "PricingInput", "SimplePricePoint",
    "Tier", "TieredPricePoint", "parse_pricing", "price_point", "stored",
]  # fmt: skip

ChargeType = Literal["recurring", "usage", "oneTime", "seatBased"]
PricingModel = Literal[
    "PerUnit",
    "GraduatedPricing",
    "VolumePricing",
    "PrepaidCredits",
    "BracketedPrepaidCredits",
    "PercentOfTotal",
    "CostPlus",
]
BillingFrequency = Literal["Monthly", "Quarterly", "Semi-Annually", "Annual", "Custom"]
BillingType = Literal["Advance", "Arrears"]

_MONTHS: Final = {"Monthly": 1, "Quarterly": 3, "Semi-Annually": 6, "Annual": 12}
_STEP: Final = r"[^.\[\]\x00]+"


class PricingInput(Model):
    """Where a signal's quantity is: a key of its data, dots go deeper (`dimensions.pages`); `$.` before it is fine."""

    kind: Literal["signalQuantity"]
    path: Annotated[str, StringConstraints(pattern=rf"^(\$\.)?{_STEP}(\.{_STEP})*$", max_length=1000)] | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The keys from the outside in; `quantity` where no path is given."""
        return tuple((self.path or "quantity").removeprefix("$.").split("."))


class PricingBase(Model):
    """What all pricing types have in common."""

    charge_type: ClassVar[ChargeType]
    pricing_model: ClassVar[PricingModel]

    billing_frequency: BillingFrequency | None = None
    billing_frequency_custom_months: Annotated[int, Field(ge=1, le=1200)] | None = None
    billing_type: BillingType | None = None

    @model_validator(mode="after")
    def _custom_has_months(self) -> "PricingBase":
        custom = self.billing_frequency == "Custom"
        if custom and self.billing_frequency_custom_months is None:
            raise ValueError("billingFrequencyCustomMonths: a Custom billingFrequency needs it")
        if not custom and self.billing_frequency_custom_months is not None:
            raise ValueError("billingFrequencyCustomMonths: only for a Custom billingFrequency")
        return self

    @property
    def period_months(self) -> int | None:
        """Months of a billing period; None where it is charged once. Usage without a frequency is billed monthly."""
        if self.charge_type == "oneTime":
            return None
        if self.billing_frequency is None:
            return 1
        return self.billing_frequency_custom_months or _MONTHS[self.billing_frequency]

    @property
    def in_advance(self) -> bool:
        """Whether a period is billed at its start: as said, else usage afterwards and everything else beforehand."""
        return self.billing_type == "Advance" if self.billing_type else self.charge_type != "usage"


class _Periodic(PricingBase):
    billing_frequency: BillingFrequency


class _Usage(PricingBase):
    charge_type: ClassVar[ChargeType] = "usage"
    signal_type: Literal["activity", "outcome"] | None = None


class _Event(_Usage):
    event_name: Text


class RecurringPerUnit(_Periodic):
    """A fee for each unit and period."""

    charge_type: ClassVar[ChargeType] = "recurring"
    pricing_model: ClassVar[PricingModel] = "PerUnit"
    pricing_type: Literal["RecurringPerUnit"]
    price_points: SimplePoints


class RecurringGraduated(_Periodic):
    """A fee a period, each unit at the price of its tier."""

    charge_type: ClassVar[ChargeType] = "recurring"
    pricing_model: ClassVar[PricingModel] = "GraduatedPricing"
    pricing_type: Literal["RecurringGraduated"]
    price_points: TieredPoints


class RecurringVolume(_Periodic):
    """A fee a period, all units at the price of the tier that the quantity reaches."""

    charge_type: ClassVar[ChargeType] = "recurring"
    pricing_model: ClassVar[PricingModel] = "VolumePricing"
    pricing_type: Literal["RecurringVolume"]
    price_points: TieredPoints


class RecurringPercentOfTotal(_Periodic):
    """A percentage of what else is billed in the period. percentage_value: 10 means 10 %."""

    charge_type: ClassVar[ChargeType] = "recurring"
    pricing_model: ClassVar[PricingModel] = "PercentOfTotal"
    pricing_type: Literal["RecurringPercentOfTotal"]
    percentage_value: Rate
    price_points: OptionalPoints | None = None


class UsagePerUnit(_Event):
    """A price for each unit of an event."""

    pricing_model: ClassVar[PricingModel] = "PerUnit"
    pricing_type: Literal["UsagePerUnit"]
    price_points: SimplePoints


class UsageGraduated(_Event):
    """A price for each unit of an event, by the tier it falls in within the period."""

    pricing_model: ClassVar[PricingModel] = "GraduatedPricing"
    pricing_type: Literal["UsageGraduated"]
    price_points: TieredPoints


class UsageVolume(_Event):
    """One price for all units of an event in a period, by how many there are."""

    pricing_model: ClassVar[PricingModel] = "VolumePricing"
    pricing_type: Literal["UsageVolume"]
    price_points: TieredPoints


class UsagePrepaidCredits(_Event):
    """Credits that an event burns: `credit_cost` times its quantity, or once where no pricing input is given.

    unit_value: what one credit is worth, in minor units, maybe fractional.
    """

    pricing_model: ClassVar[PricingModel] = "PrepaidCredits"
    pricing_type: Literal["UsagePrepaidCredits"]
    credits_currency_id: Text
    credit_cost: CreditAmount
    unit_value: Rate | None = None
    pricing_input: PricingInput | None = None
    price_points: OptionalPoints | None = None


class UsageBracketedPrepaidCredits(_Event):
    """Credits that an event burns by the bracket of its quantity; quantities beyond the last bracket belong to it."""

    pricing_model: ClassVar[PricingModel] = "BracketedPrepaidCredits"
    pricing_type: Literal["UsageBracketedPrepaidCredits"]
    credits_currency_id: Text | None = None
    unit_value: Rate | None = None
    overage_unit_price: Cents | None = None
    credit_rollover_amount: CreditAmount | None = None
    pricing_input: PricingInput
    credit_unit_brackets: Brackets
    price_points: OptionalPoints | None = None


class UsageCostPlus(_Usage):
    """The cost of the AI calls, times a factor. It has no event name: it is about all of a product's costs."""

    pricing_model: ClassVar[PricingModel] = "CostPlus"
    pricing_type: Literal["UsageCostPlus"]
    cost_plus_multiplier: Rate
    price_points: OptionalPoints | None = None


class OneTimePerUnit(PricingBase):
    """A fee for each unit, charged once."""

    charge_type: ClassVar[ChargeType] = "oneTime"
    pricing_model: ClassVar[PricingModel] = "PerUnit"
    pricing_type: Literal["OneTimePerUnit"]
    fee_type: Literal["setup", "onboarding", "implementation", "migration", "custom"] | None = None
    price_points: SimplePoints


class SeatBasedPerUnit(_Periodic):
    """A fee for each seat and period."""

    charge_type: ClassVar[ChargeType] = "seatBased"
    pricing_model: ClassVar[PricingModel] = "PerUnit"
    pricing_type: Literal["SeatBasedPerUnit"]
    price_points: SimplePoints


class SeatBasedGraduated(_Periodic):
    """A fee a period, each seat at the price of its tier."""

    charge_type: ClassVar[ChargeType] = "seatBased"
    pricing_model: ClassVar[PricingModel] = "GraduatedPricing"
    pricing_type: Literal["SeatBasedGraduated"]
    price_points: TieredPoints


class SeatBasedVolume(_Periodic):
    """A fee a period, all seats at the price of the tier that their number reaches."""

    charge_type: ClassVar[ChargeType] = "seatBased"
    pricing_model: ClassVar[PricingModel] = "VolumePricing"
    pricing_type: Literal["SeatBasedVolume"]
    price_points: TieredPoints


class SeatBasedPrepaidCredits(_Periodic):
    """Credits that each seat costs in a period."""

    charge_type: ClassVar[ChargeType] = "seatBased"
    pricing_model: ClassVar[PricingModel] = "PrepaidCredits"
    pricing_type: Literal["SeatBasedPrepaidCredits"]
    credits_currency_id: Text
    credit_cost: CreditAmount
    unit_value: Rate | None = None
    price_points: OptionalPoints | None = None


Pricing: TypeAlias = Annotated[
    RecurringPerUnit
    | RecurringGraduated
    | RecurringVolume
    | RecurringPercentOfTotal
    | UsagePerUnit
    | UsageGraduated
    | UsageVolume
    | UsagePrepaidCredits
    | UsageBracketedPrepaidCredits
    | UsageCostPlus
    | OneTimePerUnit
    | SeatBasedPerUnit
    | SeatBasedGraduated
    | SeatBasedVolume
    | SeatBasedPrepaidCredits,
    Field(discriminator="pricing_type"),
]
"""One of the pricing types."""

_ANY: Final[TypeAdapter[Pricing]] = TypeAdapter(Pricing)


def parse_pricing(content: dict[str, Any]) -> Pricing:
    """The pricing that a body or a table's column describes. Raises pydantic.ValidationError when it is none."""
    return _ANY.validate_python(content)


def stored(model: BaseModel) -> dict[str, Any]:
    """A pricing or a benefit as the tables keep it."""
    return model.model_dump(mode="python", by_alias=True, exclude_none=True)


def price_point(pricing: Pricing, currency: str) -> SimplePricePoint | None:
    """The price in a currency, if there is one."""
    points: Iterable[SimplePricePoint] = pricing.price_points or ()
    return next((point for point in points if point.currency == currency), None)
