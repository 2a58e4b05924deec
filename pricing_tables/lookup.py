"""Which rate applies to each call: names resolved once per distinct combination, then integer arithmetic to a cell."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import Final

import polars as pl

from pricing_tables.cards import DAY_US, STANDARD, WEEK_SHIFT_US, Card
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
    `cell` (row of the catalog's cells; that of unknown models where there is none). `traits`: flags that a cell of
    this batch's cards has, a superset of those of the cells that its calls lie in."""

    names: pl.DataFrame
    name: pl.Series
    cell: pl.Series
    traits: frozenset[str]


_NO_CARD: Final = Card(UNKNOWN_CELL, 0, 0, DAY_US, (), (), (), frozenset({"special"}))


def find_rates(calls: pl.DataFrame, catalog: Catalog) -> Lookup:
    """Resolve every call's names and find the cell in force at its time and total input."""
    varying = [key for key in _KEYS if calls[key].null_count() < calls.height]
    if not catalog.cards.regions and "region" in varying:
        varying.remove("region")
    keys = calls[varying or ["provider"]]
    first, name = distinct_rows(keys)
    names, cards = _resolve(keys[first], catalog)
    return Lookup(names, name, _cells(calls, cards, name), frozenset[str]().union(*(card.traits for card in cards)))


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
    kinds = marks[first].with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("kind"))
    kind = marks.join(kinds, on="mark", how="left", maintain_order="left")["kind"]
    others = frame[first][kind]
    other = frame.hstack(others.rename(lambda key: f"first {key}")).select(
        pl.col(key).ne_missing(pl.col(f"first {key}")).any() for key in frame.columns
    )
    if not any(other.row(0)):
        return first, kind
    numbered = frame.with_row_index("row").group_by(frame.columns, maintain_order=True).agg(pl.col("row").first())
    kinds = numbered.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("kind"))
    joined = frame.join(kinds, on=frame.columns, how="left", nulls_equal=True, maintain_order="left")
    return numbered["row"], joined["kind"]


def _resolve(distinct: pl.DataFrame, catalog: Catalog) -> tuple[pl.DataFrame, list[Card]]:
    """The canonical model and the card whose prices apply for each combination of names, or why there is none."""
    rows: list[tuple[str | None, ...]] = []
    cards: list[Card] = []
    for row in distinct.iter_rows(named=True):
        found = catalog.resolver.resolve(row.get("provider"), row.get("request_model"), row.get("response_model"))
        if found.rated_as is None:
            rows.append((None, None, found.note, None))
            cards.append(_NO_CARD)
            continue
        context, tier_note = _context(row.get("service_tier"), row.get("batch"))
        card, special = _card(catalog, found.rated_as, context, tier_note, row.get("region"))
        if card is None:
            where = f"region {row['region']}" if row.get("region") else "calls that name no region"
            rows.append((None, None, f"no rate for {where}: {found.rated_as}", None))
            cards.append(_NO_CARD)
            continue
        notes = "; ".join(text for text in (found.note, special) if text)
        rows.append((found.model, found.match, None, notes or None))
        cards.append(card)
    return pl.DataFrame(rows, schema=_FOUND, orient="row"), cards


def _card(
    catalog: Catalog, model: str, context: str, tier_note: str | None, region: str | None
) -> tuple[Card | None, str | None]:
    """The card for a kind of request in a region or the nearest more general one, and what must be said of it."""
    book = catalog.cards
    own = book.regions.get(model, frozenset()) if region else frozenset()
    places: list[str | None] = [name for name in spellings(region or "") if name in own] if own else []
    no_region = f"standard rate used: no {region} rate" if own else None
    for kind in dict.fromkeys((context, STANDARD)):
        for place in (*places, None):
            card = book.cards.get((model, kind, place))
            if card is not None:
                kind_note = tier_note if kind == context else f"standard rate used: no {context} rate"
                notes = [kind_note, no_region if place is None else None]
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


