"""Prices in each currency, as the catalog keeps them: integer minor units (cents), with tiers where there are any."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from billing.api.model import Model
from billing.units import Credits, Number

LARGEST_CENTS: Final = 10**12
"""Minor units that one price may have."""

LARGEST_QUANTITY: Final = 2**31 - 1

T = TypeVar("T", bound="SimplePricePoint")


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be an integer")
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Cents = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=LARGEST_CENTS)]
"""Integer minor units of a currency."""

Count = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=LARGEST_QUANTITY)]
"""How many of something."""

Currency = Annotated[str, BeforeValidator(_upper), StringConstraints(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code, in upper case whatever was sent."""

Rate = Annotated[Number, Field(ge=0, max_digits=15)]
"""A factor, a percentage or a fractional price, with at most 15 digits: as many as every JSON reader keeps."""

CreditAmount = Annotated[Credits, Field(ge=0)]
"""Credits, never fewer than none."""


class Tier(Model):
    """The price of a stretch of quantities. upper_bound: its last one; the highest tier has none, or goes on beyond it.

    It costs `unit_amount` for each unit and `flat_amount` once; `tier_billing_type` says that only one of them counts.
    """

    flat_amount: Cents | None = None
    index: Annotated[Number, Field(ge=0, max_digits=10)] | None = None
    lower_bound: Count
    number: Count | None = None
    tier_billing_type: Literal["flat", "perUnit"] | None = None
    unit_amount: Cents | None = None
    upper_bound: Count | None = None

    @model_validator(mode="after")
    def _costs_something(self) -> "Tier":
        if self.tier_billing_type == "flat" and self.flat_amount is None:
            raise ValueError("a flat tier needs flatAmount")
        if self.tier_billing_type == "perUnit" and self.unit_amount is None:
            raise ValueError("a tier per unit needs unitAmount")
        if self.flat_amount is None and self.unit_amount is None:
            raise ValueError("a tier needs unitAmount or flatAmount")
        if self.upper_bound is not None and self.upper_bound < self.lower_bound:
            raise ValueError("upperBound must not be below lowerBound")
        return self

    @property
    def per_unit(self) -> int:
        """Minor units for each unit within the tier."""
        return 0 if self.tier_billing_type == "flat" else self.unit_amount or 0

    @property
    def once(self) -> int:
        """Minor units for reaching the tier at all."""
        return 0 if self.tier_billing_type == "perUnit" else self.flat_amount or 0


class SimplePricePoint(Model):
    """One price for each unit in one currency. included_quantity: units that cost nothing."""

    currency: Currency
    unit_price: Cents
    tiers: list[Tier] | None = None
    min_quantity: Count | None = None
    max_quantity: Count | None = None
    included_quantity: Count | None = None

    @model_validator(mode="after")
    def _quantities_agree(self) -> "SimplePricePoint":
        if self.min_quantity is not None and self.max_quantity is not None and self.max_quantity < self.min_quantity:
            raise ValueError("maxQuantity must not be below minQuantity")
        self._check_tiers()
        return self

    def _check_tiers(self) -> None:
        if self.tiers:
            raise ValueError("a price per unit has no tiers; use the Graduated or Volume pricing type")


class TieredPricePoint(SimplePricePoint):
    """Prices by quantity in one currency; the tiers follow one another without a gap."""

    tiers: Annotated[list[Tier], Field(min_length=1, max_length=1000)]

    def _check_tiers(self) -> None:
        if self.tiers[0].lower_bound > 1:
            raise ValueError("tiers: the first one must begin at 0 or 1")
        for below, above in pairwise(self.tiers):
            if below.upper_bound is None:
                raise ValueError("tiers: only the last one may have no upperBound")
            if above.lower_bound not in (below.upper_bound, below.upper_bound + 1):
                raise ValueError(f"tiers: the one after {below.upper_bound} must begin there or one above")


class Bracket(Model):
    """Credits that a quantity up to `up_to` costs: `credit_units` in all, or `credit_units_per_unit` for each unit."""

    up_to: Annotated[Count, Field(ge=1)] | None = None
    credit_units: CreditAmount
    credit_units_per_unit: CreditAmount | None = None


def one_a_currency(points: Sequence[T]) -> Sequence[T]:
    """The points, each currency once. Raises ValueError for a currency that is there twice."""
    currencies = [point.currency for point in points]
    twice = next((currency for currency in currencies if currencies.count(currency) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is there twice")
    return points


def in_order(brackets: list[Bracket]) -> list[Bracket]:
    """The brackets, ascending, all flat or all graduated. Raises ValueError when they are not."""
    if len({bracket.credit_units_per_unit is None for bracket in brackets}) > 1:
        raise ValueError("must be all flat, or all graduated (creditUnitsPerUnit in each)")
    for below, above in pairwise(brackets):
        if below.up_to is None:
            raise ValueError("only the last bracket may have no upTo")
        if above.up_to is not None and above.up_to <= below.up_to:
            raise ValueError("upTo must rise from bracket to bracket")
    return brackets


SimplePoints = Annotated[list[SimplePricePoint], Field(min_length=1, max_length=200), AfterValidator(one_a_currency)]
OptionalPoints = Annotated[list[SimplePricePoint], Field(max_length=200), AfterValidator(one_a_currency)]
TieredPoints = Annotated[list[TieredPricePoint], Field(min_length=1, max_length=200), AfterValidator(one_a_currency)]
Brackets = Annotated[list[Bracket], Field(min_length=1, max_length=1000), AfterValidator(in_order)]

ZERO: Final = Decimal(0)
