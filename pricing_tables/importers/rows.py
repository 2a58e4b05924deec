"""Rate rows (`RATE_SCHEMA`, as dicts) from the prices of one entry, and small operations on such rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final

from pricing_tables.catalog import RATE_SCHEMA
from pricing_tables.importers.litellm_prices import STANDARD, EntryPrices, Prices, Window
from pricing_tables.units import PRICE_COLUMNS

Row = dict[str, Any]
CONTEXTS: Final = (STANDARD, "batch", "flex", "priority")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT: Final = time(0)


def rate_rows(provider: str, model: str, prices: EntryPrices, note: str, *, reached: bool = False) -> list[Row]:
    """All rows of one model, undated. `reached`: a tier begins at its threshold, not above it.

    A tier or a kind of request takes over what it does not price itself; for kinds of request `standard_units` says so.
    """
    base = {**dict.fromkeys(RATE_SCHEMA), "provider": provider, "model": f"{provider}/{model}", "note": note}
    rows: list[Row] = []
    for context in CONTEXTS:
        if context != STANDARD and not any(cell[0] == context for cell in prices.cells):
            continue
        thresholds = sorted({0, *(threshold for kind, threshold in prices.cells if kind in (STANDARD, context))})
        for threshold in thresholds:
            standard, own = cell(prices, context, threshold)
            tier_min = threshold + (1 if threshold and not reached else 0)
            row = {**base, **context_columns(context), "tier_min": tier_min, **standard, **own}
            row["standard_units"] = ",".join(sorted(standard.keys() - own.keys())) if context != STANDARD else None
            rows += _by_window(row, prices) if context == STANDARD and prices.windows else [row]
    return rows


def context_columns(context: str) -> dict[str, str | None]:
    """The columns that say for which kind of request a row is."""
    tier = context if context not in (STANDARD, "batch") else None
    return {"processing": "batch" if context == "batch" else None, "service_tier": tier}


def context_of(row: Mapping[str, Any]) -> str:
    """The kind of request that a row is for."""
    return str(row["processing"] or row["service_tier"] or STANDARD)


def price_columns(row: Mapping[str, Any]) -> Prices:
    """The prices of a row that are not null."""
    return {name: row[name] for name in PRICE_COLUMNS if row[name] is not None}


def in_force(rows: Iterable[Row], moment: datetime) -> list[Row]:
    """The rows that are valid at `moment` (any time of day)."""
    return [
        row
        for row in rows
        if (row["valid_from"] is None or row["valid_from"] <= moment)
        and (row["valid_to"] is None or moment < row["valid_to"])
    ]


def clip(rows: Iterable[Row], since: datetime | None, until: datetime | None) -> list[Row]:
    """The rows as far as they hold within [since, until); None is open."""
    clipped = []
    for row in rows:
        start = max((edge for edge in (row["valid_from"], since) if edge is not None), default=None)
        end = min((edge for edge in (row["valid_to"], until) if edge is not None), default=None)
        if start is None or end is None or start < end:
            clipped.append({**row, "valid_from": start, "valid_to": end})
    return clipped


def scaled(row: Row, factor: Decimal, region: str, note: str) -> Row:
    """The row for a region where every token costs `factor` times as much."""
    tokens = {name: price * factor for name, price in price_columns(row).items() if name.endswith("_mtok")}
    return {**row, **tokens, "region": region, "note": note}


def cell(prices: EntryPrices, context: str, threshold: int) -> tuple[Prices, Prices]:
    """(standard prices, own prices of a kind of request) of an entry for inputs above a threshold."""
    standard: Prices = {}
    own: Prices = {}
    for at in sorted({cell[1] for cell in prices.cells}):
        if at <= threshold:
            changed = prices.cells.get((STANDARD, at), {})
            standard.update(changed)
            # A special price for small inputs says nothing of large ones where the standard price moves.
            own = {name: price for name, price in own.items() if name not in changed}
            own.update(prices.cells.get((context, at), {}) if context != STANDARD else {})
    return standard, own


def _by_window(row: Row, prices: EntryPrices) -> Iterator[Row]:
    """The row for every part of the week: days with the same hours together, the day in half-open pieces."""
    groups: dict[tuple[tuple[time, time], ...], list[str]] = {}
    for day in _DAYS:
        cheap = _joined(window for window in prices.windows if day in window.days)
        groups.setdefault(cheap, []).append(day)
    for cheap, days in groups.items():
        edges = sorted({_MIDNIGHT, *(edge for span in cheap for edge in span)})
        whole = len(edges) == 1
        for start, end in zip(edges, [*edges[1:], _MIDNIGHT], strict=True):
            lower = any(begin <= start and (stop == _MIDNIGHT or start < stop) for begin, stop in cheap)
            hours = {} if whole else {"window_start": start, "window_end": end}
            on = {} if len(days) == len(_DAYS) else {"weekdays": ",".join(days)}
            yield {**row, **(prices.off_peak if lower else {}), **hours, **on}


def _joined(windows: Iterable[Window]) -> tuple[tuple[time, time], ...]:
    """Spans of one day in order, those that touch made one."""
    spans: list[tuple[time, time]] = []
    for start, end in sorted((window.start, window.end) for window in windows):
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        elif not spans or spans[-1] != (start, end):
            spans.append((start, end))
    return tuple(spans)
