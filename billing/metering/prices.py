"""What an event burns by one price: credits for its quantity, exact to the micro-credit."""

from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any, Final

from billing.catalog.pricing import (
    Bracket,
    Pricing,
    UsageBracketedPrepaidCredits,
    UsagePrepaidCredits,
    parse_pricing,
)
from billing.columns import dump_json, load_json
from billing.ledger.debits import LARGEST_DEBIT
from billing.metering.use import Use
from billing.units import MICRO

CREDIT_TYPES: Final = ("UsagePrepaidCredits", "UsageBracketedPrepaidCredits")
"""Prices that are paid in credits."""

CreditPrice = UsagePrepaidCredits | UsageBracketedPrepaidCredits

_EXACT: Final = Context(prec=60)


class NoQuantityError(ValueError):
    """The signal does not say how much it is for; the message says what it says instead."""


def credit_price(pricing: dict[str, Any]) -> CreditPrice:
    """The price that a row keeps. Raises ValueError for one that is not paid in credits."""
    price = _parsed(dump_json(pricing))
    if not isinstance(price, UsagePrepaidCredits | UsageBracketedPrepaidCredits):
        raise ValueError(f"{type(price).__name__} is not paid in credits")
    return price


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Pricing:
    return parse_pricing(load_json(text))


def burned_by_each(price: CreditPrice) -> int | None:
    """Micro-credits that any signal burns by a price that does not ask how much it is for; None for the others."""
    if isinstance(price, UsagePrepaidCredits) and price.pricing_input is None:
        try:
            return _micro(price.credit_cost)
        except NoQuantityError:  # more than any signal can burn: told of each
            return None
    return None


def burned(price: CreditPrice, use: Use) -> int:
    """Micro-credits that a signal burns; beyond six decimals rounded half up, once. Raises NoQuantityError."""
    if isinstance(price, UsagePrepaidCredits):
        if price.pricing_input is None:
            return _micro(price.credit_cost)
        return _micro(_EXACT.multiply(price.credit_cost, _quantity(price.pricing_input.steps, use)))
    return _micro(_bracketed(price.credit_unit_brackets, _quantity(price.pricing_input.steps, use)))


def _quantity(steps: tuple[str, ...], use: Use) -> Decimal:
    quantity = use.quantity_at(steps)
    if quantity is None:
        raise NoQuantityError(f"data.{'.'.join(steps)} is not a number of 0 or more")
    return quantity


def _bracketed(brackets: list[Bracket], quantity: Decimal) -> Decimal:
    """All flat: the credits of the bracket that the quantity falls in. Else: each unit at the price of its bracket."""
    if quantity == 0:
        return Decimal(0)
    if brackets[0].credit_units_per_unit is None:
        for bracket in brackets:
            if bracket.up_to is None or quantity <= bracket.up_to:
                return bracket.credit_units or Decimal(0)
        return brackets[-1].credit_units or Decimal(0)
    total, below = Decimal(0), Decimal(0)
    for number, bracket in enumerate(brackets):
        last = number == len(brackets) - 1
        upper = quantity if last or bracket.up_to is None else min(quantity, Decimal(bracket.up_to))
        if upper > below:
            units = _EXACT.multiply(upper - below, bracket.credit_units_per_unit or Decimal(0))
            total = _EXACT.add(total, _EXACT.add(units, bracket.credit_units or Decimal(0)))
            below = upper
    return total


def _micro(amount: Decimal) -> int:
    micro = int(_EXACT.multiply(amount, Decimal(MICRO)).to_integral_value(ROUND_HALF_UP))
    if micro > LARGEST_DEBIT:
        raise NoQuantityError(f"{amount:g} credits are more than one signal can burn")
    return micro
