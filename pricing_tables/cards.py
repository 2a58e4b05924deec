"""Rates compiled for a join without any search: cards, and the cells they point into.

A card is one (model, kind of request, region). Its validity dates, windows and context tiers span a small grid of
cells; counting how many edges a call has passed on each axis gives the number of its cell, and the cell holds the
prices. Where the card's own rates have none, the next more general ones stand in and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from pricing_tables.cells import FIRST_CELL, GAP_CELL, UNKNOWN_CELL, dense_rates, special_flag

STANDARD: Final = "standard"
CONTEXTS: Final = ("batch", "flex", "priority", "fast")
"""Kinds of request that may have prices of their own, besides `STANDARD`."""

DAY_US: Final = 86_400_000_000
WEEK_US: Final = 7 * DAY_US
WEEK_SHIFT_US: Final = 3 * DAY_US
"""The Unix epoch began on a Thursday: a moment plus this, modulo a week, counts from Monday."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Key = tuple[str, str, str | None]
"""Model, kind of request, region."""


@dataclass(frozen=True)
class Card:
    """Where a card's cells lie: from `base` on, days outermost, tiers innermost. Edges ascend: microseconds since the
    epoch, microseconds of `period` (a day, or a week from Monday on), tokens. `traits`: flags of any of its cells."""

    base: int
    steps_day: int
    steps_clock: int
    period: int
    day_edges: tuple[int, ...]
    clock_edges: tuple[int, ...]
    tier_edges: tuple[int, ...]
    traits: frozenset[str]


@dataclass(frozen=True)
class CardBook:
    """Integer tables of a catalog.

    `cells`: row number = cell; cell 0 is that of unknown models. Columns of `dense_rates` and context_note.
    `cards`: key -> card. `regions`: model -> regions that it has rates for.
    """

    cells: pl.DataFrame
    cards: dict[Key, Card]
    regions: dict[str, frozenset[str]]


@dataclass(frozen=True)
class _Rate:
    """A rate row on the axes of its card: begin and end in microseconds (None = open), spans of the week."""

    number: int
    begin: int | None
    end: int | None
    spans: tuple[tuple[int, int], ...] | None
    weekly: bool
    tier: int

    def in_force(self, moment: int | None, clock: int, tier: int) -> bool:
        """`moment` None: the beginning of time."""
        if self.begin is not None and (moment is None or moment < self.begin):
            return False
        if self.end is not None and moment is not None and moment >= self.end:
            return False
        return self.tier <= tier and (self.spans is None or any(start <= clock < end for start, end in self.spans))

    @property
    def always(self) -> bool:
        """In force at any time and for any input."""
        return self.begin is None and self.end is None and self.spans is None and self.tier <= 0

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """Of several in force the last to begin counts, and a window before the time around it."""
        return self.begin or 0, self.weekly, self.spans[0][0] % DAY_US if self.spans else -1, self.tier


@dataclass(frozen=True)
class _Layer:
    """Rates of one kind, and what must be said of a call that is priced by them."""

    rates: list[_Rate]
    note: str | None


def build_cards(rates: pl.DataFrame) -> CardBook:
    """Compile rate rows (`RATE_SCHEMA` plus rate_id) to a `CardBook`.

    Errors: ValueError when a price is beyond the range that integer sums can hold, and, naming the model, when its
    windows leave a gap, cannot be read or pass midnight, or when two of its rates are for the same calls.
    """
    usable = rates.filter(pl.col("condition").is_null())
    by_key = _by_key(usable)
    regions: dict[str, set[str]] = {}
    for model, _, region in by_key:
        if region is not None:
            regions.setdefault(model, set()).add(region)
    grids = {key: _grid(key, _layers(key, by_key)) for key in by_key}
    picks, notes = zip((UNKNOWN_CELL, None), *chain.from_iterable(grid.cells for grid in grids.values()), strict=True)
    table = dense_rates(usable).select(pl.all().gather(pl.Series(picks, dtype=pl.UInt32)))
    cells = table.with_columns(pl.Series("context_note", notes, dtype=pl.String)).with_columns(special_flag())
    bases = np.cumsum([1, *(len(grid.cells) for grid in grids.values())])
    cards = {
        key: Card(base, *grid.axes, traits)
        for (key, grid), base, traits in zip(grids.items(), bases.tolist(), _traits(cells, bases), strict=False)
    }
    return CardBook(cells, cards, {model: frozenset(found) for model, found in regions.items()})


def _traits(cells: pl.DataFrame, bases: npt.NDArray[np.int64]) -> list[frozenset[str]]:
    """Per card the flags that any of its cells has, and the prices with a rest that any of them holds."""
    flags = [name for name, dtype in cells.schema.items() if dtype == pl.Boolean]
    rests = [name for name in cells.columns if name.startswith("r_")]
    table = cells.select(pl.col(flags).fill_null(value=False), pl.col(rests).fill_null(0) != 0)
    if len(bases) == 1:
        return []
    found = np.logical_or.reduceat(table.to_numpy(), bases[:-1], axis=0)
    return [frozenset(name for name, holds in zip(table.columns, row, strict=True) if holds) for row in found.tolist()]


def _by_key(rates: pl.DataFrame) -> dict[Key, list[_Rate]]:
    columns = ["model", "processing", "service_tier", "region", "valid_from", "valid_to"]
    columns += ["window_start", "window_end", "weekdays", "tier_min"]
    found: dict[Key, list[_Rate]] = {}
    for number, row in enumerate(rates.select(columns).iter_rows(named=True)):
        key = (row["model"], row["processing"] or row["service_tier"] or STANDARD, row["region"])
        rate = _Rate(
            number,
            _micros(row["valid_from"]),
            _micros(row["valid_to"]),
            _spans(row),
            row["weekdays"] is not None,
            row["tier_min"],
        )
        found.setdefault(key, []).append(rate)
    return found


