"""Values of the operator's own price entries, read strictly: texts, amounts, moments; each error says what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MAX_DECIMALS: Final = 12
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,99}")


class OwnPriceError(ValueError):
    """An entry of the operator's own prices that cannot be used; the message is one line naming the entry and key."""


def read_entry(where: str, entry: Mapping[str, Any], parsers: Mapping[str, Callable[[object], Any]]) -> dict[str, Any]:
    """The parsed values of an entry; keys without a value are left out. Raises OwnPriceError for anything else."""
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key not in parsers:
            raise OwnPriceError(f"{where}: {key}: unknown key; known are {', '.join(parsers)}")
        if value is None:
            continue
        try:
            values[key] = parsers[key](value)
        except ValueError as error:
            raise OwnPriceError(f"{where}: {key}: {error}") from None
    start, end = values.get("from"), values.get("to")
    if start is not None and end is not None and start >= end:
        raise OwnPriceError(f"{where}: to: must be after from")
    return values


def text(value: object) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not a text")
    return value.strip()


def rule_name(value: object) -> str:
    """A name that stands in a table: letters, digits, spaces and a few signs."""
    name = text(value)
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not a name; use up to 100 letters, digits, spaces and . _ : / + -")
    return name


def pattern(value: object) -> str:
    """A name, lower case, or a beginning with one `*` at its end."""
    name = text(value).lower()
    if "*" in name[:-1]:
        raise ValueError(f"{value!r} has a * that is not at its end")
    return name


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value


def amount(value: object) -> Decimal:
    """A decimal of zero or more, as it was written: a float stands for its shortest text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{value!r} is not an amount")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{value!r} is not an amount") from None
    if not number.is_finite() or number < 0:
        raise ValueError(f"{value!s} must be zero or more")
    if number and not -18 <= number.adjusted() <= 12:
        raise ValueError(f"{value!s} is out of range")
    return number.normalize() + 0


def positive(limit: int, decimals: int = MAX_DECIMALS) -> Callable[[object], Decimal]:
    """A parser of amounts above zero, up to `limit`, with at most so many decimals."""

    def parse(value: object) -> Decimal:
        number = amount(value)
        if not 0 < number <= limit:
            raise ValueError(f"{value!s} must be above 0 and at most {limit}")
        if number != round(number, decimals):
            raise ValueError(f"{value!s} has more than {decimals} decimals")
        return number

    return parse


def currency(value: object) -> str:
    """A currency's code of three capital letters."""
    code = text(value)
    if _CURRENCY.fullmatch(code) is None:
        raise ValueError(f"{code!r} is not a currency code such as EUR")
    return code


def moment(value: object) -> datetime:
    """A time in UTC; a day is its beginning, and a time without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a time; write 2026-11-23 or 2026-11-23T10:00:00Z") from None
    if isinstance(value, datetime):
        try:
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        except OverflowError:
            raise ValueError(f"{value} is out of range") from None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(f"{value!r} is not a time")
