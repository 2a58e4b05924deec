"""Reprice: the calls of a period priced again, with the links and margins that follow, each part in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import polars as pl

from analytics.again import rework, seeds_of
from analytics.component import Component, Pricer, load_component
from analytics.event_rules import EventRules
from analytics.frames import MONEY_SUM, SPAN_KEY
from analytics.period import Period, windows
from analytics.recompute import Changes
from analytics.reprice_audit import Audit, Entry, current_snapshot
from analytics.reprice_difference import stored_calls
from analytics.reprice_rows import NewPrices, compared
from lake.commit import Transaction
from lake.connect import Lake

CHUNK = 10_000
"""Calls that one transaction works on."""


@dataclass(frozen=True)
class Repriced:
    """What a run did. entry: its row of `reprices`. changes: rows written by this call, which may have taken up an
    interrupted run. reached: where it stopped; None when it got to the end. snapshot_after: shows what it made.
    """

    entry: Entry
    changes: Changes
    reached: datetime | None
    snapshot_after: int


def reprice(
    lake: Lake,
    rules: EventRules,
    price_again: Pricer,
    new: NewPrices,
    period: Period | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
    after: Callable[[Lake, Period], object] = lambda lake, period: None,
) -> Repriced:
    """Give every call that occurred in the period (default: all) the new prices, over the usage as stored.

    Calls outside keep theirs (`price_again` gives the money that their aggregates are stored without). Works in
    transactions of about `CHUNK` calls that are exact by themselves, beside live ingest; only traces in which a row
    changes are touched. Between two of them `stop()` may end the work. The same call goes on where an unfinished run of
    the same prices and period stopped. `progress(done, total)` counts calls. `after` is called when all is priced.
    """
    period = period or Period()
    audit = Audit(new, period)
    reached = audit.reached(lake)
    rest = period if reached is None else Period(reached, period.end)
    parts = windows(lake.read, rest, CHUNK)
    total, done, changes = sum(part.calls for part in parts), 0, Changes()
    for part in parts:
        if stop():
            reached = reached or part.period.start
            break
        upto = part.period.end
        traces = _to_rewrite(lake, new, part.period)
        if traces.len():
            work = partial(_commit, audit, traces, upto, rules=rules, price_again=price_again, new=new, period=period)
            changes += lake.run(work)
        done, reached = done + part.calls, upto
        progress(done, total)
    else:
        after(lake, period)
        entry = lake.run(partial(_finish, audit))
        return Repriced(entry, changes, None, current_snapshot(lake))
    entry = lake.run(partial(_pause, audit, reached))
    return Repriced(entry, changes, reached, current_snapshot(lake))


def _to_rewrite(lake: Lake, new: NewPrices, period: Period) -> pl.Series:
    """Ids of the traces in which the new prices change a row."""
    with lake.reading() as tx:
        stored = stored_calls(tx, period)
        return compared(stored, new.of(tx, stored)).filter("rewritten")["trace_id"].unique()


def _commit(
    audit: Audit,
    traces: pl.Series,
    reached: datetime | None,
    tx: Transaction,
    *,
    rules: EventRules,
    price_again: Pricer,
    new: NewPrices,
    period: Period,
) -> Changes:
    """One transaction: the traces and what is connected with them, priced, settled, linked and counted."""
    entry = audit.entry(tx)
    part = load_component(tx, seeds_of(traces=traces), price_again)
    keys = part.calls.select("trace_id").unique()
    before = tx.semi("costs", [*SPAN_KEY, "customer_id", "cost_usd"], keys, "trace_id")
    changes = rework(tx, _with_new_prices(tx, part, before, new, period), rules)
    now = tx.semi("costs", ["cost_usd"], keys, "trace_id")
    entry = replace(
        entry,
        changed=entry.changed + changes.costs,
        cost_after_usd=entry.cost_after_usd + _sum(now) - _sum(before),
    )
    audit.write(tx, entry, reached)
    return changes


def _with_new_prices(
    tx: Transaction, part: Component, stored: pl.DataFrame, new: NewPrices, period: Period
) -> Component:
    """The part with its calls of the period priced anew. stored: customer_id of each call (SPAN_KEY)."""
    inside = period.holds("occurred_at")
    calls = part.calls.filter(inside).join(
        stored.select(*SPAN_KEY, "customer_id"), on=SPAN_KEY, how="left", maintain_order="left"
    )
    return replace(part, calls=pl.concat([part.calls.filter(~inside), new.of(tx, calls)]))


def _finish(audit: Audit, tx: Transaction) -> Entry:
    entry = replace(audit.entry(tx), finished_at=datetime.now(UTC))
    audit.write(tx, entry, None)
    return entry


def _pause(audit: Audit, reached: datetime | None, tx: Transaction) -> Entry:
    entry = audit.entry(tx)
    audit.write(tx, entry, reached)
    return entry


def _sum(costs: pl.DataFrame) -> Decimal:
    return Decimal(costs["cost_usd"].cast(MONEY_SUM).sum())
