"""What is charged, exactly: pure functions from prices, quantities and days to integer minor units (cents).

A line is rounded once, half a cent up (away from zero for credits), as people round on paper.
"""

from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

from billing.catalog.pricing import Pricing, RecurringPercentOfTotal, SimplePricePoint, Tier, UsageCostPlus, price_point

CENTS = 100


def rounded(amount: Fraction) -> int:
    """The amount in whole cents, half up; a negative one is the negative of what its opposite is."""
    if amount < 0:
        return -rounded(-amount)
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def price_of(pricing: Pricing, currency: str, quantity: Decimal | int) -> Fraction:
    """Cents for a quantity in one period, before rounding, by a price per unit or by tiers.

    Prices without a point in the currency cost nothing: they are paid in credits.
    """
    point = price_point(pricing, currency)
    if point is None:
        return Fraction(0)
    units = billable(point, quantity)
    if pricing.pricing_model == "GraduatedPricing":
        return graduated(point.tiers or [], units)
    if pricing.pricing_model == "VolumePricing":
        return volume(point.tiers or [], units)
    if pricing.pricing_model == "PerUnit":
        return units * point.unit_price
    return Fraction(0)


def billable(point: SimplePricePoint, quantity: Decimal | int) -> Fraction:
    """Units that are charged: at least the minimum, without those that are included."""
    units = max(Fraction(quantity), Fraction(point.min_quantity or 0))
    return max(units - (point.included_quantity or 0), Fraction(0))


def graduated(tiers: list[Tier], units: Fraction) -> Fraction:
    """Each unit at the price of its tier; a tier's flat amount once it is reached. The last tier has no end."""
    total, below = Fraction(0), Fraction(0)
    for place, tier in enumerate(tiers):
        if units <= below:
            break
        is_last = place == len(tiers) - 1
        end = units if is_last or tier.upper_bound is None else min(units, Fraction(tier.upper_bound))
        if end > below:
            total += (end - below) * tier.per_unit + tier.once
        below = max(end, below)
    return total


def volume(tiers: list[Tier], units: Fraction) -> Fraction:
    """All units at the price of the tier that their number reaches, and that tier's flat amount; nothing for none."""
    if units <= 0 or not tiers:
        return Fraction(0)
    reached = next((tier for tier in tiers if tier.upper_bound is None or units <= tier.upper_bound), tiers[-1])
    return units * reached.per_unit + reached.once


def cost_plus(pricing: UsageCostPlus, cost_usd: Decimal) -> Fraction:
    """Cents for what calls cost, in US dollars, times the factor."""
    return Fraction(cost_usd) * Fraction(pricing.cost_plus_multiplier) * CENTS


def percent_of(pricing: RecurringPercentOfTotal, total: int) -> int:
    """The percentage of what else is charged."""
    return rounded(Fraction(total) * Fraction(pricing.percentage_value) / CENTS)


def portion(amount: Fraction, days: int, of_days: int) -> Fraction:
    """The part of a period's amount that some of its days bear."""
    return amount if days >= of_days else amount * days / of_days


def split_by_days(amount: int, of_days: int, cuts: list[int]) -> list[int]:
    """A whole amount cut after so many days each (ascending), so that the parts add up to it."""
    edges = [0, *cuts, of_days]
    until = [rounded(Fraction(amount * edge, of_days)) for edge in edges]
    return [later - earlier for earlier, later in zip(until, until[1:], strict=False)]


def shown_quantity(quantity: Decimal) -> int:
    """A quantity as the API's integer shows it; the line's details have all of it."""
    return int(quantity.to_integral_value(ROUND_FLOOR))
