"""The impure half of the conveyor: one lake transaction that takes in a prepared batch, whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import polars as pl

from analytics.frames import SPAN_KEY
from analytics.recompute import GONE_COSTS, Changes, Fresh, absorb
from analytics.signal_cost_keys import cost_keys
from analytics.signal_costs import signal_costs
from lake.commit import Transaction
from lake.connect import Lake
from lake.duplicates import split_duplicates
from lake.schema import TABLES
from marginlake.pipeline import Prepared
from marginlake.price_book import record_catalog
from marginlake.reread import read_otherwise
from marginlake.rules import Rules

_VERSION = [*SPAN_KEY, "content_hash"]
_SIGNAL_ORDER = (
    "occurred_at", "trace_id", "span_id", "event_name", "data", "quantity", "cost_scope", "cost_traced",
    "own_customer_id", "own_product_id", "parent_span_id", "idempotency_key", "customer_unit",
)  # fmt: skip
"""Who comes first among signals of one id: all that the sender said, so that no two can tie and differ."""


@dataclass(frozen=True)
class Landed:
    """What one batch brought: new spans and signals, duplicates that were known, and rows written in all.

    reread_spans: those of the known ones that were taken in anew, because the rules read them otherwise now.
    """

    new_spans: int
    new_signals: int
    known_spans: int
    known_signals: int
    rejected: int
    changes: Changes
    reread_spans: int = 0


def land(
    lake: Lake,
    prepared: Prepared,
    rules: Rules,
    source: str,
    position: int,
    *,
    also: Mapping[str, int] = MappingProxyType({}),
    reread: bool = False,
) -> Landed:
    """Commit a batch and the position of its source in one transaction. Raises LakeError, duckdb.Error or OSError.

    `also`: further sources that the batch is from, and their positions. A batch whose ends the lake has seen already
    changes nothing. With `reread`, spans that the lake has but reads
    otherwise now (see `reread.read_otherwise`) are taken in as if they were new.
    """

    def work(tx: Transaction) -> Landed:
        ends = {source: position, **also}
        ahead = {name: end for name, end in ends.items() if (known := tx.progress(name)) is None or known < end}
        if not ahead:
            return Landed(0, 0, prepared.spans.height, prepared.signals.height, 0, Changes())
        landed = _take_in(tx, prepared, rules, reread=reread)
        for name, end in ahead.items():
            tx.set_progress(name, end)
        return landed

    return lake.run(work)


def _take_in(tx: Transaction, prepared: Prepared, rules: Rules, *, reread: bool) -> Landed:
    # Spans alone may bring a customer, and with it a price of the own book.
    if prepared.calls.height or rules.price_again.customers:
        record_catalog(tx, rules.catalog, rules.price_again.book)
    again = read_otherwise(tx, prepared) if reread else prepared.spans.select(SPAN_KEY).clear()
    tx.delete("spans", again)
    spans, conflicts = split_duplicates(tx, prepared.spans)
    gone_costs, gone_signals = _withdraw(tx, pl.concat([conflicts.replaced, again]))
    # Of two versions of one span only the winner speaks: what was read from the other is left behind. But a signal with
    # a key of the sender's stands for itself, or else which of those with one key counts would depend on their order.
    # A batch may hold one span several times (a retry that was prepared apart from the first try), or known ones: where
    # no span was dropped, nothing that was read from one is.
    every = spans.height == prepared.spans.height
    calls = prepared.calls if every else _said_by(prepared.calls, spans)
    calls = calls.drop("content_hash")
    unmapped = prepared.unmapped if every else _said_by(prepared.unmapped, spans)
    tx.append("unmapped_calls", unmapped.drop("content_hash"))
    told = pl.col("span_id").is_null() | pl.col("idempotency_key").is_not_null()
    of_span = pl.col("content_hash").is_not_null() if every else _among(prepared.signals, spans)
    said = prepared.signals.filter(told | of_span)
    signals, gone_claims = _new_signals(tx, said.drop("content_hash"))
    rejected = prepared.rejected.unique("rejected_id", keep="first", maintain_order=True)
    refused = tx.replace("rejected", rejected.select("rejected_id"), rejected)[1]
    changes = take_in(tx, Fresh(spans, calls, signals, gone_costs, pl.concat([gone_signals, gone_claims])), rules)
    return Landed(
        new_spans=spans.height - again.height,
        new_signals=signals.height,
        known_spans=prepared.spans.height - spans.height + again.height,
        known_signals=prepared.signals.height - signals.height,
        rejected=refused + conflicts.rejected.height,
        changes=changes,
        reread_spans=again.height,
    )


def take_in(tx: Transaction, fresh: Fresh, rules: Rules) -> Changes:
    """`absorb` fresh rows and the costs that fresh signals state; those of signals that are gone go with them."""
    gone = cost_keys(fresh.gone_signals).select(SPAN_KEY)
    if not gone.is_empty():
        gone_costs = _delete_costs(tx, gone)
        tx.delete("spans", gone)
        fresh = replace(fresh, gone_costs=pl.concat([fresh.gone_costs, gone_costs]))
    if not cost_keys(fresh.signals).is_empty():
        stated = signal_costs(fresh.signals, rules.events.fx, rules.price_again)
        record_catalog(tx, rules.catalog, rules.price_again.book)
        fresh = replace(
            fresh,
            spans=pl.concat([fresh.spans, stated.spans.select(fresh.spans.columns)]),
            calls=pl.concat([fresh.calls, stated.calls.select(fresh.calls.columns)]),
        )
    return absorb(tx, fresh, rules.events, rules.price_again)


def _delete_costs(tx: Transaction, spans: pl.DataFrame) -> pl.DataFrame:
    """Delete the costs of these spans (SPAN_KEY), and return them as far as `Fresh.gone_costs` wants them."""
    costs = tx.semi("costs", GONE_COSTS, spans, SPAN_KEY)
    tx.delete("costs", costs.select("cost_id"))
    return costs


def _withdraw(tx: Transaction, replaced: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Delete what was derived from spans that lost to a better claim; returns those costs and signals."""
    signals = tx.semi("signals", TABLES["signals"].column_names, replaced, SPAN_KEY, "idempotency_key IS NULL")
    costs = _delete_costs(tx, replaced)
    tx.delete("signals", signals.select("signal_id"))
    tx.delete("unmapped_calls", replaced)
    return costs, signals