def _layers(key: Key, by_key: dict[Key, list[_Rate]]) -> list[_Layer]:
    """Rates to look into, the most special first."""
    model, context, region = key
    no_region, no_context = f"standard rate used: no {region} rate", f"standard rate used: no {context} rate"
    layers = [_Layer(by_key[key], None)]
    if region is not None and context != STANDARD:
        layers.append(_Layer(by_key.get((model, context, None), []), no_region))
        layers.append(_Layer(by_key.get((model, STANDARD, region), []), no_context))
        layers.append(_Layer(by_key.get((model, STANDARD, None), []), f"{no_context}; {no_region}"))
    elif region is not None:
        layers.append(_Layer(by_key.get((model, STANDARD, None), []), no_region))
    elif context != STANDARD:
        layers.append(_Layer(by_key.get((model, STANDARD, None), []), no_context))
    return [layer for layer in layers if layer.rates]


@dataclass(frozen=True)
class _Grid:
    """The fields of a `Card` between base and traits, and its cells: rows of the dense table with their notes."""

    axes: tuple[int, int, int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    cells: list[tuple[int, str | None]]


def _grid(key: Key, layers: list[_Layer]) -> _Grid:
    """The cells of a card, days outermost, tiers innermost; edges that nothing changes at are left out."""
    rates = [rate for layer in layers for rate in layer.rates]
    first = layers[0].rates[0]
    if first.always and len(layers[0].rates) == 1:
        return _Grid((1, 1, DAY_US, (), (), ()), [(FIRST_CELL + first.number, layers[0].note)])
    period = WEEK_US if any(rate.weekly for rate in rates) else DAY_US
    days: list[int | None] = [None, *_edges(edge for rate in rates for edge in (rate.begin, rate.end))]
    spans = [span for rate in rates for span in rate.spans or ()]
    clocks = [0, *_edges(edge for span in spans for edge in span if edge < period)]
    tiers = [0, *_edges(rate.tier for rate in rates)]
    found = [[[_pick(key, layers, day, clock, tier) for tier in tiers] for clock in clocks] for day in days]
    values = sorted(set(chain.from_iterable(chain.from_iterable(found))), key=str)
    number = {value: place for place, value in enumerate(values)}
    grid = np.array([[[number[value] for value in row] for row in plane] for plane in found])
    kept: list[tuple[int, ...]] = []
    axes: tuple[Sequence[int | None], ...] = (days, clocks, tiers)
    for axis, edges in enumerate(axes):
        same = np.all(np.diff(grid, axis=axis) == 0, axis=tuple({0, 1, 2} - {axis}))
        keep = np.flatnonzero(~same) + 1
        grid = np.take(grid, [0, *keep.tolist()], axis=axis)
        kept.append(tuple(edge for place in keep.tolist() if (edge := edges[place]) is not None))
    steps = (grid.shape[1] * grid.shape[2], grid.shape[2])
    cells = [values[place] for place in grid.ravel().tolist()]
    return _Grid((*steps, period, kept[0], kept[1], kept[2]), cells)


def _pick(key: Key, layers: list[_Layer], day: int | None, clock: int, tier: int) -> tuple[int, str | None]:
    """Row of the dense table in force at a grid point, and its note."""
    for layer in layers:
        begun = [rate for rate in layer.rates if rate.in_force(day, clock, tier)]
        if begun:
            best = max(begun, key=lambda rate: rate.rank)
            if sum(rate.rank == best.rank for rate in begun) > 1:
                raise ValueError(f"{key[0]} has two rates for the same calls")
            return FIRST_CELL + best.number, layer.note
    if any(rate.in_force(day, span[0], tier) for layer in layers for rate in layer.rates for span in rate.spans or ()):
        raise ValueError(f"{key[0]} has windows without a rate for {_clock_text(clock)} UTC")
    return GAP_CELL, None


def _clock_text(clock: int) -> str:
    day, minute = divmod(clock // 60_000_000, 1440)
    return f"{WEEKDAYS[day]} {minute // 60:02d}:{minute % 60:02d}"


def _edges(values: Iterable[int | None]) -> list[int]:
    """Where a card's prices can change, ascending; the beginning of the axis is no edge."""
    return sorted({value for value in values if value})


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _spans(row: dict[str, Any]) -> tuple[tuple[int, int], ...] | None:
    """The parts of the week (from Monday on) in which a rate holds; None = always."""
    days = _weekdays(row["model"], row["weekdays"])
    if row["window_start"] is None and row["window_end"] is None and row["weekdays"] is None:
        return None
    start, end = _clock(row["window_start"]), _clock(row["window_end"]) or DAY_US
    if start >= end:
        raise ValueError(f"{row['model']} has a window that passes midnight: it must be two rows")
    return tuple((day * DAY_US + start, day * DAY_US + end) for day in days)


def _weekdays(model: str, text: str | None) -> Sequence[int]:
    if text is None:
        return range(7)
    names = text.split(",")
    if not set(names) <= set(WEEKDAYS):
        raise ValueError(f"{model} has weekdays that cannot be read: {text}")
    return sorted(WEEKDAYS.index(name) for name in set(names))


def _clock(value: time | None) -> int:
    if value is None:
        return 0
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
