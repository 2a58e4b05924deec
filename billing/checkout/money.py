"""Amounts in minor units as people read them."""

from decimal import Decimal
from typing import Final

_NO_MINOR: Final = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF",
)  # fmt: skip
_THOUSANDTHS: Final = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def decimals_of(currency: str) -> int:
    """How many decimals the minor unit of a currency has (ISO 4217)."""
    return 0 if currency in _NO_MINOR else 3 if currency in _THOUSANDTHS else 2


def money_text(minor: int, currency: str) -> str:
    """`1234567, "EUR"` as `EUR 12,345.67`."""
    places = decimals_of(currency)
    sign = "-" if minor < 0 else ""
    return f"{sign}{currency} {Decimal(abs(minor)).scaleb(-places):,.{places}f}"


def grouped(amount: Decimal) -> str:
    """`12345.50` as `12,345.5`."""
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