def _said_by(rows: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """What was read from these very spans, once each."""
    return rows.join(spans, on=_VERSION, how="semi").unique(_VERSION, keep="first", maintain_order=True)


def _among(rows: pl.DataFrame, spans: pl.DataFrame) -> pl.Series:
    """Whether each row was read from one of these very spans, in the order of rows."""
    marked = rows.select(_VERSION).join(
        spans.select(_VERSION).unique().with_columns(found=pl.lit(True)), on=_VERSION, how="left", maintain_order="left"
    )
    return marked["found"].fill_null(False)


def _new_signals(tx: Transaction, said: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Signals that are new, once each, and stored ones that lost (deleted): of one id the earliest counts."""
    distinct = said.sort(_SIGNAL_ORDER, nulls_last=True).unique("signal_id", keep="first", maintain_order=True)
    stored = tx.semi("signals", distinct.columns, distinct, "signal_id")
    if stored.is_empty():
        return distinct, stored
    ranked = pl.concat([stored.with_columns(new=pl.lit(False)), distinct.with_columns(new=pl.lit(True))])
    ranked = ranked.sort(*_SIGNAL_ORDER, "new", nulls_last=True)
    winners = ranked.unique("signal_id", keep="first", maintain_order=True).filter("new").drop("new")
    lost = stored.join(winners, on="signal_id", how="semi")
    tx.delete("signals", lost.select("signal_id"))
    return winners, lost
