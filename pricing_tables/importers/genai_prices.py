"""Catalog from the price data bundled in the package `genai-prices` (MIT), read offline, of any release.

The source holds per model: an ordered list of conditional prices (the last active one wins, the first is the fallback),
context tiers per unit (the whole request moves to the higher price above a threshold), and request variants (batch,
flex, priority, fast) that override single units, first match per unit. All of it is flattened here to plain rate rows
with half-open validity, daily UTC windows and an inclusive `tier_min`: none of the source's logic is needed later.

The bundled module is read as text: the package's updater can replace its global snapshot behind a program's back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl

from pricing_tables.catalog import MODEL_SCHEMA, PROVIDER_SCHEMA, RATE_SCHEMA, CatalogData
from pricing_tables.importers.genai_source import read_providers, read_units
from pricing_tables.importers.releases import FILES, GENAI_PRICES, Release, SourceError, installed
from pricing_tables.units import PER, PRICE_COLUMNS

_MIDNIGHT = time(0)
_FREE = re.compile(r"free of charge|zero token cost", re.IGNORECASE)


@dataclass(frozen=True)
class _Constraint:
    """When a conditional price or a variant is active. Both kinds may be absent (always)."""

    start: date | None = None
    window: tuple[time, time] | None = None

    def active(self, day: date, clock: time) -> bool:
        if self.start is not None and day < self.start:
            return False
        if self.window is None:
            return True
        begin, end = self.window
        return begin <= clock < end if begin <= end else clock >= begin or clock < end


@dataclass(frozen=True)
class _Price:
    constraint: _Constraint
    units: Mapping[str, Any]
    when: tuple[tuple[str, str], ...] = ()


def import_genai_prices(release: Release | None = None) -> CatalogData:
    """The whole data of a release of `genai-prices` (default: the installed one), in the source's order.

    Errors: SourceError when the package is missing, or when it holds a unit or a condition not known here.
    """
    release = release or installed(GENAI_PRICES)
    try:
        return _read(release)
    except (AttributeError, TypeError, KeyError) as error:
        raise SourceError(f"{release.name}: its data has a shape not known here ({error})") from None


def _read(release: Release) -> CatalogData:
    units = release.texts.get(FILES[GENAI_PRICES][1])
    if units is not None:
        _check_units(read_units(units))
    providers = read_providers(release.main)
    rates: list[dict[str, Any]] = []
    models: list[dict[str, Any]] = []
    owners: list[dict[str, Any]] = []
    for rank, provider in enumerate(providers):
        owners.append(
            {
                "provider": provider.id,
                "priority": rank,
                "name": provider.name,
                "model_match": _rule_text(provider.model_match) if hasattr(provider, "model_match") else None,
                "fallback_providers": json.dumps(getattr(provider, "fallback_model_providers", None) or []),
            }
        )
        for order, model in enumerate(provider.models):
            models.append(
                {
                    "provider": provider.id,
                    "model": model.id,
                    "priority": order,
                    "name": getattr(model, "name", None),
                    "deprecated": bool(getattr(model, "deprecated", False)),
                    "match": _rule_text(model.match),
                }
            )
            rates.extend(_model_rates(provider.id, model))
    return CatalogData(
        source=GENAI_PRICES,
        source_version=release.version,
        licence="MIT",
        rates=pl.DataFrame(rates, schema=RATE_SCHEMA),
        models=pl.DataFrame(models, schema=MODEL_SCHEMA),
        providers=pl.DataFrame(owners, schema=PROVIDER_SCHEMA),
    )


def _check_units(unit_data: Mapping[str, Mapping[str, Any]]) -> None:
    """A price is worth nothing when its quantity is misread: the source's own must be ours."""
    for name, unit in unit_data.items():
        price_key = unit.get("price_key", name)
        if price_key in PER and PER[price_key] != unit["per"]:
            raise SourceError(f"genai-prices counts {price_key} per {unit['per']}, here per {PER[price_key]}")


def _model_rates(provider: str, model: Any) -> Iterator[dict[str, Any]]:
    prices = _conditional_prices(model)
    variants = [
        _Price(_constraint(variant), _units(variant.prices), tuple(sorted(variant.when.items())))
        for variant in getattr(model, "price_variants", None) or ()
    ]
    note = None
    if not any(price.units for price in prices) and _is_free(model):
        prices = [_Price(_Constraint(), {"input_mtok": Decimal(0), "output_mtok": Decimal(0)})]
        note = "free of charge according to the source"
    base = {"provider": provider, "model": f"{provider}/{model.id}", "note": note}
    for when in dict.fromkeys([(), *(variant.when for variant in variants)]):
        own = [variant for variant in variants if variant.when == when]
        for valid_from, valid_to in _periods(prices + own):
            for window in _windows(prices + own):
                day, clock = valid_from or date.min, window[0] if window else _MIDNIGHT
                standard = next(
                    (price.units for price in reversed(prices) if price.constraint.active(day, clock)),
                    prices[0].units,
                )
                overrides: dict[str, Any] = {}
                for variant in own:
                    if variant.constraint.active(day, clock):
                        overrides = {**variant.units, **overrides}
                if when and not overrides:
                    continue
                row = {
                    **base,
                    **_variant_columns(when),
                    "valid_from": _midnight(valid_from),
                    "valid_to": _midnight(valid_to),
                    "window_start": window[0] if window else None,
                    "window_end": window[1] if window else None,
                    "standard_units": ",".join(sorted(standard.keys() - overrides.keys())) if when else None,
                }
                yield from _tier_rows(row, {**standard, **overrides})


