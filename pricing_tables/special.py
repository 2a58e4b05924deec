"""The long way of pricing: calls of any kind, with every check, note and unit. `price.py` sends it those that need it.

Only prices finer than a pico-dollar and charges by amount are rounded, half to even, once per component.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import Final, Literal

import polars as pl

from pricing_tables import amounts
from pricing_tables.catalog import Catalog
from pricing_tables.lookup import Lookup
from pricing_tables.units import AMOUNTS
from pricing_tables.usage import (
    APART,
    BLOCKED,
    NEEDS,
    OUT_OF_RANGE,
    REASONS,
    TOKENS,
    UNKNOWN_MODEL,
    parts_in,
    problem,
    split,
)

TrustReported = Literal["never", "fallback", "prefer"]

MAX_COST_PICO: Final = 10**18 - 1

COMPONENTS: Final[dict[str, tuple[str, ...]]] = {
    "input": ("input",),
    "cache_read": ("cache_read", "audio_cached", "image_cached"),
    "cache_write": ("write_5m", "write_1h"),
    "output": ("output", "reasoning"),
    "other": ("audio_in", "image_in", "audio_out", "image_out", "search", "request"),
}
"""Money column (`NAME_cost_usd`) -> the billed parts in it; `other` also holds the charges by amount."""

STATUS: Final = ("priced", "zero_rated", "reported", "unpriced")
_PRICED, _ZERO_RATED, _REPORTED, _UNPRICED = range(4)
_YOCTO: Final = 10**12
_FAR: Final = 2 * 10**18
_GIVEN: Final = (
    "occurred_at",
    "usage_source",
    "failed",
    "reported_cost_usd",
    "requests",
    "input_tokens",
    "output_tokens",
)
_NEEDED_OF_CELL: Final = (
    *(f"p_{part}" for part in NEEDS),
    *(f"a_{name}" for name in AMOUNTS),
    *APART.values(),
    *("bills_input", "bills_output", "bills_searches", "bills_requests_only", "text_in_unrated", "text_out_unrated"),
    *("blocked_reason", "by_amount", "currency", "alias_of", "context_note", "search_note"),
    *("cache_read_standard", "cache_write_standard"),
)


AS_WRITTEN: Final = pl.QueryOptFlags.none(comm_subexpr_elim=True)
"""Nothing else can be improved about these queries, and looking for it takes longer than a small batch."""


@dataclass(frozen=True)
class Setting:
    """What the arithmetic of a batch depends on: the counts it reports, the rests that prices in it may have
    (`r_PART`), how far reported costs are trusted, and whether prices in other currencies count."""

    present: frozenset[str]
    rests: frozenset[str]
    trust_reported: TrustReported
    foreign: bool


def price_special(
    calls: pl.DataFrame, lookup: Lookup, catalog: Catalog, rows: pl.Series, setting: Setting
) -> pl.DataFrame:
    """Price the calls at `rows`. One row each: c_NAME (Int64 pico-dollars or null) for every component and `cost`,
    status (UInt32 index into `STATUS`), alias_of, rate_note, and cell, null unless priced."""
    needed = list(dict.fromkeys((*_GIVEN, *sorted(setting.present))))
    cell = lookup.cell[rows]
    cells = catalog.cards.cells[[*_NEEDED_OF_CELL, *sorted(setting.rests)]][cell]
    names = lookup.names[["model", "unknown", "name_note"]][lookup.name[rows]]
    lazy = calls[needed][rows].hstack([*cells.get_columns(), *names.get_columns(), cell]).lazy()
    for step in _steps(setting):
        lazy = lazy.with_columns(step)
    return lazy.select(_results()).collect(optimizations=AS_WRITTEN)


@lru_cache(maxsize=256)
def _steps(setting: Setting) -> list[list[pl.Expr]]:
    """Steps from calls beside the prices of their cell to problem, components (c_NAME) and status."""
    present = setting.present
    c_cost = pl.col("c_cost")
    too_dear = pl.col("problem").is_null() & (c_cost > MAX_COST_PICO)
    steps = [
        _blocked(foreign=setting.foreign),
        *split(present),
        {"problem": problem(present)},
        _components(setting),
        # Plain addition: an unknown component must leave the sum unknown, never 0.
        {"c_cost": reduce(add, (pl.col(f"c_{name}") for name in COMPONENTS))},
        {"problem": pl.when(too_dear).then(pl.lit(OUT_OF_RANGE, dtype=pl.Int8)).otherwise("problem")},
        {"status": _status(setting.trust_reported, present)},
    ]
    return [[expr.alias(name) for name, expr in step.items()] for step in steps]


@lru_cache(maxsize=1)
def _results() -> list[pl.Expr]:
    priced = pl.when(pl.col("status") == _PRICED).then("cell").alias("cell")
    # A reseller bills the model under its own name, whoever's rate is used.
    provider = pl.col("model").str.extract("^([^/]*/)")
    alias = (provider + pl.col("alias_of").str.replace("^[^/]*/", "")).alias("alias_of")
    return [*_money(), pl.col("status"), alias, _note().alias("rate_note"), priced]


def _blocked(*, foreign: bool) -> dict[str, pl.Expr]:
    """A rate in another currency is no price in dollars."""
    reason, by_amount = pl.col("blocked_reason"), pl.col("by_amount")
    if not foreign:
        other = pl.col("currency").is_not_null()
        said = pl.lit("priced in ") + pl.col("currency") + pl.lit(", not converted")
        reason, by_amount = pl.when(other).then(said).otherwise(reason), by_amount & ~other
    return {"blocked_reason": reason, "blocked": reason.is_not_null(), "by_amount": by_amount}


def _components(setting: Setting) -> dict[str, pl.Expr]:
    """Each component in whole pico-dollars (Int64), null where there is a problem."""
    parts = parts_in(setting.present)
    components: dict[str, pl.Expr] = {}
    for name, own in COMPONENTS.items():
        billed = [part for part in own if part in parts]
        terms = [pl.col(f"n_{part}") * pl.col(f"p_{part}") for part in billed]
        whole = reduce(add, terms) if terms else pl.lit(0, dtype=pl.Int64)
        rests = [
            pl.col(f"n_{part}").cast(pl.Int128) * pl.col(f"r_{part}") for part in billed if f"r_{part}" in setting.rests
        ]
        charged = amounts.charges(setting.present) if name == "other" else None
        if charged is not None:
            scaled = [rest * pl.lit(amounts.SCALE // _YOCTO, dtype=pl.Int128) for rest in rests]
            whole = whole + _half_even(reduce(add, scaled, charged), whole, amounts.SCALE)
        elif rests:
            whole = whole + _half_even(reduce(add, rests), whole, _YOCTO)
        components[f"c_{name}"] = pl.when(pl.col("problem").is_null()).then(whole)
    return components


def _half_even(rest: pl.Expr, whole: pl.Expr, scale: int) -> pl.Expr:
    """`rest` (in `scale`-ths of a pico-dollar, not negative) in pico-dollars, so that `whole + rest` is rounded half
    to even. What is too dear anyway is cut off where it is still seen to be."""
    divisor = pl.lit(scale, dtype=pl.Int128)
    quotient = rest // divisor
    twice = (rest - quotient * divisor) * 2
    near = quotient.clip(upper_bound=pl.lit(_FAR, dtype=pl.Int128)).cast(pl.Int64, strict=False)
    odd = (whole + near) % 2 == 1
    up = (twice > divisor) | ((twice == divisor) & odd)
    return near + up.cast(pl.Int64)


def _status(trust_reported: TrustReported, present: frozenset[str]) -> pl.Expr:
    """UInt32 index into `STATUS`."""
    unpriced = pl.col("problem").is_not_null()
    # Nothing was billed: no usage at all, or counts that are all zero.
    counts = [name for name in (*TOKENS, "search_requests", *AMOUNTS) if name in present]
    empty = pl.all_horizontal(*((pl.col(name) == 0).fill_null(value=True) for name in counts), pl.lit(value=True))
    idle = (pl.col("usage_source") == "missing").fill_null(value=False) | empty
    failed = pl.col("failed").fill_null(value=False) & idle
    trusted = (pl.col("reported_cost_usd") > 0).fill_null(value=False)
    use_reported = {"never": pl.lit(value=False), "fallback": trusted & unpriced & ~failed, "prefer": trusted}
    index = {_REPORTED: use_reported[trust_reported], _ZERO_RATED: failed, _UNPRICED: unpriced}
    chosen: pl.Expr = pl.lit(_PRICED, dtype=pl.UInt32)
    for code, holds in reversed(index.items()):
        chosen = pl.when(holds).then(pl.lit(code, dtype=pl.UInt32)).otherwise(chosen)
    return chosen


def _money() -> list[pl.Expr]:
    """The components and their sum as the status has them: ours, the sender's (in `other` alone), zero or unknown."""
    sent = pl.col("reported_cost_usd").cast(pl.Decimal(18, 12)).reinterpret(dtype=pl.Int128).cast(pl.Int64)
    return [
        pl.when(pl.col("status") == _ZERO_RATED)
        .then(pl.lit(0, dtype=pl.Int64))
        .when(pl.col("status") == _REPORTED)
        .then(sent if name in ("other", "cost") else pl.lit(None, dtype=pl.Int64))
        .when(pl.col("status") == _PRICED)
        .then(pl.col(f"c_{name}"))
        .alias(f"c_{name}")
        for name in (*COMPONENTS, "cost")
    ]


