"""What a revenue rule is: how much one event earns, for whom, and from when on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Final, Literal

MICRO: Final = 10**6
PICO: Final = 10**12
MONEY_LIMIT: Final = 10**18
"""Picodollars: what `DECIMAL(18,12)` has no room for any more."""

LARGEST_RATIO: Final = (10**19, 10**12)
"""Numerator and denominator of a price that 128-bit arithmetic takes whatever the quantity."""

Comparison = Literal["eq", "neq", "gt", "gte", "lt", "lte", "contains", "exists"]


class RevenueError(ValueError):
    """A revenue rule that cannot be used; the message is one line naming the entry and the key."""


@dataclass(frozen=True)
class Tier:
    """A stretch of quantity that ends with `up_to` (inclusive; None: no end): what each unit in it costs, and what is
    charged once as soon as it is reached.
    """

    up_to: Decimal | None
    unit_price: Decimal = Decimal(0)
    flat: Decimal = Decimal(0)


@dataclass(frozen=True)
class Bracket:
    """Credits that an event burns by its own quantity, up to `up_to` (inclusive; None: no end): a number of credits for
    the bracket it falls into, or credits for each unit within the bracket.
    """

    up_to: Decimal | None
    credits: Decimal | None = None
    credits_per_unit: Decimal | None = None


@dataclass(frozen=True)
class Condition:
    """What must hold for an event to earn: a value in its data compared with another. A missing value holds nothing."""

    path: str
    comparison: Comparison
    value: str | Decimal | bool | None = None


@dataclass(frozen=True)
class RevenueRule:
    """What one event earns. A None among product, event and customer matches every one.

    One of these says how much, each times a quantity: `unit_price_usd` (or `unit_price` in `currency`); `credits`
    times the value of a credit, which is `credit_value_usd` or `plan_price / plan_credits`; `brackets` of credits by
    the event's own quantity; `tiers` over the billing period, `graduated` (each unit at the price of its stretch) or
    `volume` (all at the price of the stretch that the period's total reaches). Or else: `cost_multiplier` times what
    the event cost, or the figure at `revenue_path` in the event's data.
    `recurring_fee` is what a customer pays per period; with `spread` it is divided among the period's events.
    `quantity_path` names a number in the signal's data (`dimensions.pages`); without it its own quantity counts.
    Where `when` does not hold the event earns nothing. Billing periods are `period_months` long and begin at
    `anchor_day` (that of `valid_from`, else 1; the last day of a shorter month), 00:00 UTC, counted from the month of
    `valid_from`, else from January 1970.
    In force from `valid_from` (inclusive) to `valid_to` (exclusive), None being without end. Amounts are in `currency`
    (None: US dollars), apart from those named `_usd`.
    """

    rule_id: str
    product_id: str | None = None
    event_name: str | None = None
    customer_id: str | None = None
    unit_price_usd: Decimal | None = None
    credits: Decimal | None = None
    credit_value_usd: Decimal | None = None
    quantity_path: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    currency: str | None = None
    unit_price: Decimal | None = None
    plan_price: Decimal | None = None
    plan_credits: Decimal | None = None
    brackets: tuple[Bracket, ...] = ()
    tiers: tuple[Tier, ...] = ()
    tier_mode: Literal["graduated", "volume"] | None = None
    cost_multiplier: Decimal | None = None
    revenue_path: str | None = None
    currency_path: str | None = None
    when: Condition | None = None
    recurring_fee: Decimal | None = None
    spread: bool = False
    period_months: int = 1
    anchor_day: int | None = None

    @cached_property
    def credit_value(self) -> Fraction | None:
        """What a credit is worth, exactly; None where the rule has none."""
        if self.credit_value_usd is not None:
            return Fraction(self.credit_value_usd)
        if self.plan_price is not None and self.plan_credits:
            return Fraction(self.plan_price) / Fraction(self.plan_credits)
        return None

    @cached_property
    def unit(self) -> Fraction | None:
        """What a quantity of one earns, exactly; None where that depends on more than the quantity."""
        for price in (self.unit_price_usd, self.unit_price):
            if price is not None:
                return Fraction(price)
        if self.credits is not None and self.credit_value is not None:
            return Fraction(self.credits) * self.credit_value
        return None

    @property
    def anchor(self) -> int:
        """The day of the month on which billing periods begin."""
        return self.anchor_day or (self.valid_from.day if self.valid_from is not None else 1)

    @property
    def spreads(self) -> bool:
        """Whether it divides a recurring fee among the events of a period."""
        return self.spread and self.recurring_fee is not None

    @property
    def by_period(self) -> bool:
        """Whether what an event earns depends on the other events of its billing period."""
        return bool(self.tiers) or self.spreads


def ratio(price: Fraction) -> tuple[int, int]:
    """Picounits for a millionth of a unit as numerator and denominator. Raises ValueError where it does not fit."""
    scaled = price * (PICO // MICRO)
    if scaled.numerator > LARGEST_RATIO[0] or scaled.denominator > LARGEST_RATIO[1] or price * PICO >= MONEY_LIMIT:
        raise ValueError(f"{float(price):g} a unit is too large or too finely divided")
    return scaled.numerator, scaled.denominator


def depends_on_periods(rules: Sequence[RevenueRule]) -> bool:
    """Whether any of the rules looks at more than the event itself."""
    return any(rule.by_period for rule in rules)
