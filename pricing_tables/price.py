"""The pricing step: a frame of model calls in, the same frame with exact money out.

Names are resolved once per distinct combination; everything after is column arithmetic in 64-bit pico-dollars. A part
costs `count * price` exactly; only prices finer than a pico-dollar are rounded, half to even, once per component.
"""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import add
from typing import Final, Literal

import polars as pl

from pricing_tables.catalog import Catalog
from pricing_tables.estimates import say_what_is_missing
from pricing_tables.lookup import Lookup, find_rates
from pricing_tables.usage import (
    APART,
    BLOCKED,
    OUT_OF_RANGE,
    REASONS,
    TOKENS,
    UNKNOWN_MODEL,
    parts_in,
    problem,
    reported_counts,
    split,
)

TrustReported = Literal["never", "fallback", "prefer"]

MONEY: Final = pl.Decimal(18, 12)
MAX_COST_PICO: Final = 10**18 - 1

COMPONENTS: Final[dict[str, tuple[str, ...]]] = {
    "input": ("input",),
    "cache_read": ("cache_read", "audio_cached", "image_cached"),
    "cache_write": ("write_5m", "write_1h"),
    "output": ("output", "reasoning"),
    "other": ("audio_in", "image_in", "audio_out", "image_out", "search", "request"),
}
"""Money column (`NAME_cost_usd`) -> the billed parts in it."""

_CELL_FLAGS: Final = (
    "blocked",
    "bills_input",
    "bills_output",
    "bills_searches",
    "bills_requests_only",
    "text_in_unrated",
    "text_out_unrated",
)
_STATUS: Final = ("priced", "zero_rated", "reported", "unpriced")
_PRICED, _ZERO_RATED, _REPORTED, _UNPRICED = range(4)
_YOCTO: Final = 10**12
_NO_RULE: Final = (
    pl.lit(None, dtype=pl.String).alias("price_rule"),
    pl.lit(None, dtype=pl.String).alias("original_currency"),
    pl.lit(None, dtype=MONEY).alias("original_cost"),
    pl.lit(None, dtype=MONEY).alias("fx_rate"),
)


def price_calls(calls: pl.DataFrame, catalog: Catalog, *, trust_reported: TrustReported = "fallback") -> pl.DataFrame:
    """Price every call by the rate that was in force when it happened.

    Input: the names, `occurred_at` (Datetime us UTC), the inclusive token counts and unit counts, `usage_source`,
    `failed`, `reported_cost_usd`. Output: the same rows in the same order plus model, match, rate_id, catalog_id,
    rate_note, input/cache_read/cache_write/output/other/cost_usd (Decimal(18,12) US dollars or null) and status:
    priced, zero_rated (a failed call without usage), reported (the sender's figure), unpriced (money null, `rate_note`
    says why). The components sum to `cost_usd` exactly; for a reported cost only `other_cost_usd` is set.
    `trust_reported`: never, fallback (when there is no price of ours) or prefer. A reported 0 is never trusted.
    Errors: none for data; a missing column raises `polars.exceptions.ColumnNotFoundError`.
    """
    lookup = find_rates(calls, catalog)
    present = reported_counts(calls)
    frame = split(_with_prices(calls, lookup, catalog, present), present)
    frame = frame.with_columns(problem(present).alias("problem"))
    frame = frame.with_columns(**_pico(frame, parts_in(present)))
    # Plain addition: an unknown component must leave the sum unknown, never 0.
    frame = frame.with_columns(c_cost=reduce(add, (pl.col(f"c_{name}") for name in COMPONENTS)))
    too_dear = pl.col("problem").is_null() & (pl.col("c_cost") > MAX_COST_PICO)
    if frame.select(too_dear.any()).item():
        frame = frame.with_columns(problem=pl.when(too_dear).then(OUT_OF_RANGE).otherwise("problem").cast(pl.Int8))
    frame = frame.with_columns(_status(trust_reported))
    rate = lookup.cell.to_frame().select(pl.when(frame["status"] == _PRICED).then("cell")).to_series()
    priced = calls.with_columns(
        lookup.names["model"].gather(lookup.name).alias("model"),
        lookup.names["match"].gather(lookup.name).alias("match"),
        catalog.cards.cells["rate_id"].gather(rate).alias("rate_id"),
        pl.Series("catalog_id", [catalog.catalog_id]).gather(rate * 0),
        _notes(frame, lookup, catalog).alias("rate_note"),
        *frame.select(_money(frame)).get_columns(),
        pl.Series("status", _STATUS, dtype=pl.String).gather(frame["status"]),
        *_NO_RULE,
    )
    return say_what_is_missing(priced)


def _with_prices(calls: pl.DataFrame, lookup: Lookup, catalog: Catalog, present: frozenset[str]) -> pl.DataFrame:
    """The calls' counts beside the prices of their cell, only for the parts that this batch can hold."""
    counts = [*TOKENS, "search_requests", "requests", "occurred_at", "usage_source", "failed", "reported_cost_usd"]
    cells = catalog.cards.cells
    columns = [*_CELL_FLAGS, *(flag for name, flag in APART.items() if name in present)]
    columns += ["context_note", "cache_read_standard", "cache_write_standard"]
    columns += [f"p_{part}" for part in parts_in(present)]
    # Few prices are finer than a pico-dollar: their rests are carried only when some call of the batch meets one.
    used = cells.select(pl.all().gather(lookup.cell.unique().drop_nulls()))
    columns += [f"r_{part}" for part in parts_in(present) if (used[f"r_{part}"] != 0).any()]
    prices = cells.select(pl.col("context_note").is_not_null() if name == "context_note" else name for name in columns)
    unknown = lookup.names["unknown"].is_not_null().gather(lookup.name).alias("unknown")
    return calls.select(counts).hstack(prices.select(pl.all().gather(lookup.cell))).with_columns(unknown)


