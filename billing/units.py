"""Exact units: credits are integer micro-credits, money is integer minor units (cents). Never a float inside.

JSON knows only numbers: what comes in is read as decimals digit by digit, and what goes out is the shortest number
that reads back as the same decimal.
"""

from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer

MICRO: Final = 10**6
"""Micro-credits in one credit."""

LARGEST_CREDITS: Final = Decimal(10**9)
"""Credits that one amount may have: a double, which is what JSON readers have, still tells a millionth apart there."""


def to_micro(amount: Decimal) -> int:
    """Credits as integer micro-credits. Raises ValueError for more than six decimals, or beyond LARGEST_CREDITS."""
    scaled = amount * MICRO
    if not amount.is_finite() or scaled != scaled.to_integral_value():
        raise ValueError("must have at most 6 decimal places")
    if abs(amount) > LARGEST_CREDITS:
        raise ValueError(f"must be at most {LARGEST_CREDITS}")
    return int(scaled)


def from_micro(micro: int) -> Decimal:
    """Micro-credits as credits, exactly."""
    return Decimal(micro).scaleb(-6)


def decimal_text(value: Decimal) -> str:
    """A decimal as plain digits without trailing zeros: ``-12.5``, ``3``, ``0``."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def json_number(value: Decimal) -> int | float:
    """The number that JSON shows for a decimal: an integer where it is one."""
    return int(value) if value == value.to_integral_value() else float(value)


def _exact(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return Decimal(str(value)) if isinstance(value, float) else value


def _six_places(value: object) -> object:
    exact = _exact(value)
    if isinstance(exact, Decimal | int):
        to_micro(Decimal(exact))
    return exact


Number = Annotated[Decimal, BeforeValidator(_exact), PlainSerializer(json_number, return_type=int | float)]
"""A decimal that is a number in JSON."""

Credits = Annotated[Decimal, BeforeValidator(_six_places), PlainSerializer(json_number, return_type=int | float)]
"""Credits, exact to six decimal places, a number in JSON."""
