"""The figures of money as Prometheus metrics: floats, for graphs and alarms. The lake has them exactly."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import polars as pl
from prometheus_client.core import GaugeMetricFamily, Metric

from marginlake.money_figures import MoneyFigures

_CALLS: Final = {
    "cost_usd": "Cost of calls by the time of the call.",
    "calls": "Calls that count.",
    "unpriced_calls": "Calls without a known price.",
}
_MARGINS: Final = {
    "revenue_usd": "Revenue that is known.",
    "margin_usd": "Revenue minus cost; absent while a part of it is unknown.",
    "margin_known_usd": "Known revenue minus known cost.",
    "linked_cost_usd": "Cost that events bear.",
    "unclaimed_cost_usd": "Cost that no event bears.",
    "value_usd": "Value delivered.",
    "signals": "Billable events.",
    "signals_without_revenue": "Events whose revenue is unknown.",
}
_READ_AT: Final = "money_read_timestamp_seconds"
_NOTHING: Final = MoneyFigures(
    datetime(1970, 1, 1, tzinfo=UTC),
    pl.DataFrame(schema={"window": pl.String(), **dict.fromkeys(_CALLS, pl.Int64())}),
    pl.DataFrame(schema={"window": pl.String(), **dict.fromkeys(_MARGINS, pl.Int64())}),
)


def money_metrics(figures: MoneyFigures | None) -> Iterator[Metric]:
    """One gauge per figure, with the labels that the figures have; without samples before they were read."""
    read = figures or _NOTHING
    for rows, names in ((read.calls, _CALLS), (read.margins, _MARGINS)):
        labels = [name for name in rows.columns if name not in names]
        for name, description in names.items():
            gauge = GaugeMetricFamily(f"marginlake_{name}", description, labels=labels)
            known = rows.filter(pl.col(name).is_not_null())
            for *values, figure in known.select(*labels, name).iter_rows():
                gauge.add_metric(values, float(figure))
            yield gauge
    at = GaugeMetricFamily(f"marginlake_{_READ_AT}", "When the figures of money were read from the lake (Unix time).")
    if figures is not None:
        at.add_metric([], figures.read_at.timestamp())
    yield at
