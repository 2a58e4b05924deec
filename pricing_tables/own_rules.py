"""What the operator pays instead of the list price, as written in `[[pricing.override]]` and `[[pricing.alias]]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from pricing_tables.fx import DOLLAR
from pricing_tables.names import fold_provider
from pricing_tables.own_fields import (
    OwnPriceError,
    amount,
    currency,
    flag,
    moment,
    pattern,
    positive,
    read_entry,
    rule_name,
    text,
)
from pricing_tables.units import PRICE_COLUMNS

Kind = Literal["multiplier", "zero", "prices", "per_second", "per_hour"]
Tier = tuple[int, tuple[tuple[str, Decimal], ...]]

ABSOLUTE: Final[tuple[Kind, ...]] = ("zero", "prices", "per_second", "per_hour")
"""Kinds that say a price of their own, so that the model need not be known to any catalog."""

_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True)
class OwnRule:
    """One rule: for which calls (None: any) and when it holds, and exactly one way to make the price.

    provider, model, service_tier and region are lower case; model and region may end in `*`. Half open, UTC.
    multiplier: of the list price. prices: (first total input token count, unit prices) from the base tier up.
    rate: money per second or hour. currency: of prices and rate.
    """

    name: str
    kind: Kind
    provider: str | None = None
    model: str | None = None
    customer: str | None = None
    service_tier: str | None = None
    batch: bool | None = None
    region: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    multiplier: Decimal | None = None
    prices: tuple[Tier, ...] = ()
    rate: Decimal | None = None
    currency: str = DOLLAR

    @property
    def selectors(self) -> tuple[object, ...]:
        """Which calls it is for, whatever their time."""
        return self.provider, self.model, self.customer, self.service_tier, self.batch, self.region

    @property
    def effect(self) -> str:
        """What it does, for people."""
        if self.multiplier is not None:
            return f"list price x {self.multiplier:f}"
        if self.kind == "zero":
            return "free of charge"
        if self.rate is not None:
            return f"{self.rate:f} {self.currency} {self.kind.replace('_', ' ')}"
        tiers = [
            (f"from {start} tokens: " if start else "") + ", ".join(f"{unit} {price:f}" for unit, price in units)
            for start, units in self.prices
        ]
        return "; ".join(tiers) + f" {self.currency}"


@dataclass(frozen=True)
class Alias:
    """A sent name (lower case) that stands for a catalog's model, of any provider when `provider` is None."""

    name: str
    model: str
    provider: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


def parse_overrides(entries: Sequence[Mapping[str, Any]], currencies: frozenset[str]) -> tuple[OwnRule, ...]:
    """Read `[[pricing.override]]` entries; `currencies` are those with an exchange rate.

    Raises OwnPriceError naming the entry (by number and name) and the key.
    """
    rules: list[OwnRule] = []
    for number, entry in enumerate(entries, start=1):
        where = _where("override", number, entry)
        rule = _rule(where, entry)
        if rule.currency not in (DOLLAR, *currencies):
            raise OwnPriceError(f"{where}: currency: no [[pricing.fx]] entry says what {rule.currency} is worth")
        for earlier, other in enumerate(rules, start=1):
            if other.name == rule.name:
                raise OwnPriceError(f"{where}: name: entry {earlier} has that name already")
            if (other.selectors, other.valid_from) == (rule.selectors, rule.valid_from):
                raise OwnPriceError(f"{where}: from: entry {earlier} is for the same calls from the same time on")
        rules.append(rule)
    return tuple(rules)


def parse_aliases(entries: Sequence[Mapping[str, Any]]) -> tuple[Alias, ...]:
    """Read `[[pricing.alias]]` entries: provider, name, model, from, to. Raises OwnPriceError."""
    parsers = {"provider": _provider, "name": _lower, "model": _lower, "from": moment, "to": moment}
    aliases: list[Alias] = []
    for number, entry in enumerate(entries, start=1):
        where = _where("alias", number, entry)
        values = read_entry(where, entry, parsers)
        for key in ("name", "model"):
            if key not in values:
                raise OwnPriceError(f"{where}: {key}: missing")
        alias = Alias(values["name"], values["model"], values.get("provider"), values.get("from"), values.get("to"))
        for earlier, other in enumerate(aliases, start=1):
            if (other.name, other.provider, other.valid_from) == (alias.name, alias.provider, alias.valid_from):
                raise OwnPriceError(f"{where}: name: entry {earlier} is for the same name from the same time on")
        aliases.append(alias)
    return tuple(aliases)


