"""Alerts and the lake: figures are read, rules evaluated, and what is new or gone is written to the table `alerts`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from analytics.alert_figures import read_figures
from analytics.alert_rules import AlertRule
from analytics.alert_state import transitions
from analytics.alert_windows import Window, windows
from analytics.alerts import evaluate_all
from lake.commit import Transaction
from lake.connect import Lake
from lake.schema import TABLES
from marginlake.alert_settings import AlertSettings


@dataclass(frozen=True)
class Found:
    """What the rules say now: `rows` (schema FOUND), and the windows that were looked at, by rule."""

    rows: pl.DataFrame
    looked_at: Sequence[tuple[AlertRule, Sequence[Window]]]


def look(lake: Lake, settings: AlertSettings, now: datetime) -> Found:
    """Evaluate every rule on one state of the lake; writes nothing."""
    spans = {rule.window: windows(rule.window, now, settings.late) for rule in settings.rules}
    with lake.reading() as tx:
        figures = {span: read_figures(tx, span, seen) for span, seen in spans.items()}
    rows = evaluate_all(settings.rules, [figures[rule.window] for rule in settings.rules])
    return Found(rows, [(rule, spans[rule.window]) for rule in settings.rules])


def record(lake: Lake, settings: AlertSettings, found: Found, now: datetime) -> pl.DataFrame:
    """Write what `look` found; returns the rows of `alerts` that are new or have changed. Redone, it writes nothing."""
    if not found.looked_at:
        return TABLES["alerts"].polars_schema.to_frame()

    def work(tx: Transaction) -> pl.DataFrame:
        changed = _changed(tx, settings, found, now)
        tx.replace("alerts", changed.select("alert_id"), changed)
        return changed

    # Most of the time nothing changes: that is found out without the right to write.
    with lake.reading() as tx:
        if _changed(tx, settings, found, now).is_empty():
            return TABLES["alerts"].polars_schema.to_frame()
    return lake.run(work)


def _changed(tx: Transaction, settings: AlertSettings, found: Found, now: datetime) -> pl.DataFrame:
    first = min(seen[0].start for _, seen in found.looked_at)
    stored = tx.read(f"SELECT * FROM alerts WHERE window_start >= '{first.isoformat()}'::TIMESTAMPTZ")
    stored = stored.cast(TABLES["alerts"].polars_schema)
    return transitions(stored, found.rows, found.looked_at, now, deliver=settings.target is not None)
