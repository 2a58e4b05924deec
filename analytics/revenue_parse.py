"""How the `[[revenue]]` entries of a configuration, and the rows of the lake's table of rules, become rules."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, get_args

import xxhash

from analytics.revenue_rules import (
    MONEY_LIMIT,
    Bracket,
    Comparison,
    Condition,
    RevenueError,
    RevenueRule,
    Tier,
    ratio,
)
from pricing_tables.fx import DOLLAR
from pricing_tables.own_fields import amount, currency, moment, text

_PATH: Final = re.compile(r"^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$")
_WHEN: Final = re.compile(
    r"(?P<path>[\w.$-]+)\s*(?:(?P<sign>==|!=|>=|<=|>|<|\bcontains\b|\bexists\b)\s*(?P<value>.*))?"
)
_SIGNS: Final[dict[str, Comparison]] = {
    "==": "eq", "!=": "neq", ">=": "gte", "<=": "lte", ">": "gt", "<": "lt", "contains": "contains", "exists": "exists",
}  # fmt: skip
_PERIODS: Final = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
_DECIMALS: Final = {
    "unit_price_usd": 12, "credit_value_usd": 12, "credits": 6, "unit_price": 12, "plan_price": 12, "plan_credits": 6,
    "cost_multiplier": 6, "recurring_fee": 12,
}  # fmt: skip
"""What the lake's table of rules has room for."""

_LARGE: Final = ("plan_price", "recurring_fee")
"""What customers pay for whole periods: up to a billion."""

_FIRST_FIELDS: Final = 10
"""Fields that were always part of a derived name; later ones are only where they say something."""