def _where(kind: str, number: int, entry: Mapping[str, Any]) -> str:
    name = entry.get("name")
    return f"pricing.{kind} entry {number}" + (f" ({name[:100]})" if isinstance(name, str) and name else "")


def _rule(where: str, entry: Mapping[str, Any]) -> OwnRule:
    values = read_entry(where, entry, _PARSERS)
    if "name" not in values:
        raise OwnPriceError(f"{where}: name: missing; costs.price_rule will show it")
    given = [key for key in _WAYS if key in values]
    if len(given) != 1:
        told = f"{' and '.join(given)} exclude each other" if given else "none is given"
        raise OwnPriceError(f"{where}: {given[-1] if given else _WAYS[0]}: give one of {', '.join(_WAYS)}: {told}")
    way = given[0]
    if values.get("zero") is False:
        raise OwnPriceError(f"{where}: zero: can only be true")
    if "currency" in values and way not in ("prices", "per_second", "per_hour"):
        raise OwnPriceError(f"{where}: currency: goes with prices, per_second or per_hour only")
    kind: Kind = "multiplier" if way == "discount_pct" else way
    return OwnRule(
        name=values["name"],
        kind=kind,
        provider=values.get("provider"),
        model=values.get("model"),
        customer=values.get("customer"),
        service_tier=values.get("service_tier"),
        batch=values.get("batch"),
        region=values.get("region"),
        valid_from=values.get("from"),
        valid_to=values.get("to"),
        multiplier=values[way] if kind == "multiplier" else None,
        prices=values.get("prices", ()),
        rate=values[way] if kind in ("per_second", "per_hour") else None,
        currency=values.get("currency", DOLLAR),
    )


def _provider(value: object) -> str:
    name = fold_provider(text(value))
    if name is None:
        raise ValueError(f"{value!r} is a framework, it bills nobody")
    return name


def _lower(value: object) -> str:
    return text(value).lower()


def _discount(value: object) -> Decimal:
    percent = positive(100, 10)(value)
    if percent == _HUNDRED:
        raise ValueError("all of it is off: write zero = true")
    return ((_HUNDRED - percent) / _HUNDRED).normalize()


def _prices(value: object) -> tuple[Tier, ...]:
    if not isinstance(value, Mapping):
        raise ValueError('must be a table such as { input_mtok = "1.10", output_mtok = "4.40" }')
    base = _units({key: price for key, price in value.items() if key != "tiers"})
    if not base:
        raise ValueError("no price is given")
    tiers: list[Tier] = [(0, tuple(base.items()))]
    above = value.get("tiers", [])
    if not isinstance(above, Sequence) or isinstance(above, str):
        raise ValueError("tiers must be a list of tables")
    for tier in above:
        if not isinstance(tier, Mapping):
            raise ValueError("tiers must be a list of tables")
        start = tier.get("tier_min")
        if isinstance(start, bool) or not isinstance(start, int) or start <= tiers[-1][0]:
            raise ValueError(f"tier_min {start!r} must be a whole number of tokens, above that of the tier before")
        units = _units({key: price for key, price in tier.items() if key != "tier_min"})
        if not units:
            raise ValueError(f"the tier from {start} tokens has no price")
        tiers.append((start, tuple((base | units).items())))
    return tuple(tiers)


def _units(table: Mapping[str, object]) -> dict[str, Decimal]:
    units: dict[str, Decimal] = {}
    for key, value in table.items():
        if key not in PRICE_COLUMNS:
            raise ValueError(f"{key} is not a unit of price such as input_mtok or cache_read_mtok")
        try:
            units[key] = amount(value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return units


_WAYS: Final = ("discount_pct", "multiplier", "zero", "prices", "per_second", "per_hour")
_PARSERS: Final = {
    "name": rule_name,
    "provider": _provider,
    "model": pattern,
    "customer": text,
    "service_tier": _lower,
    "batch": flag,
    "region": pattern,
    "from": moment,
    "to": moment,
    "discount_pct": _discount,
    "multiplier": positive(1000),
    "zero": flag,
    "prices": _prices,
    "per_second": positive(1000),
    "per_hour": positive(10**5),
    "currency": currency,
}
