"""Charges by amount: images, seconds, characters and pages, for the few calls that report them.

The arithmetic is exact in 128 bits: every such charge, and every rest of a price finer than a pico-dollar, is a whole
number of `SCALE`-ths of a pico-dollar, so that a component is rounded only once.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Final

import polars as pl

from pricing_tables.units import AMOUNTS

SCALE: Final = 3_600 * 10**12

MAX_AMOUNT: Final = {
    "images": 10**6,
    "audio_seconds": 10**9,
    "video_seconds": 10**9,
    "characters": 10**9,
    "pages": 10**6,
}

_SECONDS: Final = ("audio_seconds", "video_seconds")
_MICRO: Final = 10**6
_FACTORS: Final = {
    # Of count * price in 1e-18 dollars per thousand, million or hour; seconds are counted in millionths.
    "images": SCALE // 10**9,
    "audio_seconds": SCALE // (3_600 * 10**12),
    "video_seconds": SCALE // (3_600 * 10**12),
    "characters": SCALE // 10**12,
    "pages": SCALE // 10**9,
}
_IN_TOKENS: Final = {
    "images": (("image_out_apart", "image_output_tokens"),),
    "audio_seconds": (("audio_in_apart", "audio_input_tokens"), ("audio_out_apart", "audio_output_tokens")),
    "characters": (("bills_input", "input_tokens"),),
}
"""Amount -> flags of a rate that bills the same thing by tokens, where the call reports those: never billed twice."""


def counts(present: frozenset[str]) -> dict[str, pl.Expr]:
    """`n_AMOUNT` (Int128; seconds in millionths) for the present amounts; null where the call does not say."""
    return {f"n_{name}": _count(name) for name in AMOUNTS if name in present}


def served(present: frozenset[str]) -> pl.Expr:
    """Does the call report an amount that its rate bills?"""
    billed = [_charge(name, present).is_not_null() for name in AMOUNTS if name in present]
    return pl.any_horizontal(billed) if billed else pl.lit(value=False)


def charges(present: frozenset[str]) -> pl.Expr | None:
    """All charges by amount of a call in `SCALE`-ths of a pico-dollar (Int128); None when there cannot be any."""
    terms = [_charge(name, present).fill_null(0) for name in AMOUNTS if name in present]
    return reduce(add, terms) if terms else None


def impossible(present: frozenset[str]) -> tuple[list[pl.Expr], list[pl.Expr]]:
    """Per present amount: is it negative; is it out of range."""
    names = [name for name in AMOUNTS if name in present]
    limit = {name: MAX_AMOUNT[name] * (_MICRO if name in _SECONDS else 1) for name in names}
    return [pl.col(f"n_{name}") < 0 for name in names], [pl.col(f"n_{name}") > limit[name] for name in names]


def _count(name: str) -> pl.Expr:
    if name in _SECONDS:
        return pl.col(name).cast(pl.Decimal(18, 6)).reinterpret(dtype=pl.Int128)
    return pl.col(name).cast(pl.Int128)


def _charge(name: str, present: frozenset[str]) -> pl.Expr:
    """Null where the rate does not bill this amount, or bills it by tokens that the call reports."""
    charge = pl.col(f"n_{name}") * pl.col(f"a_{name}") * pl.lit(_FACTORS[name], dtype=pl.Int128)
    for flag, tokens in _IN_TOKENS.get(name, ()):
        if tokens in present:
            by_tokens = pl.col(flag) & (pl.col(tokens) > 0)
            charge = pl.when(~by_tokens.fill_null(value=False)).then(charge)
    return charge
