"""How the `[[alert]]` entries of a configuration become rules."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast, get_args

from analytics.alert_rules import AlertError, AlertRule, Kind, Level, Scope, Severity, Span, Unit
from pricing_tables.own_fields import amount, rule_name, text

MAX_HOURS: Final = 168
MAX_LEVELS: Final = 10
_BUDGET_LEVELS: Final = (Decimal(50), Decimal(80), Decimal(100))
_LIMITS: Final = {"%": 6, "USD": 12, "calls": 0}
"""Decimals that a threshold may have, by its unit."""

_OWN_KEYS: Final[dict[Kind, tuple[str, ...]]] = {
    "margin_below": ("event", "window", "below", "min_events"),
    "unclaimed_above": ("window", "above", "min_cost_usd"),
    "unpriced_above": ("window", "above", "min_events"),
    "daily_cost_above": ("above",),
    "monthly_budget": ("budget", "thresholds"),
}
"""What each kind understands besides the keys of all."""

_COMMON: Final = ("name", "kind", "severity", "customer", "product", "each")
KEYS: Final = (*_COMMON, "event", "window", "below", "above", "budget", "thresholds", "min_events", "min_cost_usd")


def parse_alerts(entries: Sequence[Mapping[str, Any]]) -> tuple[AlertRule, ...]:
    """Read `[[alert]]` entries; docs/alerts.md has the keys. Raises AlertError naming the entry and the key."""
    rules = tuple(_parse_entry(entry, number) for number, entry in enumerate(entries, start=1))
    seen: dict[str, int] = {}
    for number, rule in enumerate(rules, start=1):
        if rule.name in seen:
            raise AlertError(f"alert entry {number}: name: {rule.name!r} is entry {seen[rule.name]} already")
        seen[rule.name] = number
    return rules


def _parse_entry(entry: Mapping[str, Any], number: int) -> AlertRule:
    name = entry.get("name")
    where = f"alert entry {number}" + (f" ({name})" if isinstance(name, str) and name else "")
    for key in ("name", "kind"):
        if key not in entry:
            raise AlertError(f"{where}: {key}: missing")
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key not in _PARSERS:
            raise AlertError(f"{where}: {key}: unknown key; known are {', '.join(KEYS)}")
        try:
            values[key] = _PARSERS[key](value)
        except ValueError as error:
            raise AlertError(f"{where}: {key}: {error}") from None
    kind: Kind = values["kind"]
    for key in values:
        if key not in (*_COMMON, *_OWN_KEYS[kind]):
            raise AlertError(f"{where}: {key}: does not go with {kind}")
    each: tuple[Scope, ...] = values.get("each", ())
    if "event" in each and kind != "margin_below":
        raise AlertError(f"{where}: each: event does not go with {kind}")
    unit, levels = _levels(kind, values, where)
    patterns = tuple((scope, values[scope]) for scope in get_args(Scope) if scope in values)
    return AlertRule(
        name=values["name"],
        kind=kind,
        window=values.get("window", Span("month" if kind == "monthly_budget" else "day")),
        unit=unit,
        levels=levels,
        severity=values.get("severity", "warning"),
        each=each,
        patterns=cast("tuple[tuple[Scope, str], ...]", patterns),
        min_events=values.get("min_events", 1),
        min_cost=values.get("min_cost_usd", Decimal(0)),
    )


def _levels(kind: Kind, values: Mapping[str, Any], where: str) -> tuple[Unit, tuple[Level, ...]]:
    """The unit and the figures from which on the rule fires."""
    key = {"margin_below": "below", "monthly_budget": "budget"}.get(kind, "above")
    if key not in values:
        raise AlertError(f"{where}: {key}: missing, {kind} needs it")
    number, percent = values[key]
    unit: Unit = "USD"
    if kind in ("margin_below", "unclaimed_above") or (kind == "unpriced_above" and percent):
        unit = "%"
    elif percent:
        raise AlertError(f"{where}: {key}: must be US dollars, not a percentage")
    elif kind == "unpriced_above":
        unit = "calls"
    if number != round(number, _LIMITS[unit]):
        raise AlertError(f"{where}: {key}: {number:f} has more than {_LIMITS[unit]} decimals")
    if unit == "%" and number > 100:
        raise AlertError(f"{where}: {key}: {number:f} % is more than all")
    if kind != "monthly_budget":
        return unit, (Level(number),)
    if not number:
        raise AlertError(f"{where}: budget: must be above 0")
    # a budget has at most 12 decimals and a level at most 2, so that their product is exact at 12 for cents and more
    levels = tuple(Level(_dollars(number * level / 100), level) for level in values.get("thresholds", _BUDGET_LEVELS))
    return unit, levels


def _dollars(value: Decimal) -> Decimal:
    return round(value, 12).normalize() + 0


def _figure(value: object) -> tuple[Decimal, bool]:
    """An amount, and whether it is written as a percentage (`"5%"`)."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        return amount(value.rstrip()[:-1]), True
    return amount(value), False


def _thresholds(value: object) -> tuple[Decimal, ...]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_LEVELS:
        raise ValueError(f"must be a list of 1 to {MAX_LEVELS} percentages, such as [50, 80, 100]")
    levels = sorted({_figure(each)[0] for each in value})
    if any(not 0 < level <= 1000 or level != round(level, 2) for level in levels):
        raise ValueError("must be above 0 and at most 1000 %, with at most 2 decimals")
    return tuple(levels)


def _window(value: object) -> Span:
    if value in ("day", "month"):
        return Span("day" if value == "day" else "month")
    hours = value
    if isinstance(value, str):
        word = value.removesuffix("hours").removesuffix("hour").removesuffix("h").strip()
        hours = int(word) if word.isdecimal() and len(word) < 5 and word != value else None
    if isinstance(hours, int) and not isinstance(hours, bool) and 1 <= hours <= MAX_HOURS:
        return Span("hours", hours)
    raise ValueError(f'{value!r} is not a window; write "day", "month" or a number of hours up to {MAX_HOURS}')


def _each(value: object) -> tuple[Scope, ...]:
    names = [value] if isinstance(value, str) else value
    known = get_args(Scope)
    if not isinstance(names, list | tuple) or not names or any(name not in known for name in names):
        raise ValueError(f"{value!r} is not {', '.join(known)}, or a list of these")
    return tuple(scope for scope in known if scope in names)


def _one_of(known: tuple[str, ...]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in known:
            raise ValueError(f"{value!r} is not one of {', '.join(known)}")
        return str(value)

    return parse


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10**12:
        return value
    raise ValueError(f"{value!r} is not a whole number of 1 or more")


_PARSERS: Final[dict[str, Callable[[object], Any]]] = {
    "name": rule_name,
    "kind": _one_of(get_args(Kind)),
    "severity": _one_of(get_args(Severity)),
    "customer": text,
    "product": text,
    "event": text,
    "each": _each,
    "window": _window,
    "below": _figure,
    "above": _figure,
    "budget": _figure,
    "thresholds": _thresholds,
    "min_events": _count,
    "min_cost_usd": amount,
}
