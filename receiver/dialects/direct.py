"""Costs that were stated over REST rather than seen by an instrumentation: spans that `receiver.direct_costs` makes.

Each is a trace of its own. A figure that was stated is the span's reported cost, and its token counts (if any) are in
attributes that nobody reads, so that no price of ours takes the figure's place.
"""

from typing import Final

import polars as pl

from receiver.dialects.counts import count_attr
from receiver.dialects.dialect import Dialect, Reading, scope_is
from receiver.wide import attr

SCOPE: Final = "marginlake.costs"
_PREFIX: Final = "marginlake.cost."
VENDOR: Final = _PREFIX + "vendor"
MODEL: Final = _PREFIX + "model"
AMOUNT: Final = _PREFIX + "amount_usd"
INPUT: Final = _PREFIX + "input_tokens"  # all of it, cached or not
CACHE_READ: Final = _PREFIX + "cache_read_tokens"
CACHE_WRITE: Final = _PREFIX + "cache_write_tokens"
OUTPUT: Final = _PREFIX + "output_tokens"
REASONING: Final = _PREFIX + "reasoning_tokens"
COUNTS: Final = (INPUT, CACHE_READ, CACHE_WRITE, OUTPUT, REASONING)


def _read(df: pl.DataFrame) -> Reading:
    return {
        "role": pl.lit("call"),
        "marker": pl.lit(value=True),
        "provider": attr(df, VENDOR),
        "request_model": attr(df, MODEL),
        "input": count_attr(df, INPUT),
        "cache_read": count_attr(df, CACHE_READ),
        "cache_write": count_attr(df, CACHE_WRITE),
        "output": count_attr(df, OUTPUT),
        "reasoning": count_attr(df, REASONING),
        "exclusive": pl.lit(value=False),
        "reported_cost": attr(df, AMOUNT),
    }


DIRECT: Final = Dialect(
    name="direct",
    keys=frozenset({VENDOR, MODEL, AMOUNT}),
    counts=frozenset(COUNTS),
    detect=lambda df: scope_is(SCOPE),
    read=_read,
)
