"""Exact units: credits are integer micro-credits, money is integer minor units (cents). Never a float inside.

JSON knows only numbers: what comes in is read as decimals digit by digit, and what goes out is the shortest number
that reads back as the same decimal.
"""

from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

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


def _six_places(value: Decimal) -> Decimal:
    to_micro(value)
    return value


_IN_JSON: Final = PlainSerializer(json_number, return_type=int | float, when_used="json")

Number = Annotated[Decimal, BeforeValidator(_exact), _IN_JSON]
"""A decimal that is a number in JSON, and stays a decimal in Python."""

Credits = Annotated[Decimal, BeforeValidator(_exact), AfterValidator(_six_places), _IN_JSON]
"""Credits, exact to six decimal places, a number in JSON."""
