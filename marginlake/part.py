"""The part of a prepared batch that lies in a period of time."""

from dataclasses import replace

import polars as pl

from analytics.period import Period
from marginlake.pipeline import Prepared

_VERSION = ["trace_id", "span_id", "content_hash"]


def part_of(prepared: Prepared, period: Period) -> Prepared:
    """Spans that began in the period with their calls, and signals that occurred in it; refusals stay, all of them."""
    if period == Period():
        return prepared
    spans = prepared.spans.filter(period.holds("start_time"))
    kept = spans.select(_VERSION).unique()
    return replace(
        prepared,
        spans=spans,
        calls=_of(prepared.calls, kept),
        unmapped=_of(prepared.unmapped, kept),
        signals=prepared.signals.filter(period.holds("occurred_at")),
    )


def _of(rows: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    return rows.join(spans, on=_VERSION, how="semi", maintain_order="left")
