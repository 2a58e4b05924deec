"""Relink: who bears which cost, and every margin, worked out again from the spans and signals that the lake holds."""

from collections.abc import Callable, Iterator
from functools import partial

import polars as pl

from analytics.again import around, seeds_of
from analytics.component import Pricer
from analytics.event_rules import EventRules
from analytics.period import Period
from analytics.period_mates import settle_periods
from analytics.recompute import Changes, refresh_margins
from analytics.relink_plain import PlainTraces, applies
from lake.commit import Transaction
from lake.connect import Lake
from lake.schema import TABLES

Run = Callable[[Callable[[Transaction], Changes]], Changes]
"""Runs the work of a transaction."""

CHUNK = 50_000
"""Traces, or signals without a trace, that one transaction works on."""


def relink(
    lake: Lake,
    rules: EventRules,
    price: Pricer,
    period: Period | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Changes:
    """Recompute links and margins of the period's traces and signals; only differences are written.

    Of a whole lake the plain traces (see `analytics.plain`) are compared by scans and the others recomputed, else all
    are. Works in transactions of `CHUNK` traces, so it can be interrupted and run again, beside live ingest.
    `progress(done, total)` counts traces and events. Returns what was (or, in a dry run, would be) written.
    """
    if dry_run:
        # One transaction, rolled back: a later step sees what an earlier one would have written, and counts it once.
        with lake.reading() as tx:
            return _recompute_period(lake, lambda work: work(tx), rules, price, period or Period(), progress)
    if (period is None or period == Period()) and applies(rules, price):
        changes = _relink_whole(lake, rules, price, progress)
    else:
        changes = _recompute_period(lake, lake.run, rules, price, period or Period(), progress)
    return changes + Changes(margins=settle_periods(lake, rules))


def _relink_whole(lake: Lake, rules: EventRules, price: Pricer, progress: Callable[[int, int], None]) -> Changes:
    plain = PlainTraces(lake, rules)
    events = lake.read("SELECT count(*) FROM signals").item()
    total = events + plain.others.height + plain.other_loose.height
    changes = plain.correct(lambda done: progress(done, total))
    return changes + _recompute(
        lake.run, rules, price, plain.others, plain.other_loose, lambda done: progress(events + done, total)
    )


def _recompute_period(
    lake: Lake, run: Run, rules: EventRules, price: Pricer, period: Period, progress: Callable[[int, int], None]
) -> Changes:
    """All traces and events of a period through all stages, each step given to `run` as the work of a transaction."""
    traces = lake.read(
        f"SELECT trace_id FROM spans WHERE {period.condition('start_time')} "
        f"UNION SELECT trace_id FROM signals WHERE trace_id IS NOT NULL AND {period.condition('occurred_at')} "
        "ORDER BY trace_id"
    )
    loose = lake.read(
        f"SELECT signal_id FROM signals WHERE trace_id IS NULL AND {period.condition('occurred_at')} ORDER BY signal_id"
    )
    total = traces.height + loose.height
    changes = run(partial(_remove_orphans, rules=rules))
    return changes + _recompute(run, rules, price, traces, loose, lambda done: progress(done, total))


def _recompute(
    run: Run,
    rules: EventRules,
    price: Pricer,
    traces: pl.DataFrame,
    loose: pl.DataFrame,
    progress: Callable[[int], None],
) -> Changes:
    """These traces, and signals without a trace, through all stages."""
    changes, done = Changes(), 0
    for chunk in _chunks(traces):
        seeds = seeds_of(traces=chunk["trace_id"])
        changes += run(partial(around, seeds=seeds, rules=rules, price=price))
        done += chunk.height
        progress(done)
    for chunk in _chunks(loose):
        changes += run(partial(_loose_signals, ids=chunk, rules=rules, price=price))
        done += chunk.height
        progress(done)
    return changes


def _chunks(keys: pl.DataFrame) -> Iterator[pl.DataFrame]:
    yield from (keys.slice(at, CHUNK) for at in range(0, keys.height, CHUNK))


def _loose_signals(tx: Transaction, ids: pl.DataFrame, rules: EventRules, price: Pricer) -> Changes:
    """Signals without a trace: what their scopes hold is linked again, and their own margins are worked out."""
    signals = tx.semi("signals", TABLES["signals"].column_names, ids, "signal_id")
    changes = around(tx, seeds_of(scopes=signals["cost_scope"]), rules, price)
    return changes + Changes(margins=refresh_margins(tx, signals, rules))


def _remove_orphans(tx: Transaction, rules: EventRules) -> Changes:
    """Delete links without a cost or signal and margins without a signal; a healthy lake has none."""
    links = tx.read(
        "SELECT cost_id, signal_id FROM cost_links "
        "ANTI JOIN (SELECT cost_id FROM costs WHERE status <> 'aggregate') USING (cost_id) "
        "UNION SELECT cost_id, signal_id FROM cost_links ANTI JOIN signals USING (signal_id)"
    )
    margins = tx.read("SELECT signal_id FROM event_margins ANTI JOIN signals USING (signal_id)")
    tx.delete("cost_links", links)
    tx.delete("event_margins", margins)
    relieved = tx.semi("signals", TABLES["signals"].column_names, links.select("signal_id").unique(), "signal_id")
    corrected = refresh_margins(tx, relieved, rules) if relieved.height else 0
    return Changes(links=links.height, margins=margins.height + corrected)
