"""The pricing step: a frame of model calls in, the same frame with exact money out.

Names are resolved once per distinct combination; everything after is column arithmetic in 64-bit pico-dollars. Calls
that consist of plain text tokens at a known rate take a short way; whatever is special about a call (`_odd` says what)
is done by the long one, `special.py`, for the rows that need it only. Both give the same figures for a plain call.
"""

from __future__ import annotations

from functools import reduce
from operator import add, or_
from typing import Final

import polars as pl

from pricing_tables.catalog import Catalog
from pricing_tables.lookup import Lookup, find_rates
from pricing_tables.special import COMPONENTS, MAX_COST_PICO, STATUS, TrustReported, price_special
from pricing_tables.units import AMOUNTS
from pricing_tables.usage import (
    APART,
    EACH,
    MAX_EACH,
    MAX_TOKENS,
    PLAIN_PARTS,
    TOKENS,
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
    lookup = find_rates(calls, catalog)
    present = reported_counts(calls)
    money = _plain(calls, lookup, catalog, present, trust_reported)
    odd = money["odd"].arg_true()
    if not odd.len():
        return _plainly(calls, lookup, catalog, money)
    special = price_special(calls, lookup, catalog, odd, present, trust_reported, foreign=foreign)
    cell = lookup.cell.scatter(odd, special["priced_cell"])
    labels = pl.concat([lookup.names.select("model", "match"), special.select("model", "match")])
    name = lookup.name.scatter(odd, pl.int_range(lookup.names.height, labels.height, dtype=pl.UInt32, eager=True))
    place = pl.repeat(None, calls.height, dtype=pl.UInt32, eager=True)
    said = special["rate_note"].is_not_null().arg_true()
    place = place.scatter(odd.gather(said), said)
    status = pl.repeat(0, calls.height, dtype=pl.UInt32, eager=True).scatter(odd, special["status"])
    amounts = pl.DataFrame([money[f"c_{part}"].scatter(odd, special[f"c_{part}"]) for part in _ADDED])
    return calls.with_columns(
        labels["model"].gather(name).alias("model"),
        labels["match"].gather(name).alias("match"),
        catalog.cards.cells["rate_id"].gather(cell).alias("rate_id"),
        pl.Series("catalog_id", [catalog.catalog_id]).gather(cell.to_frame().select(pl.col("cell") * 0).to_series()),
        special["rate_note"].gather(place).alias("rate_note"),
        *amounts.select(_dollars()).get_columns(),
        pl.Series("status", STATUS, dtype=pl.String).gather(status),
        *_NO_RULE,
    )


def _plainly(calls: pl.DataFrame, lookup: Lookup, catalog: Catalog, money: pl.DataFrame) -> pl.DataFrame:
    """The result of a batch in which nothing is special."""
    return calls.with_columns(
        lookup.names["model"].gather(lookup.name).alias("model"),
        lookup.names["match"].gather(lookup.name).alias("match"),
        catalog.cards.cells["rate_id"].gather(lookup.cell).alias("rate_id"),
        pl.lit(catalog.catalog_id).alias("catalog_id"),
        pl.lit(None, dtype=pl.String).alias("rate_note"),
        *money.select(_dollars()).get_columns(),
        pl.lit(STATUS[0]).alias("status"),
        *_NO_RULE,
    )


def _plain(
    calls: pl.DataFrame, lookup: Lookup, catalog: Catalog, present: frozenset[str], trust_reported: TrustReported
) -> pl.DataFrame:
    """Each component and their sum in whole pico-dollars (c_NAME, Int64), right where `odd` is false."""
    counts = split_plain(present)
    parts = [part for part in PLAIN_PARTS if part == "input" or counts[part].meta.root_names()]
    flags, odd = _odd(calls, lookup, present, trust_reported)
    cells = catalog.cards.cells.select(*(f"p_{part}" for part in parts), *flags)
    frame = calls.lazy().with_columns(cells.select(pl.all().gather(lookup.cell)).get_columns())
    frame = frame.with_columns(pl.lit(lookup.names["name_note"].is_not_null().gather(lookup.name)).alias("odd_name"))
    frame = frame.with_columns(counts[part].alias(f"n_{part}") for part in parts)
    terms = {part: pl.col(f"n_{part}") * pl.col(f"p_{part}") for part in parts}
    nothing = pl.lit(0, dtype=pl.Int64)
    frame = frame.select(
        *(
            reduce(add, [terms[part] for part in own if part in parts] or [nothing]).alias(f"c_{name}")
            for name, own in COMPONENTS.items()
        ),
        reduce(add, terms.values()).alias("c_cost"),
        reduce(or_, odd, pl.col("n_input") < 0).fill_null(value=True).alias("odd"),
    )
    return frame.with_columns(pl.col("odd") | (pl.col("c_cost") > MAX_COST_PICO)).collect()


def _odd(
    calls: pl.DataFrame, lookup: Lookup, present: frozenset[str], trust_reported: TrustReported
) -> tuple[list[pl.Expr], list[pl.Expr]]:
    """Flags to look up in a call's cell, and what makes a call special; only what occurs in this batch is tested."""
    used = lookup.used
    apart = [flag for count, flag in APART.items() if count in present]
    special = pl.any_horizontal(
        pl.col("rate_id").is_null(),
        *(pl.col(name).is_not_null() for name in ("blocked_reason", "context_note", "alias_of", "currency")),
        *("fine", "cache_read_standard", "cache_write_standard", "text_in_unrated", "text_out_unrated"),
        "bills_requests_only",
        *apart,
        pl.col("p_request") != 0,
    )
    odd: list[pl.Expr] = []
    flags: list[pl.Expr] = []
    if lookup.names["unknown"].null_count() < lookup.names.height or used.select(special.any()).item():
        flags.append(special.alias("odd_cell"))
        odd.append(pl.col("odd_cell"))
    if lookup.names["name_note"].null_count() < lookup.names.height:
        odd.append(pl.col("odd_name"))
    odd += [pl.col(name).is_not_null() for name in ("search_requests", *AMOUNTS) if name in present]
    counts = [name for name in (*TOKENS, *EACH) if name in present]
    bounds = calls.select(
        *(pl.col(name).min().alias(f"least_{name}") for name in counts),
        *(pl.col(name).max().alias(f"most_{name}") for name in counts),
        missing=(pl.col("usage_source") == "missing").any(),
        failed=pl.col("failed").any(),
        dated=pl.col("occurred_at").null_count() == 0,
    ).row(0, named=True)
    for name in counts:
        limit = MAX_EACH if name in EACH else MAX_TOKENS
        if bounds[f"least_{name}"] < 0 or bounds[f"most_{name}"] > limit:
            odd.append(~pl.col(name).is_between(0, limit).fill_null(value=True))
    if bounds["missing"]:
        odd.append((pl.col("usage_source") == "missing").fill_null(value=False))
    if bounds["failed"]:
        odd.append(pl.col("failed").fill_null(value=False))
    if not bounds["dated"]:
        odd.append(pl.col("occurred_at").is_null())
    if calls["input_tokens"].null_count():
        odd.append(pl.col("input_tokens").is_null())
    if calls["output_tokens"].null_count() and used["bills_output"].any():
        flags.append(pl.col("bills_output"))
        odd.append(pl.col("output_tokens").is_null() & pl.col("bills_output"))
    if trust_reported == "prefer":
        odd.append((pl.col("reported_cost_usd") > 0).fill_null(value=False))
    return flags, odd


def _dollars() -> list[pl.Expr]:
    """Whole pico-dollars are the unscaled integers of the decimals themselves: no arithmetic, no rounding."""
    return [
        pl.col(f"c_{name}")
        .cast(pl.Int128)
        .reinterpret(dtype=MONEY)
        .alias("cost_usd" if name == "cost" else f"{name}_cost_usd")
        for name in _ADDED
    ]
