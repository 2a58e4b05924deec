"""Rates compiled to integers for a join without any search: cards, and the cells they point into.

A card is one (model, kind of request). Its validity dates, daily windows and context tiers span a small grid of cells;
counting how many edges a call has passed on each axis gives the number of its cell, and the cell holds the prices.

Prices are whole pico-dollars per unit and, for the few that a source computed by division, a rest in 1e-24 dollars:
`count * pico` is exact in 64 bits and needs no rounding, and the rest is added only where a call used such a price.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal, localcontext
from typing import Any, Final

import polars as pl

from pricing_tables.units import PER, UNCARRIED_INPUT, UNCARRIED_NAMES

STANDARD: Final = "standard"
CONTEXTS: Final = ("batch", "flex", "priority", "fast")
"""Kinds of request that may have prices of their own, besides `STANDARD`."""

FALLBACK_CHAINS: Final[dict[str, tuple[str, ...]]] = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "audio_in": ("input_audio_mtok", "input_mtok"),
    "audio_cached": ("cache_audio_read_mtok", "cache_read_mtok", "input_mtok"),
    "audio_out": ("output_audio_mtok", "output_mtok"),
    "image_in": ("input_image_mtok", "input_mtok"),
    "image_cached": ("cache_image_read_mtok", "cache_read_mtok", "input_mtok"),
    "image_out": ("output_image_mtok", "output_mtok"),
    "search": ("web_searches_kcount", "rerank_searches_kcount"),
    "request": ("requests_kcount",),
}
"""Count of a call -> the price columns that may bill it, the most specific first (its nearest priced ancestor)."""

MAX_PICO: Final = 10**9 - 1
"""Highest price per token in pico-dollars (just under $1000 per million tokens): keeps sums of products in 64 bits."""

MAX_PICO_EACH: Final = 10**11
"""Highest price per search or request in pico-dollars ($0.10)."""

_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True)
class CardBook:
    """Integer tables of a catalog.

    `cards`: card (UInt32), base (first cell), steps_day, steps_tier, and edge lists day_edges, clock_edges, tier_edges
    (List(Int64): microseconds since the epoch, microseconds of the day, tokens).
    `cells`: row number = cell; rate_id, note, blocked, blocked_reason, context_note, p_*/r_* prices, flags.
    `index`: (model, context) -> card.
    """

    cards: pl.DataFrame
    cells: pl.DataFrame
    index: dict[tuple[str, str], int]


def build_cards(rates: pl.DataFrame) -> CardBook:
    """Compile rate rows (`RATE_SCHEMA` plus rate_id) to a `CardBook`.

    Errors: ValueError when a price is beyond the range that integer sums can hold.
    """
    by_model: dict[str, dict[str, list[dict[str, Any]]]] = {}
    everywhere = pl.col("region").is_null() & (pl.col("weekdays").is_null() | pl.col("weekdays").str.contains("mon"))
    usable = rates.filter(pl.col("condition").is_null() & everywhere)
    columns = ["model", "processing", "service_tier", "valid_from", "window_start", "tier_min", "standard_units"]
    for number, row in enumerate(usable.select(columns).iter_rows(named=True)):
        context = row["processing"] or row["service_tier"] or STANDARD
        row["number"] = number
        by_model.setdefault(row["model"], {}).setdefault(context, []).append(row)

    cards: list[dict[str, Any]] = []
    picks: list[int] = []
    notes: list[str | None] = []
    index: dict[tuple[str, str], int] = {}
    for model, contexts in by_model.items():
        standard = contexts[STANDARD]
        for context in (STANDARD, *CONTEXTS):
            if context not in contexts:
                continue
            own = contexts[context] if context != STANDARD else []
            days = _edges(_micros(row["valid_from"]) for row in standard + own)
            clocks = _edges(_clock(row["window_start"]) for row in standard + own)
            tiers = _edges(row["tier_min"] for row in standard + own)
            index[model, context] = len(cards)
            cards.append(
                {
                    "card": len(cards),
                    "base": len(picks),
                    "steps_day": (len(clocks) + 1) * (len(tiers) + 1),
                    "steps_clock": len(tiers) + 1,
                    "day_edges": days,
                    "clock_edges": clocks,
                    "tier_edges": tiers,
                }
            )
            for day in [None, *days]:
                for clock in [0, *clocks]:
                    for tier in [0, *tiers]:
                        special = _find(own, day, clock, tier)
                        notes.append(None if special or not own else f"standard rate used: no {context} rate")
                        chosen = special or _find(standard, day, clock, tier)
                        if chosen is None:
                            raise ValueError(f"{model} has no standard rate for some moment")
                        picks.append(chosen["number"])
    dense = _dense(usable)
    cells = dense.select(pl.all().gather(pl.Series(picks, dtype=pl.UInt32))).with_columns(
        pl.Series("context_note", notes, dtype=pl.String)
    )
    edge = pl.List(pl.Int64)
    schema = {"card": pl.UInt32, "base": pl.Int64, "steps_day": pl.Int64, "steps_clock": pl.Int64}
    return CardBook(
        pl.DataFrame(cards, schema={**schema, "day_edges": edge, "clock_edges": edge, "tier_edges": edge}), cells, index
    )


def _edges(values: Iterable[int | None]) -> list[int]:
    """Where a card's prices can change, ascending; the beginning of the axis is no edge."""
    return sorted({value for value in values if value})


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp()) * 1_000_000