def _note() -> pl.Expr:
    """What a reader of a row must know: why it has no price, or which special price was missing. Mostly null."""
    special = pl.concat_str(
        "name_note",
        "context_note",
        pl.when(pl.col("cache_read_standard") & (pl.col("n_cache_read") > 0)).then(
            pl.lit("standard rate used for cache reads")
        ),
        pl.when(pl.col("cache_write_standard") & (pl.col("n_write_5m") + pl.col("n_write_1h") > 0)).then(
            pl.lit("standard rate used for cache writes")
        ),
        pl.when(pl.col("n_search") > 0).then("search_note"),
        separator="; ",
        ignore_nulls=True,
    )
    reason = (
        pl.when(pl.col("problem") == UNKNOWN_MODEL)
        .then("unknown")
        .when(pl.col("problem") == BLOCKED)
        .then("blocked_reason")
        .otherwise(pl.col("problem").replace_strict(REASONS, default=None, return_dtype=pl.String))
    )
    sent = pl.lit("reported cost used: ") + pl.coalesce(reason, pl.lit("preferred to our own price"))
    return (
        pl.when(pl.col("status") == _ZERO_RATED)
        .then(pl.lit("failed call"))
        .when(pl.col("status") == _REPORTED)
        .then(sent)
        .when(pl.col("status") == _UNPRICED)
        .then(reason)
        .otherwise(pl.when(special != "").then(special))
    )