def _pico(frame: pl.DataFrame, parts: list[str]) -> dict[str, pl.Expr]:
    """Each component in whole pico-dollars (Int64), null where there is a problem."""
    components: dict[str, pl.Expr] = {}
    for name, own in COMPONENTS.items():
        billed = [part for part in own if part in parts]
        terms = [pl.col(f"n_{part}") * pl.col(f"p_{part}").fill_null(0) for part in billed]
        whole = pl.sum_horizontal(terms) if terms else pl.lit(0, dtype=pl.Int64)
        fine = [part for part in billed if f"r_{part}" in frame.columns]
        if fine:
            rest = pl.sum_horizontal(
                pl.col(f"n_{part}").cast(pl.Int128) * pl.col(f"r_{part}").fill_null(0) for part in fine
            )
            whole = whole + _half_even(rest, whole)
        components[f"c_{name}"] = pl.when(pl.col("problem").is_null()).then(whole)
    return components


def _half_even(rest: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """`rest` (1e-24 dollars, not negative) in pico-dollars, so that `whole + rest` is rounded half to even."""
    quotient = rest // _YOCTO
    twice = (rest - quotient * _YOCTO) * 2
    odd = (whole + quotient.cast(pl.Int64)) % 2 == 1
    up = (twice > _YOCTO) | ((twice == _YOCTO) & odd)
    return quotient.cast(pl.Int64) + up.cast(pl.Int64)


def _status(trust_reported: TrustReported) -> pl.Expr:
    """UInt32 index into `_STATUS`."""
    unpriced = pl.col("problem").is_not_null()
    # Nothing was billed: no usage at all, or counts that are all zero.
    empty = pl.all_horizontal((pl.col(name) == 0).fill_null(value=True) for name in (*TOKENS, "search_requests"))
    idle = (pl.col("usage_source") == "missing").fill_null(value=False) | empty
    failed = pl.col("failed").fill_null(value=False) & idle
    trusted = (pl.col("reported_cost_usd") > 0).fill_null(value=False)
    use_reported = {"never": pl.lit(value=False), "fallback": trusted & unpriced & ~failed, "prefer": trusted}
    index = {_REPORTED: use_reported[trust_reported], _ZERO_RATED: failed, _UNPRICED: unpriced}
    chosen: pl.Expr = pl.lit(_PRICED, dtype=pl.UInt32)
    for code, holds in reversed(index.items()):
        chosen = pl.when(holds).then(pl.lit(code, dtype=pl.UInt32)).otherwise(chosen)
    return chosen.alias("status")


def _money(frame: pl.DataFrame) -> list[pl.Expr]:
    """The five components and their sum in dollars; rows without a price of ours cost a pass only if there are any."""
    seen = set(frame["status"].unique())
    scale = pl.lit(Decimal("0.000000000001"), dtype=pl.Decimal(13, 12))
    zero = pl.lit(Decimal(0), dtype=MONEY)
    columns = []
    for name in (*COMPONENTS, "cost"):
        money = (pl.col(f"c_{name}").cast(pl.Decimal(38, 0)) * scale).cast(MONEY)
        if seen & {_ZERO_RATED, _REPORTED}:
            sent = pl.col("reported_cost_usd").cast(MONEY) if name in ("other", "cost") else pl.lit(None, dtype=MONEY)
            money = pl.when(pl.col("status") == _ZERO_RATED).then(zero).otherwise(money)
            money = pl.when(pl.col("status") == _REPORTED).then(sent).otherwise(money)
        columns.append(money.alias("cost_usd" if name == "cost" else f"{name}_cost_usd"))
    return columns


def _notes(frame: pl.DataFrame, lookup: Lookup, catalog: Catalog) -> pl.Series:
    """What a reader of a row must know: why it has no price, or which special price was missing. Mostly null."""
    cache_read = pl.col("cache_read_standard") & (pl.col("n_cache_read") > 0)
    cache_write = pl.col("cache_write_standard") & (pl.col("n_write_5m") + pl.col("n_write_1h") > 0)
    named = lookup.names["name_note"].is_not_null().gather(lookup.name)
    wanted = (pl.col("status") != _PRICED) | pl.lit(named) | pl.col("context_note") | cache_read | cache_write
    mask = frame.select(wanted.fill_null(value=False).alias("wanted")).to_series()
    if not mask.any():
        return pl.Series("rate_note", [None], dtype=pl.String).new_from_index(0, frame.height)
    columns = ["status", "problem", "cache_read_standard", "cache_write_standard"]
    few = frame.select(*columns, "n_cache_read", "n_write_5m", "n_write_1h").filter(mask)
    names = lookup.names.select("unknown", "name_note").select(pl.all().gather(lookup.name.filter(mask)))
    cells = catalog.cards.cells.select("context_note", "blocked_reason")
    few = few.hstack(names).hstack(cells.select(pl.all().gather(lookup.cell.filter(mask))))
    special = pl.concat_str(
        "name_note",
        "context_note",
        pl.when(cache_read).then(pl.lit("standard rate used for cache reads")),
        pl.when(cache_write).then(pl.lit("standard rate used for cache writes")),
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
    note = (
        pl.when(pl.col("status") == _ZERO_RATED)
        .then(pl.lit("failed call"))
        .when(pl.col("status") == _REPORTED)
        .then(sent)
        .when(pl.col("status") == _UNPRICED)
        .then(reason)
        .otherwise(pl.when(special != "").then(special))
    )
    place = mask.to_frame().select(pl.when("wanted").then(pl.col("wanted").cum_sum() - 1)).to_series()
    return few.select(note.alias("rate_note")).to_series().gather(place)
