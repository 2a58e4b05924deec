"""Which rate applies to each call: names resolved once per distinct combination, then integer arithmetic to a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

import numpy as np
import polars as pl

from pricing_tables.cards import STANDARD, WEEK_SHIFT_US
from pricing_tables.catalog import Catalog
from pricing_tables.cells import UNKNOWN_CELL
from pricing_tables.regions import spellings

_KEYS: Final[dict[str, pl.DataType]] = {
    "provider": pl.String(),
    "request_model": pl.String(),
    "response_model": pl.String(),
    "service_tier": pl.String(),
    "batch": pl.Boolean(),
    "region": pl.String(),
}
_FOUND: Final[dict[str, pl.DataType]] = {
    "model": pl.String(),
    "match": pl.String(),
    "card": pl.UInt32(),
    "unknown": pl.String(),
    "name_note": pl.String(),
}
_STANDARD_TIERS: Final = frozenset({"", "auto", "default", "on_demand", "standard", "standard_only"})
_SPECIAL_TIERS: Final = frozenset({"batch", "flex", "priority", "fast"})
_NEVER: Final = 2**63 - 1
_MIX: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Lookup:
    """`names`: one row per distinct names (model, match, unknown, name_note). Per call: `name` (row of `names`) and
    `cell` (row of the catalog's cells; that of unknown models where there is none). `used`: the cells that a call of
    this batch may have, a superset of those it has."""

    names: pl.DataFrame
    name: pl.Series
    cell: pl.Series
    used: pl.DataFrame


def find_rates(calls: pl.DataFrame, catalog: Catalog) -> Lookup:
    """Resolve every call's names and find the cell in force at its time and total input."""
    varying = [key for key in _KEYS if calls[key].null_count() < calls.height]
    if not catalog.cards.regions and "region" in varying:
        varying.remove("region")
    first, name = distinct_rows(calls.select(varying or ["provider"]))
    names = _resolve(calls.select(varying).select(pl.all().gather(first)), catalog)
    cards = names.select("card").join(catalog.cards.cards, on="card", how="left", maintain_order="left")
    return Lookup(names, name, _cells(calls, cards, name), _used(cards, catalog))


def distinct_rows(
    frame: pl.DataFrame, hashed: Callable[[pl.Expr], pl.Expr] = lambda column: column.hash()
) -> tuple[pl.Series, pl.Series]:
    """Number equal rows alike: the first row of each kind, and the number of its kind for every row (both UInt32).

    Rows are told apart by a hash of 64 bits, and compared with the first of their kind: were two different rows to
    share a hash, the exact and slower way is taken.
    """
    mixed = reduce(lambda mix, key: mix * _MIX + hashed(pl.col(key)), frame.columns, pl.lit(0, dtype=pl.UInt64))
    marks = frame.select(mixed.alias("mark"))
    first = marks["mark"].arg_unique()
    kinds = marks.select(pl.col("mark").gather(first)).with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("kind")
    )
    kind = marks.join(kinds, on="mark", how="left", maintain_order="left")["kind"]
    firsts = frame.select(pl.all().gather(first))
    other = frame.select(
        pl.col(key).ne_missing(pl.lit(firsts[key]).gather(pl.lit(kind))).any() for key in frame.columns
    )
    if not any(other.row(0)):
        return first, kind
    numbered = frame.with_row_index("row").group_by(frame.columns, maintain_order=True).agg(pl.col("row").first())
    kinds = numbered.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("kind"))
    joined = frame.join(kinds, on=frame.columns, how="left", nulls_equal=True, maintain_order="left")
    return numbered["row"], joined["kind"]


