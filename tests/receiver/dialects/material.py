"""Where the recordings are, and spans made by hand in the shape that the decoder gives them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from receiver.dialects import WANTED_KEYS
from receiver.frames import Wanted

DATA = Path(__file__).parents[2] / "data"
WANTED = Wanted(span_keys=WANTED_KEYS)


def span_frame(
    spans: list[Mapping[str, str]], scope: str = "test", name: str = "chat", status: str = "unset"
) -> pl.DataFrame:
    """A decoder's spans frame with the given attributes as wide columns."""
    keys = sorted({key for attributes in spans for key in attributes})
    fixed = {
        "trace_id": ["0" * 31 + "1"] * len(spans),
        "span_id": [f"{index + 1:016x}" for index in range(len(spans))],
        "parent_span_id": pl.Series([None] * len(spans), dtype=pl.String),
        "name": [name] * len(spans),
        "start_time": pl.Series([datetime(2026, 11, 1, tzinfo=UTC)] * len(spans), dtype=pl.Datetime("us", "UTC")),
        "duration_ns": [1_000_000] * len(spans),
        "status": [status] * len(spans),
        "scope_name": [scope] * len(spans),
    }
    wide = {"@" + key: pl.Series([span.get(key) for span in spans], dtype=pl.String) for key in keys}
    return pl.DataFrame({**fixed, **wide})
