"""What a revenue rule is, and how the `[[revenue]]` entries of a configuration become rules."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import xxhash

_MONEY_LIMIT = 10**18
_DECIMALS = {"unit_price_usd": 12, "credit_value_usd": 12, "credits": 6}
"""What the lake's table of rules has room for."""

_PATH = re.compile(r"^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$")


class RevenueError(ValueError):
    """A revenue rule that cannot be used; the message is one line naming the entry and the key."""


@dataclass(frozen=True)
class RevenueRule:
    """What one event earns: `unit_price_usd`, or `credits` times `credit_value_usd`, times a quantity.

    A None among product, event and customer matches every one. `quantity_path` names a number in the signal's data
    (`dimensions.pages` or `$.dimensions.pages`); without it the signal's own quantity counts. In force from
    `valid_from` (inclusive) to `valid_to` (exclusive), None being without end. Amounts are US dollars.
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

    @property
    def price_usd(self) -> Decimal:
        """US dollars for a quantity of one."""
        if self.unit_price_usd is not None:
            return self.unit_price_usd
        return (self.credits or Decimal(0)) * (self.credit_value_usd or Decimal(0))


_KEYS = {
    "name": "rule_id",
    "product": "product_id",
    "event": "event_name",
    "customer": "customer_id",
    "unit_price_usd": "unit_price_usd",
    "credits": "credits",
    "credit_value_usd": "credit_value_usd",
    "quantity": "quantity_path",
    "valid_from": "valid_from",
    "valid_to": "valid_to",
}


def parse_rules(entries: Sequence[Mapping[str, Any]]) -> tuple[RevenueRule, ...]:
    """Read `[[revenue]]` entries. Keys: name, product, event, customer, unit_price_usd or credits and credit_value_usd,
    quantity (a path), valid_from, valid_to; the field names of RevenueRule are understood as well.

    Raises RevenueError naming the entry (by number and name) and the key.
    """
    rules = tuple(_parse_entry(entry, number) for number, entry in enumerate(entries, start=1))
    seen: dict[str, int] = {}
    for number, rule in enumerate(rules, start=1):
        if rule.rule_id in seen:
            raise RevenueError(f"revenue entry {number}: name: {rule.rule_id!r} is entry {seen[rule.rule_id]} already")
        seen[rule.rule_id] = number
    return rules


def _parse_entry(entry: Mapping[str, Any], number: int) -> RevenueRule:
    name = entry.get("name", entry.get("rule_id"))
    where = f"revenue entry {number}" + (f" ({name})" if isinstance(name, str) and name else "")
    values: dict[str, Any] = {}
    for key, value in entry.items():
        field = _KEYS.get(key, key if key in _KEYS.values() else None)
        if field is None:
            raise RevenueError(f"{where}: {key}: unknown key; known are {', '.join(_KEYS)}")
        if field in values:
            raise RevenueError(f"{where}: {key}: given twice")
        try:
            values[field] = None if value is None else _PARSERS[field](value)
        except (ValueError, InvalidOperation) as error:
            raise RevenueError(f"{where}: {key}: {error}") from None
    rule = RevenueRule(**{"rule_id": "", **{field: value for field, value in values.items() if value is not None}})
    _check(rule, where)
    return rule if rule.rule_id else replace(rule, rule_id=_derived_id(rule))


def _check(rule: RevenueRule, where: str) -> None:
    by_credit = rule.credits is not None or rule.credit_value_usd is not None
    if rule.unit_price_usd is None and not by_credit:
        raise RevenueError(f"{where}: unit_price_usd: missing (or give credits and credit_value_usd)")
    if rule.unit_price_usd is not None and by_credit:
        raise RevenueError(f"{where}: unit_price_usd: give either it or credits with credit_value_usd, not both")
    for key in ("credits", "credit_value_usd"):
        if by_credit and getattr(rule, key) is None:
            raise RevenueError(f"{where}: {key}: missing, credits and credit_value_usd belong together")
    scaled = rule.price_usd * 10**12
    if scaled != scaled.to_integral_value() or scaled >= _MONEY_LIMIT:
        key = "credit_value_usd" if by_credit else "unit_price_usd"
        raise RevenueError(f"{where}: {key}: {rule.price_usd} dollars a unit does not fit 6 digits and 12 decimals")
    for key, decimals in _DECIMALS.items():
        amount = getattr(rule, key)
        units = None if amount is None else amount * 10**decimals
        if units is not None and (units != units.to_integral_value() or units >= _MONEY_LIMIT):
            raise RevenueError(f"{where}: {key}: {amount} does not fit {18 - decimals} digits and {decimals} decimals")
    if rule.valid_from is not None and rule.valid_to is not None and rule.valid_from >= rule.valid_to:
        raise RevenueError(f"{where}: valid_to: must be after valid_from")


def _derived_id(rule: RevenueRule) -> str:
    content = "\x1f".join(f"{field.name}={getattr(rule, field.name)}" for field in fields(rule))
    return "rev_" + xxhash.xxh3_128_hexdigest(content.encode())


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not a text")
    return value


def _amount(value: object) -> Decimal:
    """A TOML float stands for the decimal it was written as, which its shortest representation gives back."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{value!r} is not an amount")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{value!r} is not an amount") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{value!r} must be zero or more")
    return amount.normalize() + 0


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a time; write 2026-11-23 or 2026-11-23T10:00:00Z") from None
    if isinstance(value, datetime):
        # a day, or a time without a zone, is meant in UTC like every time of the lake
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(f"{value!r} is not a time")


def _path(value: object) -> str:
    path = _text(value).removeprefix("$.")
    if not _PATH.match(path):
        raise ValueError(f"{value!r} is not a path; write quantity, dimensions.pages or $.dimensions.pages")
    return path


_PARSERS = {
    "rule_id": _text,
    "product_id": _text,
    "event_name": _text,
    "customer_id": _text,
    "unit_price_usd": _amount,
    "credits": _amount,
    "credit_value_usd": _amount,
    "quantity_path": _path,
    "valid_from": _moment,
    "valid_to": _moment,
}
