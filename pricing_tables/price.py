"""The pricing step: a frame of model calls in, the same frame with exact money out.

Names are resolved once per distinct combination; everything after is column arithmetic in 64-bit pico-dollars. Calls
that consist of plain text tokens at a known rate take a short way; whatever is special about a call (`_odd` says what)
is done by the long one, `special.py`, for the rows that need it only. Both give the same figures for a plain call.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, reduce
from operator import add, or_
from typing import Final

import polars as pl

from pricing_tables.catalog import Catalog
from pricing_tables.estimates import say_what_is_missing
from pricing_tables.lookup import Lookup, find_rates, rows_where
from pricing_tables.special import AS_WRITTEN, COMPONENTS, MAX_COST_PICO, STATUS, Setting, TrustReported, price_special
from pricing_tables.units import AMOUNTS
from pricing_tables.usage import (
    APART,
    EACH,
    MAX_EACH,
    MAX_TOKENS,
    PLAIN_PARTS,
    TOKENS,
    parts_in,
    reported_counts,
    split_plain,
)

__all__ = ["COMPONENTS", "MONEY", "TrustReported", "price_calls"]

MONEY: Final = pl.Decimal(18, 12)

_NO_RULE: Final = (
    pl.lit(None, dtype=pl.String).alias("price_rule"),
    pl.lit(None, dtype=pl.String).alias("original_currency"),
    pl.lit(None, dtype=MONEY).alias("original_cost"),
    pl.lit(None, dtype=MONEY).alias("fx_rate"),
)
_SLICE: Final = 131_072
"""Calls priced at a time: few enough that the columns in between stay near the processor."""

_ADDED: Final = (*COMPONENTS, "cost")


def price_calls(
    calls: pl.DataFrame, catalog: Catalog, *, trust_reported: TrustReported = "fallback", foreign: bool = False
) -> pl.DataFrame:
    """Price every call by the rate that was in force when it happened.

    Input: the names, `region`, `occurred_at` (Datetime us UTC), the inclusive token counts, unit counts and amounts,
    `usage_source`, `failed`, `reported_cost_usd`. Output: the same rows in the same order plus model, match, rate_id,
    catalog_id, rate_note, input/cache_read/cache_write/output/other/cost_usd (Decimal(18,12) US dollars or null) and
    status: priced, zero_rated (a failed call without usage), reported (the sender's figure), unpriced (money null,
    `rate_note` says why). The components sum to `cost_usd` exactly; for a reported cost only `other_cost_usd` is set.
    `trust_reported`: never, fallback (when there is no price of ours) or prefer. A reported 0 is never trusted.
    `foreign`: price by rates in other currencies too, in their currency; the caller converts. Else such calls are
    unpriced. Errors: none for data; a missing column raises `polars.exceptions.ColumnNotFoundError`.
    """
    if calls.height < 2 * _SLICE:
        return _price(calls, catalog, trust_reported, foreign=foreign)
    slices = [calls.slice(begin, _SLICE) for begin in range(0, calls.height, _SLICE)]
    # Both are made once and kept; threads would make them once each.
    _ = catalog.cards, catalog.resolver
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        return pl.concat(
            threads.map(lambda part: _price(part, catalog, trust_reported, foreign=foreign), slices), rechunk=False
        )


def _price(calls: pl.DataFrame, catalog: Catalog, trust_reported: TrustReported, *, foreign: bool) -> pl.DataFrame:
    """`price_calls` of one slice."""
    lookup = find_rates(calls, catalog)
    present = reported_counts(calls)
    money = _plain(calls, lookup, catalog, present, trust_reported)
    odd = rows_where(money["odd"])
    if not odd.len():
        return _with_columns(calls, lookup.names, lookup.name, lookup.cell, catalog, money)
    rests = frozenset(f"r_{part}" for part in parts_in(present)) & lookup.traits
    special = price_special(calls, lookup, catalog, odd, Setting(present, rests, trust_reported, foreign))
    return say_what_is_missing(_merged(calls, lookup, catalog, money, odd, special))


def _merged(
    calls: pl.DataFrame, lookup: Lookup, catalog: Catalog, money: pl.DataFrame, odd: pl.Series, special: pl.DataFrame
) -> pl.DataFrame:
    """The result of a batch in which the calls at `odd` are as in `special`."""
    names, name = lookup.names[["model", "match"]], lookup.name
    renamed = rows_where(special["alias_of"].is_not_null())
    if renamed.len():
        aliases = special[renamed].select(pl.col("alias_of").alias("model"), pl.lit("alias").alias("match"))
        numbers = pl.int_range(names.height, names.height + renamed.len(), dtype=pl.UInt32, eager=True)
        names, name = pl.concat([names, aliases], rechunk=True), name.scatter(odd[renamed], numbers)
    said = rows_where(special["rate_note"].is_not_null())
    note = pl.Series([None], dtype=pl.UInt32).new_from_index(0, calls.height).scatter(odd[said], said)
    status = pl.Series([0], dtype=pl.UInt32).new_from_index(0, calls.height).scatter(odd, special["status"])
    money = pl.DataFrame([money[name].scatter(odd, special[name]) for name in _PICO])
    cell = lookup.cell.scatter(odd, special["cell"])
    whole = _with_columns(calls, names, name, cell, catalog, money)
    return whole.with_columns(
        special["rate_note"][note],
        pl.Series("status", STATUS, dtype=pl.String)[status],
    )


def _with_columns(
    calls: pl.DataFrame, names: pl.DataFrame, name: pl.Series, cell: pl.Series, catalog: Catalog, money: pl.DataFrame
) -> pl.DataFrame:
    """The calls with everything that `price_calls` adds, as if none of them were special."""
    return calls.with_columns(
        names["model"][name],
        names["match"][name],
        catalog.cards.cells["rate_id"][cell],
        pl.lit(catalog.catalog_id).alias("catalog_id"),
        pl.lit(None, dtype=pl.String).alias("rate_note"),
        *money.select(_DOLLARS).get_columns(),
        pl.lit(STATUS[0]).alias("status"),
        *_NO_RULE,
    )


def _plain(
    calls: pl.DataFrame, lookup: Lookup, catalog: Catalog, present: frozenset[str], trust_reported: TrustReported
) -> pl.DataFrame:
    """Each component and their sum in whole pico-dollars (c_NAME, Int64), right where `odd` is false."""
    tests = _tests(calls, lookup, present, trust_reported)
    flags = [test for test in tests if test in _FLAGS] + ["bills_output"] * ("no output" in tests)
    parts, charges = _charges(present)
    frame = calls[sorted(_PLAIN_INPUT | present)]
    # Calls without any count need nothing of their cells; and a frame without columns has no rows to take.
    if wanted := [*(f"p_{part}" for part in parts), *flags]:
        frame = frame.hstack(catalog.cards.cells[wanted][lookup.cell])
    if "named" in tests:
        frame = frame.with_columns(lookup.names["name_note"].is_not_null()[lookup.name].alias("named"))
    # Columns are added, not selected: those that are the same for every call are then as long as the batch.
    return (
        frame.lazy()
        .with_columns(*charges, _odd(tests, present))
        .select(*_PICO, "odd")
        .collect(optimizations=AS_WRITTEN)
    )


_PLAIN_INPUT: Final = frozenset(
    ("occurred_at", "usage_source", "failed", "reported_cost_usd", "input_tokens", "output_tokens")
)


@lru_cache(maxsize=256)
def _charges(present: frozenset[str]) -> tuple[list[str], list[pl.Expr]]:
    """The plain parts that calls may have who report these counts, and the expressions of the components."""
    counts = split_plain(present)
    parts = [part for part in PLAIN_PARTS if counts[part].meta.root_names()]
    terms = {part: counts[part] * pl.col(f"p_{part}") for part in parts}
    zero = pl.lit(0, dtype=pl.Int64)
    components = {name: [terms[part] for part in own if part in parts] for name, own in COMPONENTS.items()}
    charges = [(reduce(add, own) if own else zero).alias(f"c_{name}") for name, own in components.items()]
    return parts, [*charges, reduce(add, terms.values(), zero).alias("c_cost")]


def _tests(
    calls: pl.DataFrame, lookup: Lookup, present: frozenset[str], trust_reported: TrustReported
) -> tuple[str, ...]:
    """Which of the tests in `_odd` some call of this batch may fail; the others cost nothing."""
    counts = tuple(name for name in (*TOKENS, *EACH) if name in present)
    seen = calls.select(_bounds(counts)).row(0, named=True)
    needed = {
        "special": "special" in lookup.traits,
        **{flag: flag in lookup.traits and count in present for count, flag in APART.items()},
        "named": lookup.names["name_note"].null_count() < lookup.names.height,
        "missing": seen["missing"],
        "failed": seen["failed"],
        "undated": calls["occurred_at"].null_count() > 0,
        "no input": calls["input_tokens"].null_count() > 0,
        "no output": calls["output_tokens"].null_count() > 0 and "bills_output" in lookup.traits,
        "preferred": trust_reported == "prefer",
        **{f"some {name}": name in present for name in ("search_requests", *AMOUNTS)},
        **{f"odd {name}": seen[f"least {name}"] < 0 or seen[f"most {name}"] > _LIMITS[name] for name in counts},
    }
    return tuple(name for name, holds in needed.items() if holds)


@lru_cache(maxsize=256)
def _bounds(counts: tuple[str, ...]) -> list[pl.Expr]:
    return [
        *(pl.col(name).min().alias(f"least {name}") for name in counts),
        *(pl.col(name).max().alias(f"most {name}") for name in counts),
        (pl.col("usage_source") == "missing").any().alias("missing"),
        pl.col("failed").any().alias("failed"),
    ]


@lru_cache(maxsize=256)
def _odd(tests: tuple[str, ...], present: frozenset[str]) -> pl.Expr:
    """What makes a call special: its cell, its name, its kind of usage, or usage that cannot be."""
    every = {
        **{flag: pl.col(flag) for flag in _FLAGS},
        "named": pl.col("named"),
        "missing": pl.col("usage_source") == "missing",
        "failed": pl.col("failed"),
        "undated": pl.col("occurred_at").is_null(),
        "no input": pl.col("input_tokens").is_null(),
        "no output": pl.col("output_tokens").is_null() & pl.col("bills_output"),
        "preferred": pl.col("reported_cost_usd") > 0,
        **{f"some {name}": pl.col(name).is_not_null() for name in ("search_requests", *AMOUNTS)},
        **{f"odd {name}": ~pl.col(name).is_between(0, limit) for name, limit in _LIMITS.items()},
    }
    _, charges = _charges(present)
    usual = [split_plain(present)["input"] < 0, charges[-1] > MAX_COST_PICO]
    failed = [test.fill_null(value=False) for test in (*(every[test] for test in tests), *usual)]
    odd: pl.Expr = reduce(or_, failed)
    return odd.alias("odd")


_FLAGS: Final = ("special", *APART.values())
_LIMITS: Final = {**dict.fromkeys(TOKENS, MAX_TOKENS), **dict.fromkeys(EACH, MAX_EACH)}
_PICO: Final = [f"c_{name}" for name in _ADDED]
_DOLLARS: Final = [
    # Whole pico-dollars are the unscaled integers of the decimals themselves: no arithmetic, no rounding.
    pl.col(f"c_{name}").cast(pl.Int128).reinterpret(dtype=MONEY).alias(f"{name}_cost_usd".replace("cost_cost", "cost"))
    for name in _ADDED
]
