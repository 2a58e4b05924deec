"""Credits that come with what is bought."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from billing.api.model import Model, Text
from billing.catalog.price_points import Cents, CreditAmount


class CreditBenefitInput(Model):
    """Credits of one currency for the organization, or for each seat.

    upfront: the whole amount at the start of each billing period; monthly: the amount in each month of it. What is
    left at the end may stay spendable: up to `rollover_amount` for `rollover_duration` days or months.
    overage_unit_price: minor units for each credit spent beyond what there is.
    """

    credits_currency_id: Text
    amount: CreditAmount
    recipient: Literal["organization", "seat"] = "organization"
    is_infinite_total: bool = False
    allocation_cadence: Literal["upfront", "monthly"] = "upfront"
    credit_grant_timing: Literal["on_payment", "on_invoice_posted", "on_order_activation"] = "on_order_activation"
    overage_unit_price: Cents | None = None
    rollover_amount: CreditAmount | None = None
    rollover_duration: Annotated[int, Field(ge=0, le=36_500)] | None = None
    rollover_duration_unit: Literal["days", "months"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _nulls_are_defaults(cls, content: object) -> object:
        return (
            {key: value for key, value in content.items() if value is not None}
            if isinstance(content, dict)
            else content
        )

    @model_validator(mode="after")
    def _rollover_is_whole(self) -> "CreditBenefitInput":
        parts = (self.rollover_amount, self.rollover_duration, self.rollover_duration_unit)
        if any(part is not None for part in parts) and any(part is None for part in parts):
            raise ValueError("rolloverAmount, rolloverDuration and rolloverDurationUnit belong together")
        if self.rollover_duration_unit == "months" and (self.rollover_duration or 0) > 1200:
            raise ValueError("rolloverDuration: at most 1200 months")
        return self


class CreditBenefit(CreditBenefitInput):
    """A benefit that has an id."""

    id: str
