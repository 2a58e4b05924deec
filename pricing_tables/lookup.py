"""Which rate applies to each call: names resolved once per distinct combination, then integer arithmetic to a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from pricing_tables.cards import STANDARD
from pricing_tables.catalog import Catalog

_KEYS: Final[dict[str, pl.DataType]] = {
    "provider": pl.String(),
    "request_model": pl.String(),
    "response_model": pl.String(),
    "service_tier": pl.String(),
    "batch": pl.Boolean(),
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
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True)
class Lookup:
    """`names`: one row per distinct names (model, match, unknown, name_note). Per call: `name` (row of `names`) and
    `cell` (row of the catalog's cells; null when no rate can be chosen)."""

    names: pl.DataFrame
    name: pl.Series
    cell: pl.Series


def find_rates(calls: pl.DataFrame, catalog: Catalog) -> Lookup:
    """Resolve every call's names and find the cell in force at its time and total input."""
    varying = [key for key in _KEYS if calls[key].null_count() < calls.height] or ["provider"]
    names = _resolve(calls.select(varying).unique(), catalog)
    keys = names.select(*varying, pl.int_range(pl.len(), dtype=pl.UInt32).alias("name"))
    joined = calls.select(varying).join(keys, on=varying, how="left", nulls_equal=True, maintain_order="left")
    name = joined.get_column("name")
    return Lookup(names, name, _cells(calls, names, name, catalog))


def _resolve(distinct: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """The canonical model and the card whose prices apply for each combination of names, or why there is none."""
    rows: list[tuple[str | None, str | None, int | None, str | None, str | None]] = []
    absent = {key: pl.lit(None, dtype=dtype).alias(key) for key, dtype in _KEYS.items() if key not in distinct.columns}
    whole = distinct.with_columns(*absent.values()).select(list(_KEYS))
    for provider, request_model, response_model, service_tier, batch in whole.iter_rows():
        found = catalog.resolver.resolve(provider, request_model, response_model)
        if found.rated_as is None:
            rows.append((None, None, None, found.note, None))
            continue
        context, note = _context(service_tier, batch)
        card = catalog.cards.index.get((found.rated_as, context))
        if card is None:
            card = catalog.cards.index[found.rated_as, STANDARD]
            note = f"standard rate used: no {context} rate"
        notes = "; ".join(text for text in (found.note, note) if text)
        rows.append((found.model, found.match, card, None, notes or None))
    return whole.hstack(pl.DataFrame(rows, schema=_FOUND, orient="row"))


def _context(service_tier: str | None, batch: bool | None) -> tuple[str, str | None]:
    """Which kind of price a call asks for, and what must be said when it cannot be had."""
    tier = (service_tier or "").strip().lower().removeprefix("service_tier_")
    if batch or tier == "batch":
        extra = tier not in _STANDARD_TIERS and tier != "batch"
        return "batch", f"batch rate used: no rate for batch with service tier {tier}" if extra else None
    if tier in _STANDARD_TIERS:
        return STANDARD, None
    return (tier, None) if tier in _SPECIAL_TIERS else (STANDARD, f"standard rate used: no {tier} rate")


def _cells(calls: pl.DataFrame, names: pl.DataFrame, name: pl.Series, catalog: Catalog) -> pl.Series:
    """Cell of each call: its card's first cell plus how many edges of time, clock and context it has passed."""
    cards = names.select("card").join(catalog.cards.cards, on="card", how="left", maintain_order="left")
    steps = {"day": "steps_day", "clock": "steps_clock", "tier": None}
    edges: dict[str, list[str]] = {}
    for axis in steps:
        width = cards.get_column(f"{axis}_edges").list.len().max()
        edges[axis] = [f"{axis}{step}" for step in range(width if isinstance(width, int) else 0)]
        cards = cards.with_columns(
            pl.col(f"{axis}_edges").list.get(step, null_on_oob=True).alias(column)
            for step, column in enumerate(edges[axis])
        )
    wanted = ["base", "steps_day", "steps_clock", *(column for columns in edges.values() for column in columns)]
    frame = cards.select(pl.col(wanted).gather(name)).hstack(calls.select("occurred_at", "input_tokens"))
    moment = pl.col("occurred_at").dt.epoch("us")
    position = {"day": moment, "clock": moment % _DAY_US, "tier": pl.col("input_tokens").fill_null(0)}
    cell = pl.col("base")
    for axis, step in steps.items():
        if edges[axis]:
            passed = pl.sum_horizontal(
                (position[axis] >= pl.col(edge)).fill_null(value=False).cast(pl.Int64) for edge in edges[axis]
            )
            cell = cell + (passed if step is None else passed * pl.col(step))
    # A call without a time cannot be dated: the price of any one moment would be a guess.
    dated = pl.when(pl.col("occurred_at").is_not_null()).then(cell)
    return frame.select(dated.cast(pl.UInt32).alias("cell")).to_series()
