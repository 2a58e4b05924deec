"""What a signal says of its own cost, in the key ``costData`` of its data: a figure, or usage that is to be priced.

A figure is ``{vendor, cost: {amount, currency}, "gen_ai.response.model"?, start_time?}``, usage is ``{vendor,
attributes: {"gen_ai.response.model", "gen_ai.usage.input_tokens", ...}}`` with the names of the GenAI conventions.
Nothing here refuses the signal: what cannot be used has a ``problem`` in words. This runs Python per signal that says
a cost, never per span.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import polars as pl

from receiver.dialects.cost_data import TOLD
from receiver.dialects.gen_ai import COUNT_KEYS, KEYS, PROVIDER
from receiver.signals.event_data import is_number, loads
from receiver.wide import LARGEST_COUNT

KEY: Final = "costData"

_MODEL: Final = "gen_ai.response.model"
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LONGEST_NUMBER: Final = 400
"""Characters of a number, and digits before or behind its point; doubles and all money have fewer."""


class CostData(NamedTuple):
    """What was read. began: when the cost was caused, null when that is not said or ``start_unread``.

    amount, currency: the figure, which goes before any price. attributes: what is said of the call, by the names of the
    conventions, as text; beside a figure the counts among them are called ``stated.NAME``, which nobody reads.
    problem: why nothing of it can be counted, in words without a comma.
    """

    began: datetime | None
    amount: Decimal | None
    currency: str | None
    attributes: Mapping[str, str]
    problem: str | None
    start_unread: bool


class _UnusableError(Exception):
    """Why costData cannot be counted."""


def says_cost(data: pl.Expr) -> pl.Expr:
    """Whether data (JSON text as the signals frame keeps it) may have the key; rather true than false."""
    return data.str.contains(f'"{KEY}"', literal=True).fill_null(value=False)


def read_cost_data(data: str) -> CostData | None:
    """Read the JSON text of a signal's data; null when it says nothing of a cost."""
    try:
        content = loads(data.encode())
    except (ValueError, RecursionError):
        return None
    said = content.get(KEY) if isinstance(content, dict) else None
    if said is None:
        return None
    if not isinstance(said, dict):
        return CostData(None, None, None, {}, "it is no object", start_unread=False)
    began, unread = _moment(said.get("start_time"))
    attributes: dict[str, str] = {}
    try:
        attributes = _attributes(said)
        if said.get("cost") is not None:
            return CostData(began, *_figure(said["cost"]), _stated(attributes), None, unread)
        attributes = _with_counts(attributes)
    except _UnusableError as error:
        return CostData(began, None, None, _stated(attributes), str(error), unread)
    return CostData(began, None, None, attributes, None, unread)


def _attributes(said: Mapping[str, Any]) -> dict[str, str]:
    """What is known of the call. Raises _UnusableError."""
    inner = said.get("attributes")
    if inner is not None and not isinstance(inner, dict):
        raise _UnusableError("attributes is no object")
    every = {_MODEL: said.get(_MODEL), **(inner or {})}
    wanted = {key: _text(value) for key, value in every.items() if key in KEYS or key in COUNT_KEYS}
    found = {key: text for key, text in wanted.items() if text}
    if vendor := _text(said.get("vendor")):
        found = {key: text for key, text in found.items() if key not in PROVIDER} | {PROVIDER[0]: vendor}
    return found


def _with_counts(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes, counts as plain integers. Raises _UnusableError when there is no count, or one that is none:
    leaving it out would make a wrong price.
    """
    counts = {key: _number(text) for key, text in attributes.items() if key in COUNT_KEYS}
    if not counts:
        raise _UnusableError("neither cost nor token counts in attributes")
    plain = dict(attributes)
    for key, number in counts.items():
        if number is None or number != number.to_integral_value() or not 0 <= number <= LARGEST_COUNT:
            raise _UnusableError(f"{key} is no count")
        plain[key] = str(int(number))
    return plain


def _figure(cost: object) -> tuple[Decimal, str]:
    """Amount and currency. Raises _UnusableError."""
    if not isinstance(cost, dict):
        raise _UnusableError("cost is no object")
    amount, currency = _number(_text(cost.get("amount"))), cost.get("currency")
    if amount is None:
        raise _UnusableError("cost.amount is no number")
    if amount <= 0:
        raise _UnusableError("cost.amount is not greater than 0")
    if not isinstance(currency, str) or is_number(currency) or not _CURRENCY.fullmatch(currency):
        raise _UnusableError("cost.currency is no code of three capital letters")
    return amount, str(currency)


def _stated(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes, with counts and figures under names that nobody reads."""
    return {key if key in TOLD else f"stated.{key}": text for key, text in attributes.items()}


def _number(text: str | None) -> Decimal | None:
    """A decimal number, exactly as written."""
    if text is None or len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return number if abs(number.adjusted()) < _LONGEST_NUMBER else None


def _moment(value: object) -> tuple[datetime | None, bool]:
    """The time that is said (ISO 8601, UTC when it has no zone), and whether one is said that cannot be read."""
    if value is None:
        return None, False
    if not isinstance(value, str) or is_number(value):
        return None, True
    try:
        moment = datetime.fromisoformat(value)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, True
    return (moment, False) if moment >= _EARLIEST else (None, True)


def _text(value: object) -> str | None:
    """Text and numbers as text; true and false as JSON has them; anything else is nothing. NUL is no text in a lake."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("\0", "\ufffd") if isinstance(value, str) else None
