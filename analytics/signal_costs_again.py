"""Costs that stored events state and that the lake does not count: worked out again by the rules of today.

Whatever lands brings its stated cost with it. Left over are events that landed before such costs were counted, and
figures that could not be, as those of a currency that had no exchange rate then. What is counted stays as it is.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import polars as pl

from analytics.component import Pricer, Seeds, load_component
from analytics.event_rules import EventRules
from analytics.frames import SPAN_KEY
from analytics.period import Period, one_by_one, windows
from analytics.recompute import GONE_COSTS, Changes, nothing_fresh, recompute
from analytics.signal_cost_keys import cost_keys
from analytics.signal_costs import SignalCosts, signal_costs
from lake.commit import Transaction
from lake.connect import Lake
from lake.schema import TABLES
from receiver.signals.cost_data import KEY

CHUNK = 10_000
"""Events that one transaction looks at."""

_SIGNALS = TABLES["signals"].polars_schema


def count_stated_costs(
    lake: Lake,
    rules: EventRules,
    price: Pricer,
    period: Period | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Changes:
    """Make the costs that events of the period state and that are missing, and make again those that could not be used.

    Works in transactions that are exact by themselves, beside live ingest; can be interrupted and run again.
    `progress(done, total)` counts events. Returns what was (or, in a dry run, would be) written.
    """
    found = windows(lake.read, period or Period(), CHUNK, "signals")
    steps = (partial(_count, period=each, rules=rules, price=price) for each in one_by_one(found, progress, stop))
    if not dry_run:
        return sum((lake.run(step) for step in steps), Changes())
    with lake.reading() as tx:  # rolled back: a later step sees what an earlier one would have written
        return sum((step(tx) for step in steps), Changes())


def _count(tx: Transaction, period: Period, rules: EventRules, price: Pricer) -> Changes:
    signals = tx.read(
        f"SELECT * FROM signals WHERE {period.condition('occurred_at')} AND contains(data::VARCHAR, '\"{KEY}\"')"
    )
    signals = signals.select(pl.col(name).cast(dtype) for name, dtype in _SIGNALS.items())
    if signals.is_empty():
        return Changes()
    stated = _uncounted(tx, signal_costs(signals, rules.fx, price))
    if stated.spans.is_empty():
        return Changes()
    stating = cost_keys(signals).join(stated.spans, on=SPAN_KEY, how="semi").select("signal_id")
    return _absorb(tx, signals.join(stating, on="signal_id", how="semi"), stated, rules, price)


def _uncounted(tx: Transaction, stated: SignalCosts) -> SignalCosts:
    """Those of the costs that are not stored, or stored as one that could not be used, and come out otherwise now."""
    keys = stated.spans.select(SPAN_KEY)
    costs = tx.semi("costs", [*SPAN_KEY, "status", "usage_source"], keys, SPAN_KEY)
    unusable = (pl.col("status") == "unpriced") & (pl.col("usage_source") == "missing")
    counted = costs.filter(~unusable).select(SPAN_KEY)
    same = tx.semi("spans", [*SPAN_KEY, "content_hash"], costs.filter(unusable).select(SPAN_KEY), SPAN_KEY)
    left = stated.spans.join(counted, on=SPAN_KEY, how="anti", maintain_order="left").join(
        same, on=[*SPAN_KEY, "content_hash"], how="anti", maintain_order="left"
    )
    return SignalCosts(left, stated.calls.join(left, on=SPAN_KEY, how="semi", maintain_order="left"))


def _absorb(tx: Transaction, signals: pl.DataFrame, stated: SignalCosts, rules: EventRules, price: Pricer) -> Changes:
    """Put the costs in place of what is stored of them, and work out what hangs on them."""
    keys = stated.spans.select(SPAN_KEY)
    gone = tx.semi("costs", GONE_COSTS, keys, SPAN_KEY)
    tx.delete("costs", gone.select("cost_id"))
    tx.delete("spans", keys)
    none = pl.Series([], dtype=pl.String)
    traces = pl.concat([keys["trace_id"], signals["trace_id"]])
    part = load_component(tx, Seeds(traces, none, none, none), price)
    known = pl.concat([part.signals, part.other_signals]).select("signal_id")
    others = pl.concat([part.other_signals, signals.join(known, on="signal_id", how="anti")])
    fresh = replace(nothing_fresh(part.calls), spans=stated.spans, calls=stated.calls, gone_costs=gone)
    return recompute(tx, replace(part, other_signals=others), fresh, rules)