def parse_rules(entries: Sequence[Mapping[str, Any]]) -> tuple[RevenueRule, ...]:
    """Read `[[revenue]]` entries; docs/revenue.md has the keys. The field names of RevenueRule are understood as well.

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
        field = _KEYS.get(key, key if key in _PARSERS else None)
        if field is None:
            raise RevenueError(f"{where}: {key}: unknown key; known are {', '.join(_KEYS)}")
        if field in values:
            raise RevenueError(f"{where}: {key}: given twice")
        try:
            values[field] = None if value is None else _PARSERS[field](value)
        except (ValueError, TypeError, KeyError) as error:
            raise RevenueError(f"{where}: {key}: {error}") from None
    included = values.pop("included", None)
    given = {field: value for field, value in values.items() if value is not None}
    rule = _completed(RevenueRule(**{"rule_id": "", **given}), included, where)
    _check(rule, where)
    return rule if rule.rule_id else replace(rule, rule_id=_derived_id(rule))


def _completed(rule: RevenueRule, included: Decimal | None, where: str) -> RevenueRule:
    """The rule with what follows from what was said."""
    if rule.currency == DOLLAR:
        rule = replace(rule, currency=None)
    if included is not None:
        price = rule.unit_price_usd if rule.unit_price_usd is not None else rule.unit_price
        if price is None:
            raise RevenueError(f"{where}: included: needs unit_price_usd or unit_price")
        # what comes after the included quantity has its price
        tiers = (Tier(included), Tier(None, price)) if included else (Tier(None, price),)
        rule = replace(rule, unit_price_usd=None, unit_price=None, tiers=tiers, tier_mode="graduated")
    if rule.tiers and rule.tier_mode is None:
        rule = replace(rule, tier_mode="graduated")
    return rule


def _check(rule: RevenueRule, where: str) -> None:
    _check_ways(rule, where)
    for key in ("unit_price_usd", "unit_price"):
        if getattr(rule, key) is not None and getattr(rule, key) * 10**12 >= MONEY_LIMIT:
            raise RevenueError(
                f"{where}: {key}: {getattr(rule, key)} dollars a unit does not fit 6 digits and 12 decimals"
            )
    for key, decimals in _DECIMALS.items():
        given = getattr(rule, key)
        digits = 9 if key in _LARGE else 18 - decimals
        units = None if given is None else given * 10**decimals
        if units is not None and (units != units.to_integral_value() or given >= 10**digits):
            raise RevenueError(f"{where}: {key}: {given} does not fit {digits} digits and {decimals} decimals")
    try:
        if rule.unit is not None:
            ratio(rule.unit)
        for bracket in rule.brackets:
            ratio(Fraction(bracket.credits or bracket.credits_per_unit or 0) * (rule.credit_value or 0))
    except ValueError as error:
        key = "unit_price_usd" if rule.credits is None and not rule.brackets else "credits"
        raise RevenueError(f"{where}: {key}: {error}") from None
    if rule.valid_from is not None and rule.valid_to is not None and rule.valid_from >= rule.valid_to:
        raise RevenueError(f"{where}: valid_to: must be after valid_from")


def _check_ways(rule: RevenueRule, where: str) -> None:
    """One way to earn, and all that belongs to it."""
    by_credit = rule.credits is not None or bool(rule.brackets)
    valued = rule.credit_value_usd is not None or rule.plan_price is not None
    ways = {
        "unit_price_usd": rule.unit_price_usd is not None or rule.unit_price is not None,
        "credits": by_credit,
        "tiers": bool(rule.tiers),
        "cost_multiplier": rule.cost_multiplier is not None,
        "revenue": rule.revenue_path is not None,
    }
    if ways["unit_price_usd"] and (by_credit or valued):
        raise RevenueError(f"{where}: unit_price_usd: give either it or credits with credit_value_usd, not both")
    if rule.unit_price_usd is not None and rule.unit_price is not None:
        raise RevenueError(f"{where}: unit_price: give either it or unit_price_usd")
    if rule.unit_price_usd is not None and rule.currency is not None:
        raise RevenueError(f"{where}: currency: goes with unit_price, not with unit_price_usd")
    if rule.credit_value_usd is not None and (rule.plan_price is not None or rule.currency is not None):
        raise RevenueError(f"{where}: credit_value_usd: give either it or plan_price with plan_credits")
    if (rule.plan_price is None) != (rule.plan_credits is None):
        missing = "plan_price" if rule.plan_price is None else "plan_credits"
        raise RevenueError(f"{where}: {missing}: missing, plan_price and plan_credits belong together")
    if by_credit and not valued:
        raise RevenueError(
            f"{where}: credit_value_usd: missing, credits and credit_value_usd (or plan_price) belong together"
        )
    if valued and not by_credit:
        raise RevenueError(f"{where}: credits: missing, credits and credit_value_usd belong together")
    chosen = [way for way, given in ways.items() if given]
    if len(chosen) > 1:
        raise RevenueError(f"{where}: {chosen[1]}: give either it or {chosen[0]}")
    if not chosen and rule.recurring_fee is None:
        raise RevenueError(
            f"{where}: unit_price_usd: missing (or give credits, tiers, cost_multiplier, revenue or recurring_fee)"
        )
    if rule.tier_mode is not None and not rule.tiers:
        raise RevenueError(f"{where}: tiers: missing")
    if rule.spread and rule.recurring_fee is None:
        raise RevenueError(f"{where}: recurring_fee: missing, spread divides it")
    if rule.currency_path is not None and rule.revenue_path is None:
        raise RevenueError(f"{where}: revenue_currency: goes with revenue")


def _derived_id(rule: RevenueRule) -> str:
    said = [
        f"{field.name}={getattr(rule, field.name)}"
        for place, field in enumerate(fields(rule))
        if place < _FIRST_FIELDS or getattr(rule, field.name) != field.default
    ]
    return "rev_" + xxhash.xxh3_128_hexdigest("\x1f".join(said).encode())


def _path(value: object) -> str:
    path = text(value).removeprefix("$.").removeprefix("data.")
    if not _PATH.match(path):
        raise ValueError(f"{value!r} is not a path; write quantity, dimensions.pages or $.dimensions.pages")
    return path


def _items(value: object, allowed: set[str]) -> list[dict[str, Any]]:
    """Tables of a list, which the lake keeps as JSON."""
    items = json.loads(value, parse_float=Decimal) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not items or not all(isinstance(item, Mapping) for item in items):
        raise ValueError("must be a list of tables")
    for item in items:
        if unknown := set(item) - allowed:
            raise ValueError(f"{min(unknown)}: unknown key; known are {', '.join(sorted(allowed))}")
    return [dict(item) for item in items]


def _bound(item: Mapping[str, Any]) -> Decimal | None:
    up_to = item.get("up_to")
    return None if up_to is None else _fitting(amount(up_to), 6)


def _fitting(number: Decimal, decimals: int) -> Decimal:
    units = number * 10**decimals
    if units != units.to_integral_value() or units >= MONEY_LIMIT:
        raise ValueError(f"{number} does not fit {18 - decimals} digits and {decimals} decimals")
    return number


def _rising(bounds: Sequence[Decimal | None], *, open_end: bool) -> None:
    if any(bound is None for bound in bounds[:-1]) or any(not a < b for a, b in pairwise(bounds) if a and b):
        raise ValueError("up_to must rise, and only the last may be without")
    if open_end and bounds[-1] is not None:
        raise ValueError("the last must have no up_to: what lies beyond needs a price")


def _tiers(value: object) -> tuple[Tier, ...]:
    items = _items(value, {"up_to", "unit_price", "flat"})
    _rising([_bound(item) for item in items], open_end=True)
    return tuple(
        Tier(_bound(item), *(_fitting(amount(item.get(key, 0)), 12) for key in ("unit_price", "flat")))
        for item in items
    )


def _brackets(value: object) -> tuple[Bracket, ...]:
    items = _items(value, {"up_to", "credits", "credits_per_unit"})
    _rising([_bound(item) for item in items], open_end=False)
    for key in ("credits", "credits_per_unit"):
        if all(set(item) - {"up_to"} == {key} for item in items):
            return tuple(Bracket(_bound(item), **{key: _fitting(amount(item[key]), 6)}) for item in items)
    raise ValueError("all have credits, or all have credits_per_unit")


def _mode(value: object) -> str:
    if value not in ("graduated", "volume"):
        raise ValueError(f"{value!r} is not graduated or volume")
    return str(value)


def _months(value: object) -> int:
    if isinstance(value, str) and value in _PERIODS:
        return _PERIODS[value]
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 120:
        return value
    raise ValueError(f"{value!r} is not a period; write {', '.join(_PERIODS)}, or a number of months")


def _day(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 31:
        return value
    raise ValueError(f"{value!r} is not a day of the month")


def _spread(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("events", "none"):
        raise ValueError(f"{value!r} is not events or none")
    return value == "events"


def _condition(value: object) -> Condition:
    """`data.resolved == true`, or a table of field, operator and value."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = json.loads(value, parse_float=Decimal)
    if isinstance(value, Mapping):
        if unknown := set(value) - {"field", "operator", "value"}:
            raise ValueError(f"{min(unknown)}: unknown key; known are field, operator, value")
        comparison = value.get("operator", "exists")
        if comparison not in get_args(Comparison):
            raise ValueError(f"{comparison!r} is not one of {', '.join(get_args(Comparison))}")
        return _compared(_path(value.get("field")), comparison, value.get("value"))
    found = _WHEN.fullmatch(text(value))
    if found is None:
        raise ValueError(f"{value!r} is not a condition; write data.resolved == true")
    sign, operand = found["sign"] or "exists", (found["value"] or "").strip()
    if sign == "exists":
        return Condition(_path(found["path"]), "exists")
    return _compared(_path(found["path"]), _SIGNS[sign], _literal(operand))