def _resolve(distinct: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """The canonical model and the card whose prices apply for each combination of names, or why there is none."""
    rows: list[tuple[str | None, str | None, int | None, str | None, str | None]] = []
    absent = {key: pl.lit(None, dtype=dtype).alias(key) for key, dtype in _KEYS.items() if key not in distinct.columns}
    whole = distinct.with_columns(*absent.values()).select(list(_KEYS))
    for provider, request_model, response_model, service_tier, batch, region in whole.iter_rows():
        found = catalog.resolver.resolve(provider, request_model, response_model)
        if found.rated_as is None:
            rows.append((None, None, None, found.note, None))
            continue
        context, tier_note = _context(service_tier, batch)
        card, special = _card(catalog, found.rated_as, context, region)
        if card is None:
            where = f"region {region}" if region else "calls that name no region"
            rows.append((None, None, None, f"no rate for {where}: {found.rated_as}", None))
            continue
        notes = "; ".join(text for text in (found.note, tier_note, special) if text)
        rows.append((found.model, found.match, card, None, notes or None))
    return whole.hstack(pl.DataFrame(rows, schema=_FOUND, orient="row"))


def _card(catalog: Catalog, model: str, context: str, region: str | None) -> tuple[int | None, str | None]:
    """The card for a kind of request in a region, or the nearest more general one and what must be said then."""
    book = catalog.cards
    own = book.regions.get(model, frozenset()) if region else frozenset()
    places: list[str | None] = [name for name in spellings(region or "") if name in own]
    no_region = f"standard rate used: no {region} rate" if own else None
    for kind in dict.fromkeys((context, STANDARD)):
        for place in (*places, None):
            card = book.index.get((model, kind, place))
            if card is not None:
                no_context = f"standard rate used: no {context} rate" if kind != context else None
                notes = [no_context, no_region if place is None else None]
                return card, "; ".join(note for note in notes if note) or None
    return None, None


def _context(service_tier: str | None, batch: bool | None) -> tuple[str, str | None]:
    """Which kind of price a call asks for, and what must be said when it cannot be had."""
    tier = (service_tier or "").strip().lower().removeprefix("service_tier_")
    if batch or tier == "batch":
        extra = tier not in _STANDARD_TIERS and tier != "batch"
        return "batch", f"batch rate used: no rate for batch with service tier {tier}" if extra else None
    if tier in _STANDARD_TIERS:
        return STANDARD, None
    return (tier, None) if tier in _SPECIAL_TIERS else (STANDARD, f"standard rate used: no {tier} rate")


def _used(cards: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """The cells of the batch's cards."""
    spans = cards.select("base", "cells").drop_nulls().unique().rows()
    known = [np.arange(base, base + count, dtype=np.uint32) for base, count in spans]
    return catalog.cards.cells.select(
        pl.all().gather(pl.Series(np.concatenate(known) if known else [], dtype=pl.UInt32))
    )


def _cells(calls: pl.DataFrame, cards: pl.DataFrame, name: pl.Series) -> pl.Series:
    """Cell of each call: its card's first cell plus how many edges of time, window and context it has passed.

    Edges that all calls of the batch lie on the same side of cost nothing: they are counted once per card. A call
    without a time gets some cell of its card; it has no price anyway.
    """
    seen = calls.select(
        first=pl.col("occurred_at").dt.epoch("us").min().fill_null(0),
        last=pl.col("occurred_at").dt.epoch("us").max().fill_null(0),
        most=pl.col("input_tokens").max().fill_null(0),
    )
    first, last, most = seen.row(0)
    edge = pl.element()
    cards = cards.select(
        (pl.col("base") + pl.col("day_edges").list.eval(edge <= first).list.sum() * pl.col("steps_day"))
        .fill_null(UNKNOWN_CELL)
        .alias("base"),
        pl.col("steps_day", "steps_clock", "period").fill_null(1),
        pl.col("day_edges").list.eval(edge.filter((edge > first) & (edge <= last))),
        pl.col("clock_edges"),
        pl.col("tier_edges").list.eval(edge.filter(edge <= most)),
    )
    places = {axis: _places(cards, f"{axis}_edges") for axis in ("day", "clock", "tier")}
    days, clocks, tiers = ([edge.meta.output_name() for edge in places[axis]] for axis in places)
    cards = cards.select(
        "base", "steps_day", "steps_clock", "period", *(edge for axis in places.values() for edge in axis)
    )
    moments = calls.select(pl.col("occurred_at").dt.epoch("us"), pl.col("input_tokens").fill_null(0))
    cell = cards["base"].gather(name)
    if days or tiers:
        wanted = [*days, *tiers, *(["steps_day"] if days else [])]
        frame = moments.hstack(cards.select(pl.col(wanted).gather(name))).with_columns(cell.alias("cell"))
        later = _passed("occurred_at", days) * pl.col("steps_day") if days else pl.lit(0, dtype=pl.Int64)
        cell = frame.select(pl.col("cell") + later + _passed("input_tokens", tiers)).to_series()
    if clocks:
        # Few models have windows: only their calls are looked at.
        rows = (cards[clocks[0]] != _NEVER).gather(name).arg_true()
        few = cards.select(pl.col("period", "steps_clock", *clocks).gather(name.gather(rows)))
        few = few.with_columns((moments["occurred_at"].gather(rows) + WEEK_SHIFT_US).alias("moment"))
        few = few.with_columns((pl.col("moment") % pl.col("period")).alias("clock"))
        steps = few.select(_passed("clock", clocks) * pl.col("steps_clock")).to_series()
        cell = cell.scatter(rows, cell.gather(rows) + steps)
    return cell.cast(pl.UInt32).alias("cell")


def _places(cards: pl.DataFrame, column: str) -> list[pl.Expr]:
    """A list column as one column per place, padded with an edge that nothing passes."""
    width = cards[column].list.len().max()
    return [
        pl.col(column).list.get(place, null_on_oob=True).fill_null(_NEVER).alias(f"{column}_{place}")
        for place in range(width if isinstance(width, int) else 0)
    ]


def _passed(position: str, edges: list[str]) -> pl.Expr:
    """How many of a row's edges its position has reached."""
    reached = [(pl.col(position) >= pl.col(edge)).fill_null(value=False).cast(pl.Int64) for edge in edges]
    return reduce(add, reached, pl.lit(0, dtype=pl.Int64))
