"""Exact arithmetic on the money of priced calls: scaling, converting and sharing, in whole picodollars.

A picodollar stands for 1e-12 of whatever currency the amounts are in. Everything is integer arithmetic in 128 bits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import polars as pl

from pricing_tables.price import MONEY
from pricing_tables.special import COMPONENTS, MAX_COST_PICO

PARTS: Final = tuple(f"{name}_cost_usd" for name in COMPONENTS)
"""The money columns that add up to `cost_usd`."""

TOO_DEAR: Final = "cost out of range"

_WIDE: Final = pl.Decimal(38, 12)
_ONE: Final = 10**12
_BILLION: Final = 10**9


def scaled(frame: pl.DataFrame, factor: pl.Expr) -> pl.DataFrame:
    """Every part times `factor` (Decimal(18, 12), zero or more), each rounded once, half to even; `cost_usd` is their
    sum. Amounts that do not fit any more are null, all of the row's."""
    parts = {part: half_even(pico(pl.col(part)) * pico(factor), _int(_ONE)) for part in PARTS}
    return _with_parts(frame, parts)


def converted(frame: pl.DataFrame, rate: pl.Expr) -> pl.DataFrame:
    """The money in another currency: `cost_usd` times `rate` (Decimal(18, 12)), rounded once, half to even.

    The parts are shares of it: each its own product rounded down, and what is left one picodollar each to the parts
    with the largest remainders (of equal ones the first), so that they add up to the cost exactly.
    """
    products = {part: pico(pl.col(part)) * pico(rate) for part in PARTS}
    frame = frame.with_columns(
        *((product // _int(_ONE)).alias(f"_low_{part}") for part, product in products.items()),
        *((product % _int(_ONE)).alias(f"_rest_{part}") for part, product in products.items()),
        half_even(pico(pl.col("cost_usd")) * pico(rate), _int(_ONE)).alias("_whole"),
    )
    left = pl.col("_whole") - pl.sum_horizontal(f"_low_{part}" for part in PARTS)
    parts = {}
    for place, part in enumerate(PARTS):
        own = pl.col(f"_rest_{part}")
        before = pl.sum_horizontal(
            ((pl.col(f"_rest_{other}") > own) | ((pl.col(f"_rest_{other}") == own) & (at < place))).cast(pl.Int128)
            for at, other in enumerate(PARTS)
            if at != place
        )
        parts[part] = pl.col(f"_low_{part}") + (before < left).cast(pl.Int128)
    helpers = ["_whole", *(f"_{kind}_{part}" for kind in ("low", "rest") for part in PARTS)]
    return _with_parts(frame, parts).drop(helpers)


def with_cost(frame: pl.DataFrame, cost: pl.Expr) -> pl.DataFrame:
    """The whole cost (picodollars, Int128|null) as the `other` part; null amounts where it is unknown or too large."""
    zero = pl.when(cost.is_not_null()).then(_int(0))
    return _with_parts(frame, {part: cost if part == "other_cost_usd" else zero for part in PARTS})


def by_duration(duration_ns: pl.Expr, per_second: pl.Expr) -> pl.Expr:
    """What `duration_ns` (Int64, zero or more) costs at `per_second` (Decimal(18, 12)): picodollars, half to even."""
    return half_even(duration_ns.cast(pl.Int128) * pico(per_second), _int(_BILLION))


def shares(total: pl.Expr, count: pl.Expr, place: pl.Expr) -> pl.Expr:
    """The share (picodollars) of the row at `place` (0, 1, …) among `count` that split `total` evenly: the first ones
    get the picodollars that the division leaves, so that the shares add up to the total exactly."""
    return total // count + (place < total % count).cast(pl.Int128)


def pico(money: pl.Expr) -> pl.Expr:
    """A Decimal as a whole number of its 12th decimals (Int128), exactly."""
    return money.cast(_WIDE).to_physical()


def money(picodollars: pl.Expr) -> pl.Expr:
    """Whole picodollars (Int128, within range) as Decimal(18, 12)."""
    return (picodollars.cast(pl.Decimal(38, 0)) * pl.lit(Decimal(1).scaleb(-12), pl.Decimal(13, 12))).cast(MONEY)


def half_even(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """The quotient rounded half to even; Int128, the denominator positive."""
    quotient, rest = numerator // denominator, numerator % denominator
    twice = rest * _int(2)
    up = (twice > denominator) | ((twice == denominator) & (quotient % _int(2) == _int(1)))
    return quotient + up.cast(pl.Int128)


def _with_parts(frame: pl.DataFrame, parts: dict[str, pl.Expr]) -> pl.DataFrame:
    frame = frame.with_columns(expression.alias(part) for part, expression in parts.items())
    # Plain addition: an unknown part leaves the sum unknown.
    total = pl.lit(0, pl.Int128)
    for part in PARTS:
        total = total + pl.col(part)
    fits = total <= _int(MAX_COST_PICO)
    frame = frame.with_columns(total.alias("cost_usd"))
    names = [*PARTS, "cost_usd"]
    frame = frame.with_columns(pl.when(fits).then(pl.col(names)).name.keep())
    return frame.with_columns(money(pl.col(name)).alias(name) for name in names)


def _int(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.Int128)