def _cells(calls: pl.DataFrame, cards: list[Card], name: pl.Series) -> pl.Series:
    """Cell of each call: its card's first cell plus how many edges of time, window and context it has passed.

    Edges that all calls of the batch lie on the same side of cost nothing: they are counted once per card. A call
    without a time gets some cell of its card; it has no price anyway.
    """
    moments = calls.select(pl.col("occurred_at").dt.epoch("us").alias("day"), pl.col("input_tokens").alias("tier"))
    first, last, most = moments.select(
        first=pl.col("day").min(), last=pl.col("day").max(), most=pl.col("tier").max()
    ).row(0)
    day, clock, tier = [], [], []
    base = []
    for card in cards:
        begun = 0 if first is None else bisect_right(card.day_edges, first)
        base.append(card.base + begun * card.steps_day)
        day.append(card.day_edges[begun : 0 if last is None else bisect_right(card.day_edges, last)])
        clock.append(card.clock_edges)
        tier.append(card.tier_edges[: 0 if most is None else bisect_right(card.tier_edges, most)])
    edges = {axis: _padded(lists) for axis, lists in (("day", day), ("clock", clock), ("tier", tier))}
    steps = {"day": [card.steps_day for card in cards], "clock": [card.steps_clock for card in cards]}
    table = pl.DataFrame(
        [pl.Series("cell", base, dtype=pl.UInt32)]
        + [pl.Series(f"{axis}_{place}", column) for axis in edges for place, column in enumerate(edges[axis])]
        + [pl.Series(f"steps_{axis}", of_cards, dtype=pl.UInt32) for axis, of_cards in steps.items()]
        + [pl.Series("period", [card.period for card in cards], dtype=pl.Int64)]
    )
    wide = [f"{axis}_{place}" for axis in ("day", "tier") for place in range(len(edges[axis]))]
    frame = table[["cell", *wide, *(["steps_day"] if edges["day"] else [])]][name]
    if wide:
        later = _passed("day", len(edges["day"])) * pl.col("steps_day") if edges["day"] else pl.lit(0, dtype=pl.UInt32)
        frame = frame.hstack(moments).select(pl.col("cell") + later + _passed("tier", len(edges["tier"])))
    cell = frame["cell"]
    if edges["clock"]:
        # Few models have windows: only their calls are looked at.
        rows = pl.Series([bool(card.clock_edges) for card in cards], dtype=pl.Boolean)
        rows = rows_where(rows[name])
        clocks = [f"clock_{place}" for place in range(len(edges["clock"]))]
        few = table[["period", "steps_clock", *clocks]][name[rows]]
        few = few.with_columns((moments["day"][rows] + WEEK_SHIFT_US).alias("moment"))
        few = few.with_columns((pl.col("moment") % pl.col("period")).alias("clock"))
        passed = few.select(_passed("clock", len(clocks)) * pl.col("steps_clock")).to_series()
        cell = cell.scatter(rows, cell[rows] + passed)
    return cell


def rows_where(mask: pl.Series) -> pl.Series:
    """Numbers of the rows (UInt32) where `mask` is true."""
    return pl.int_range(mask.len(), dtype=pl.UInt32, eager=True).filter(mask)


def _padded(lists: list[tuple[int, ...]]) -> list[list[int]]:
    """Edges of each card as one column per place, padded with an edge that nothing passes."""
    width = max(map(len, lists), default=0)
    return [[edges[place] if place < len(edges) else _NEVER for edges in lists] for place in range(width)]


@lru_cache(maxsize=256)
def _passed(axis: str, width: int) -> pl.Expr:
    """How many of its card's edges a call has reached (UInt32)."""
    reached = [(pl.col(axis) >= pl.col(f"{axis}_{place}")).fill_null(value=False) for place in range(width)]
    return reduce(add, (each.cast(pl.UInt32) for each in reached), pl.lit(0, dtype=pl.UInt32))
