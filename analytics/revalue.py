"""Revalue: what events delivered, worked out again by the value models in force, window by window."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import polars as pl

from analytics.event_rules import EventRules
from analytics.frames import EVENT_MARGINS, conform
from analytics.period import Period, Window, microseconds, moment, one_by_one, windows
from analytics.value import event_values
from lake.commit import Transaction
from lake.connect import Lake
from lake.schema import TABLES

CHUNK: Final = 100_000
"""Events that one transaction works on."""

DONE: Final = 1 << 62
"""Progress of a source whose whole history is done."""


@dataclass(frozen=True)
class Revalued:
    """How many rows were (or, in a dry run, would be) written, and whether it ran to the end of the period."""

    values: int = 0
    margins: int = 0
    finished: bool = True

    def __add__(self, other: "Revalued") -> "Revalued":
        return Revalued(self.values + other.values, self.margins + other.margins, self.finished and other.finished)


def revalue(
    lake: Lake,
    rules: EventRules,
    period: Period | None = None,
    *,
    dry_run: bool = False,
    source: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Revalued:
    """Work out `event_values` and `event_margins.value_usd` of the period's events again; only differences are written.

    Works in transactions of about `CHUNK` events beside live ingest; can be interrupted and run again. With `source`
    it goes on where an earlier run under that name stopped, and a whole run is remembered as `DONE`.
    `progress(done, total)` counts events.
    """
    period = period or Period()
    if source is not None and (reached := lake.progress(source)) is not None:
        if reached == DONE:
            return Revalued()
        period = Period(moment(reached), period.end)
    found = windows(lake.read, period, CHUNK, "signals")
    if dry_run:
        with lake.reading() as tx:
            return _walk(lambda work: work(tx), found, rules, None, progress, stop)
    changes = _walk(lake.run, found, rules, source, progress, stop)
    if source is not None and changes.finished:
        lake.run(lambda tx: tx.set_progress(source, DONE))
    return changes


def _walk(
    run: Callable[[Callable[[Transaction], Revalued]], Revalued],
    found: list[Window],
    rules: EventRules,
    source: str | None,
    progress: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> Revalued:
    changes, walked = Revalued(), 0
    for period in one_by_one(found, progress, stop):
        changes += run(partial(_revalue, period=period, rules=rules, source=source))
        walked += 1
    return changes + Revalued(finished=walked == len(found))


def _revalue(tx: Transaction, period: Period, rules: EventRules, source: str | None) -> Revalued:
    within = period.condition("occurred_at")
    signals = tx.read(f"SELECT * FROM signals WHERE {within}").cast(TABLES["signals"].polars_schema)
    keys = signals.select("signal_id")
    values, worth = event_values(signals, rules)
    gone, come = tx.replace("event_values", keys, values)
    rows = tx.read(f"SELECT * FROM event_margins WHERE {within}")
    told = rows.join(keys, on="signal_id", how="semi").join(worth, on="signal_id", how="left", suffix="_now")
    other = told.filter(pl.col("value_usd").ne_missing(pl.col("value_usd_now")))
    other = conform(other.with_columns(value_usd="value_usd_now"), EVENT_MARGINS)
    stamped = other.with_columns(updated_at=pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")))
    changed = tx.replace("event_margins", other.select("signal_id"), stamped)[1]
    if source is not None and period.end is not None:
        tx.set_progress(source, microseconds(period.end))
    return Revalued(max(gone, come), changed)
