"""How many spans a sampled span stands for, from the W3C ``tracestate`` it carries.

OpenTelemetry's consistent probability sampling writes the rejection threshold as ``ot=th:HEX``: up to 14 hex digits,
trailing zeros left out, as a fraction of 2**56. A span was kept with probability ``1 - T / 2**56``, so it stands for
the inverse of that. (Source: OpenTelemetry specification, "TraceState: Probability Sampling".)
"""

from typing import Final

import polars as pl

_RANGE: Final = 2**56
_DIGITS: Final = 14
_THRESHOLD: Final = r"(?:^|,)[ \t]*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})[ \t]*(?:[;,]|$)"


def sampling_weight(trace_state: pl.Expr) -> pl.Expr:
    """The adjusted count (Float64, at least 1); null where the trace state holds no valid threshold."""
    digits = trace_state.str.extract(_THRESHOLD).str.pad_end(_DIGITS, "0")
    threshold = digits.str.to_integer(base=16, dtype=pl.Int64, strict=False)
    return pl.lit(float(_RANGE)) / (_RANGE - threshold).cast(pl.Float64)