def _conditional_prices(model: Any) -> list[_Price]:
    if isinstance(model.prices, list):
        return [_Price(_constraint(entry), _units(entry.prices)) for entry in model.prices]
    return [_Price(_Constraint(), _units(model.prices))]


def _is_free(model: Any) -> bool:
    """A model without any price is free only where the source says so; else it is merely not priced."""
    words = f"{getattr(model, 'price_comments', '')} {getattr(model, 'description', '')}"
    return bool(model.id.endswith(":free") or _FREE.search(words))


def _units(prices: Any) -> dict[str, Any]:
    units = {key: value for key, value in vars(prices).items() if value is not None}
    unknown = units.keys() - PER.keys()
    if unknown:
        raise SourceError(f"genai-prices uses units not known here: {', '.join(sorted(unknown))}")
    return units


def _constraint(priced: Any) -> _Constraint:
    raw = getattr(priced, "constraint", None)
    if raw is None:
        return _Constraint()
    if hasattr(raw, "start_date"):
        return _Constraint(start=raw.start_date)
    return _Constraint(window=(_utc_clock(raw.start_time), _utc_clock(raw.end_time)))


def _utc_clock(value: time) -> time:
    if value.tzinfo is None:
        return value
    moved: time = datetime.combine(date(2000, 1, 1), value).astimezone(UTC).time()
    return moved


def _periods(prices: Sequence[_Price]) -> list[tuple[date | None, date | None]]:
    starts = sorted({price.constraint.start for price in prices if price.constraint.start is not None})
    edges: list[date | None] = [None, *starts, None]
    return list(pairwise(edges))


def _windows(prices: Sequence[_Price]) -> list[tuple[time, time] | None]:
    """Daily windows that cover the day; an end of 00:00 is the end of the day. `None` = no windows at all."""
    clocks = {edge for price in prices if price.constraint.window for edge in price.constraint.window}
    if not clocks:
        return [None]
    edges = sorted(clocks | {_MIDNIGHT})
    return list(zip(edges, [*edges[1:], _MIDNIGHT], strict=True))


def _tier_rows(row: dict[str, Any], units: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row per context tier. A source tier begins above `start`; `tier_min` is its first token count."""
    starts = sorted({tier.start for price in units.values() for tier in getattr(price, "tiers", ())})
    for tier_min in [0, *(start + 1 for start in starts)]:
        prices = {key: _price_at(price, tier_min) for key, price in units.items()}
        yield {**dict.fromkeys(PRICE_COLUMNS), **row, "tier_min": tier_min, **prices}


def _price_at(price: Any, tier_min: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    chosen: Decimal = price.base
    for tier in price.tiers:
        if tier_min > tier.start:
            chosen = tier.price
    return chosen


def _variant_columns(when: tuple[tuple[str, str], ...]) -> dict[str, str | None]:
    """Source conditions to columns. `speed=fast` is what callers name by a service tier; other conditions stay text."""
    columns: dict[str, str | None] = {"processing": None, "service_tier": None, "condition": None}
    if len(when) == 1:
        key, value = when[0]
        if key in ("processing", "service_tier"):
            return {**columns, key: value}
        if key == "speed":
            return {**columns, "service_tier": value}
    if when:
        columns["condition"] = ",".join(f"{key}={value}" for key, value in when)
    return columns


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, _MIDNIGHT, UTC)


def _rule_text(clause: Any) -> str:
    return json.dumps(_rule(clause), ensure_ascii=False, separators=(",", ":"))


def _rule(clause: Any) -> dict[str, Any]:
    fields = vars(clause)
    if len(fields) != 1:
        raise SourceError(f"genai-prices uses a match rule not known here: {type(clause).__name__}")
    ((name, value),) = fields.items()
    if name in ("or_", "and_"):
        return {name.rstrip("_"): [_rule(child) for child in value]}
    if name not in ("equals", "starts_with", "ends_with", "contains", "regex"):
        raise SourceError(f"genai-prices uses a match rule not known here: {name}")
    return {name: value}