def _literal(written: str) -> object:
    if written in ("true", "false"):
        return written == "true"
    if len(written) > 1 and written[0] == written[-1] and written[0] in "'\"":
        return written[1:-1]
    try:
        return Decimal(written)
    except ArithmeticError:
        raise ValueError(f"{written!r} is not a number, true, false or a text in quotes") from None


def _compared(path: str, comparison: Comparison, value: object) -> Condition:
    if comparison == "exists":
        return Condition(path, "exists")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = Decimal(str(value))
    if not isinstance(value, str | bool | Decimal):
        raise ValueError(f"{value!r} is nothing to compare with")
    if comparison in ("gt", "gte", "lt", "lte") and not isinstance(value, Decimal):
        raise ValueError(f"{value!r} is no number")
    return Condition(path, comparison, value)


_KEYS: Final = {
    "name": "rule_id",
    "product": "product_id",
    "event": "event_name",
    "customer": "customer_id",
    "unit_price_usd": "unit_price_usd",
    "unit_price": "unit_price",
    "currency": "currency",
    "included": "included",
    "credits": "credits",
    "credit_value_usd": "credit_value_usd",
    "plan_price": "plan_price",
    "plan_credits": "plan_credits",
    "credit_brackets": "brackets",
    "tiers": "tiers",
    "tier_mode": "tier_mode",
    "cost_multiplier": "cost_multiplier",
    "revenue": "revenue_path",
    "revenue_currency": "currency_path",
    "when": "when",
    "recurring_fee": "recurring_fee",
    "spread": "spread",
    "period": "period_months",
    "anchor_day": "anchor_day",
    "quantity": "quantity_path",
    "valid_from": "valid_from",
    "valid_to": "valid_to",
}

_PARSERS: Final[dict[str, Callable[[object], Any]]] = {
    "rule_id": text,
    "product_id": text,
    "event_name": text,
    "customer_id": text,
    "unit_price_usd": amount,
    "unit_price": amount,
    "currency": currency,
    "included": amount,
    "credits": amount,
    "credit_value_usd": amount,
    "plan_price": amount,
    "plan_credits": amount,
    "brackets": _brackets,
    "tiers": _tiers,
    "tier_mode": _mode,
    "cost_multiplier": amount,
    "revenue_path": _path,
    "currency_path": _path,
    "when": _condition,
    "recurring_fee": amount,
    "spread": _spread,
    "period_months": _months,
    "anchor_day": _day,
    "quantity_path": _path,
    "valid_from": moment,
    "valid_to": moment,
}
