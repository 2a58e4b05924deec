"""What each rate row charges, as integers for column arithmetic, and what cannot be priced with it.

Prices are whole pico-dollars per unit and, for the few that a source computed by division, a rest in 1e-24 dollars:
`count * pico` is exact in 64 bits and needs no rounding, and the rest is added only where a call used such a price.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Final

import polars as pl

from pricing_tables.units import AMOUNTS, PER, UNIT_NAMES

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
    "search": (
        "web_searches_kcount",
        "rerank_searches_kcount",
        "social_searches_kcount",
        "storage_searches_kcount",
        "code_executions_kcount",
    ),
    "request": ("requests_kcount",),
}
"""Count of a call -> the price columns that may bill it, the most specific first (its nearest priced ancestor)."""

MAX_PICO: Final = 4 * 10**9 - 1
"""Highest price per token in pico-dollars (just under $4000 per million tokens): keeps sums of products in 64 bits."""

MAX_PICO_EACH: Final = 10**11
"""Highest price per search or request in pico-dollars ($0.10)."""

MAX_ATTO: Final = 10**22
"""Highest price per hour, thousand images and the like in 1e-18 dollars ($10,000): keeps products in 128 bits."""

UNKNOWN_CELL: Final = 0
GAP_CELL: Final = 1
FIRST_CELL: Final = 2
"""Rows of the dense table: no model known, no rate in force, then one per rate."""

_SEARCH_NAMES: Final = {
    "social_searches_kcount": "searches priced as searches of social media",
    "storage_searches_kcount": "searches priced as searches of stored files",
    "code_executions_kcount": "searches priced as code executions",
}
_TOKEN_INPUT: Final = ("input_mtok", "input_audio_mtok", "input_image_mtok")


def dense_rates(rates: pl.DataFrame) -> pl.DataFrame:
    """One row per rate behind `FIRST_CELL` special ones: rate_id, alias_of, p_/r_ prices of every count a call carries
    (Int64), a_ prices of amounts (Int128, 1e-18 dollars, null = not priced), flags, reasons and notes.

    Errors: ValueError when a price is negative or beyond the range that integer sums can hold.
    """
    columns: dict[str, pl.Series] = {"rate_id": rates["rate_id"], "alias_of": rates["alias_of"]}
    fine = pl.repeat(value=False, n=rates.height, eager=True, dtype=pl.Boolean)
    for count, chain in FALLBACK_CHAINS.items():
        price = rates.select(pl.coalesce(chain)).to_series()
        limit = MAX_PICO_EACH if count in ("search", "request") else MAX_PICO
        pico, rest = _integers(price.to_list(), PER[chain[0]], limit)
        # A part that the rate does not price costs nothing by itself; whether that is right, flags say.
        columns[f"p_{count}"] = pl.Series(pico, dtype=pl.Int64)
        columns[f"r_{count}"] = pl.Series(rest, dtype=pl.Int64)
        fine |= columns[f"r_{count}"] != 0
    for amount, chain in AMOUNTS.items():
        price = rates.select(pl.coalesce(chain)).to_series()
        columns[f"a_{amount}"] = pl.Series(_atto(price.to_list(), chain[0]), dtype=pl.Int128)
    columns["fine"] = fine
    dense = pl.DataFrame(columns).hstack(rates.select(*_flags(), *_standard_flags(), *_reasons()))
    no_rate = pl.DataFrame({"blocked_reason": [None, "no rate in force at that time"]}, schema_overrides=_TEXT)
    return pl.concat([no_rate, dense], how="diagonal").select(dense.columns)


_TEXT: Final = {"blocked_reason": pl.String()}


def special_flag() -> pl.Expr:
    """`special`: may a plain call that lands on this cell need more than count times price? Needs `context_note`."""
    said = ("blocked_reason", "context_note", "alias_of", "currency")
    return pl.any_horizontal(
        pl.col("rate_id").is_null(),
        *(pl.col(name).is_not_null() for name in said),
        *("fine", "cache_read_standard", "cache_write_standard", "text_in_unrated", "text_out_unrated"),
        "bills_requests_only",
        pl.col("p_request") != 0,
    ).alias("special")


def _flags() -> list[pl.Expr]:
    """What a rate prices apart and what it bills at all."""
    apart = {
        "audio_in_apart": "input_audio_mtok",
        "audio_out_apart": "output_audio_mtok",
        "image_in_apart": "input_image_mtok",
        "image_out_apart": "output_image_mtok",
        "reasoning_apart": "output_reasoning_mtok",
    }
    has = {name: pl.col(name).is_not_null() for name in PER}
    rated_parts_in = has["input_audio_mtok"] | has["input_image_mtok"]
    rated_parts_out = has["output_audio_mtok"] | has["output_image_mtok"] | has["output_video_mtok"]
    return [
        *(has[column].alias(flag) for flag, column in apart.items()),
        has["input_mtok"].alias("bills_input"),
        has["output_mtok"].alias("bills_output"),
        pl.any_horizontal(has[name] for name in FALLBACK_CHAINS["search"]).alias("bills_searches"),
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


def _reasons() -> list[pl.Expr]:
    """Why a rate row prices no call, or only calls that report its units; and what to say of its searches.

    `blocked_reason`: not null when the rate is not enough. `by_amount`: a reported amount that it prices is enough.
    """
    tokens = pl.any_horizontal(pl.col(_TOKEN_INPUT).is_not_null())
    units = [
        pl.when(~tokens & pl.col(unit).is_not_null()).then(pl.lit(f"priced per {name}, which the call does not report"))
        for unit, name in UNIT_NAMES.items()
    ]
    empty = pl.all_horizontal(pl.col(list(PER)).is_null())
    ambiguous = [
        pl.when(~tokens & _differ(first, second)).then(pl.lit(f"{what} priced apart for input and output"))
        for first, second, what in (("input_mchars", "output_mchars", "characters"), _AUDIO)
    ]
    kind = [
        pl.when(pl.col(unit).is_not_null()).then(pl.lit(_SEARCH_NAMES.get(unit))) for unit in FALLBACK_CHAINS["search"]
    ]
    plain = pl.col("web_searches_kcount", "rerank_searches_kcount").is_not_null()
    foreign = pl.col("currency").is_not_null() & (pl.col("currency") != "USD")
    return [
        pl.coalesce(*ambiguous, *units, pl.when(empty).then(pl.lit("no price listed for this model"))).alias(
            "blocked_reason"
        ),
        (pl.coalesce(*units).is_not_null() & pl.coalesce(*ambiguous).is_null()).alias("by_amount"),
        pl.when(~pl.any_horizontal(plain)).then(pl.coalesce(*kind)).alias("search_note"),
        pl.when(foreign).then(pl.col("currency")).alias("currency"),
    ]


_AUDIO: Final = ("input_audio_hours", "output_audio_hours", "audio")


def _differ(first: str, second: str) -> pl.Expr:
    """Are both priced, and not alike? Then one amount that does not say which it is cannot be priced."""
    return (pl.col(first) != pl.col(second)).fill_null(value=False)


def _integers(prices: Sequence[Decimal | None], per: int, limit: int) -> tuple[list[int], list[int]]:
    """Exact (whole pico-dollars, rest in 1e-24 dollars) per unit; 0 where there is no price."""
    whole: list[int] = []
    rest: list[int] = []
    with localcontext() as context:
        context.prec = 80
        for price in prices:
            scaled = 0 if price is None else int(price * 10**24) // per
            if price is not None and scaled * per != price * 10**24:
                raise ValueError(f"price {price} per {per} is finer than 1e-24 dollars a unit")
            high, low = divmod(scaled, 10**12)
            if not 0 <= high <= limit:
                raise ValueError(f"price {price} per {per} is out of range")
            whole.append(high)
            rest.append(low)
    return whole, rest


def _atto(prices: Sequence[Decimal | None], unit: str) -> list[int | None]:
    """Exact 1e-18 dollars per whatever the unit's price buys."""
    with localcontext() as context:
        context.prec = 80
        whole = [None if price is None else int(price * 10**18) for price in prices]
    for price in whole:
        if price is not None and not 0 <= price <= MAX_ATTO:
            raise ValueError(f"price {Decimal(price).scaleb(-18)} per {unit} is out of range")
    return whole