def _clock(value: time | None) -> int:
    return 0 if value is None else (value.hour * 60 + value.minute) * _MINUTE_US + value.second * 1_000_000


def _find(rows: Sequence[dict[str, Any]], day: int | None, clock: int, tier: int) -> dict[str, Any] | None:
    """The row in force at a grid point: of those already begun on every axis, the one that began last."""
    begun = [
        row
        for row in rows
        if (row["valid_from"] is None or (day is not None and (_micros(row["valid_from"]) or 0) <= day))
        and _clock(row["window_start"]) <= clock
        and row["tier_min"] <= tier
    ]
    return max(begun, key=_start, default=None)


def _start(row: dict[str, Any]) -> tuple[int, int, int]:
    return _micros(row["valid_from"]) or 0, _clock(row["window_start"]), row["tier_min"]


def _dense(rates: pl.DataFrame) -> pl.DataFrame:
    """One row per rate: p_/r_ integer prices of every count a call carries, and what cannot be priced with it."""
    columns: dict[str, pl.Series] = {"rate_id": rates["rate_id"]}
    for count, chain in FALLBACK_CHAINS.items():
        price = rates.select(pl.coalesce(chain)).to_series()
        limit = MAX_PICO_EACH if count in ("search", "request") else MAX_PICO
        pico, rest = _integers(price.to_list(), PER[chain[0]], limit)
        columns[f"p_{count}"] = pl.Series(pico, dtype=pl.Int64)
        columns[f"r_{count}"] = pl.Series(rest, dtype=pl.Int64)
    return pl.DataFrame(columns).hstack(rates.select(*_flags(), *_standard_flags()))


def _flags() -> list[pl.Expr]:
    """What a rate prices apart, what it bills at all, and what it cannot price."""
    apart = {
        "audio_in_apart": "input_audio_mtok",
        "audio_out_apart": "output_audio_mtok",
        "image_in_apart": "input_image_mtok",
        "image_out_apart": "output_image_mtok",
        "reasoning_apart": "output_reasoning_mtok",
    }
    has = {name: pl.col(name).is_not_null() for name in PER}
    searches = has["web_searches_kcount"] | has["rerank_searches_kcount"]
    rated_parts_in = has["input_audio_mtok"] | has["input_image_mtok"]
    rated_parts_out = has["output_audio_mtok"] | has["output_image_mtok"] | has["output_video_mtok"]
    reason = _blocked()
    return [
        *(has[column].alias(flag) for flag, column in apart.items()),
        reason.alias("blocked_reason"),
        reason.is_not_null().alias("blocked"),
        has["input_mtok"].alias("bills_input"),
        has["output_mtok"].alias("bills_output"),
        searches.alias("bills_searches"),
        (has["requests_kcount"] & ~has["input_mtok"]).alias("bills_requests_only"),
        (~has["input_mtok"] & rated_parts_in).alias("text_in_unrated"),
        (~has["output_mtok"] & rated_parts_out).alias("text_out_unrated"),
    ]


def _standard_flags() -> list[pl.Expr]:
    """Which cache counts a variant bills at the standard rate because the vendor prints no other."""
    units = pl.col("standard_units").fill_null("").str.split(",")
    return [
        units.list.contains("cache_read_mtok").alias("cache_read_standard"),
        pl.concat_list(units.list.contains("cache_write_mtok"), units.list.contains("cache_write_1h_mtok"))
        .list.any()
        .alias("cache_write_standard"),
    ]


def _blocked() -> pl.Expr:
    """Why a rate row cannot price any call: it bills in units that calls do not carry, or it holds no price at all."""
    tokens = pl.any_horizontal(pl.col("input_mtok", "input_audio_mtok", "input_image_mtok").is_not_null())
    reasons = [
        pl.when(~tokens & pl.col(unit).is_not_null()).then(
            pl.lit(f"priced per {UNCARRIED_NAMES[unit]}, which the call does not report")
        )
        for unit in UNCARRIED_INPUT
    ]
    empty = pl.all_horizontal(pl.col(list(PER)).is_null())
    return pl.coalesce(*reasons, pl.when(empty).then(pl.lit("no price listed for this model")))


def _integers(prices: Sequence[Decimal | None], per: int, limit: int) -> tuple[list[int | None], list[int]]:
    """Exact (whole pico-dollars, rest in 1e-24 dollars) per unit."""
    whole: list[int | None] = []
    rest: list[int] = []
    with localcontext() as context:
        context.prec = 80
        for price in prices:
            scaled = None if price is None else int(price * 10**24) // per
            if scaled is not None and scaled * per != price * 10**24:  # type: ignore[operator]
                raise ValueError(f"price {price} per {per} is finer than 1e-24 dollars a unit")
            high, low = (None, 0) if scaled is None else divmod(scaled, 10**12)
            if high is not None and not 0 <= high <= limit:
                raise ValueError(f"price {price} per {per} is out of range")
            whole.append(high)
            rest.append(low)
    return whole, rest
