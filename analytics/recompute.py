"""What new rows change: the one place where arriving data meets what the lake holds, live, imported or relinked.

`absorb` runs inside a transaction under the write lock. It loads the connected part of the lake (whole traces, twins by
response id or likeness, shared scopes), computes that part from nothing with the pure stages and writes only the
difference. So the tables come out the same whatever the order and the batches in which the data came.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from analytics.component import Component, Pricer, Seeds, load_component
from analytics.customer_prices import before_settling, settled_prices
from analytics.event_rules import EventRules
from analytics.frames import COST_LINKS, COSTS, IDENTITY, SPAN_KEY
from analytics.inherit import inherit, inherit_calls, inherit_signals
from analytics.likeness import LIKENESS
from analytics.link import SHARED, link
from analytics.margin import margins
from analytics.period_mates import mates_of, rework_mates
from analytics.settle import settle
from analytics.signal_cost_keys import served_by_signals
from analytics.twins import response_ids
from analytics.value import event_values
from lake.commit import Transaction
from lake.schema import TABLES

GONE_COSTS = ("cost_id", "trace_id", "provider", "response_id", *LIKENESS)
"""What must be known of costs that were deleted."""


@dataclass(frozen=True)
class Fresh:
    """Rows that are not in the lake yet: no duplicates, own identity only.

    spans: table `spans` but for the inherited identity. calls: priced calls of those spans. signals: table `signals`.
    gone_costs (GONE_COSTS) and gone_signals (rows of the table): just deleted,
    since a better claim to the same ids came.
    """

    spans: pl.DataFrame
    calls: pl.DataFrame
    signals: pl.DataFrame
    gone_costs: pl.DataFrame
    gone_signals: pl.DataFrame


@dataclass(frozen=True)
class Changes:
    """How many rows a recomputation wrote (added or replaced)."""

    spans: int = 0
    costs: int = 0
    signals: int = 0
    links: int = 0
    margins: int = 0

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(
            self.spans + other.spans,
            self.costs + other.costs,
            self.signals + other.signals,
            self.links + other.links,
            self.margins + other.margins,
        )


def absorb(tx: Transaction, fresh: Fresh, rules: EventRules, price: Pricer) -> Changes:
    """Write fresh rows and everything they change: identities, who counts, links and margins."""
    signals = pl.concat(
        [fresh.signals.select("trace_id", "cost_scope"), fresh.gone_signals.select("trace_id", "cost_scope")]
    )
    seeds = Seeds(
        traces=pl.concat([fresh.spans["trace_id"], fresh.gone_costs["trace_id"], signals["trace_id"]]),
        responses=pl.concat([response_ids(fresh.calls), response_ids(fresh.gone_costs)]),
        calls=pl.concat([frame.select("trace_id", *LIKENESS) for frame in (fresh.calls, fresh.gone_costs)]),
        claimed_scopes=signals["cost_scope"],
        stamped_scopes=fresh.spans["own_cost_scope"],
    )
    return recompute(tx, load_component(tx, seeds, price), fresh, rules)


def recompute(tx: Transaction, part: Component, fresh: Fresh, rules: EventRules) -> Changes:
    """Compute a connected part of the lake together with fresh rows from nothing, and write what differs."""
    spans = inherit(_all_spans(part, fresh))
    signals = inherit_signals(pl.concat([part.signals, _signal_rows(fresh.signals)]), spans)
    bearers = pl.concat([signals, part.other_signals.join(signals, on="signal_id", how="anti")])
    spans = served_by_signals(spans, bearers)
    calls = pl.concat([part.calls, fresh.calls.select(part.calls.columns)])
    owned = before_settling(inherit_calls(calls, spans), part)
    costs = settled_prices(settle(owned, spans, signals), owned, part)
    links = link(costs, bearers)
    # What is connected with nothing that is stored has nothing stored to compare with.
    new = part.is_empty and fresh.gone_costs.is_empty() and fresh.gone_signals.is_empty()
    # Links of calls that count no more, or that are gone altogether, go as well.
    cost_ids = pl.concat([costs.select("cost_id"), fresh.gone_costs.select("cost_id")]).unique()
    before = links.clear() if new else tx.semi("cost_links", list(COST_LINKS), cost_ids, "cost_id")
    touched = pl.concat([signals["signal_id"], before["signal_id"], links["signal_id"]]).unique()
    affected = _with_rows(tx, bearers, touched)
    # asked before this part's own links are written, or they would all be read back
    elsewhere = links.clear() if new else _links_of(tx, affected).join(cost_ids, on="cost_id", how="anti")
    changed_spans = _write_spans(tx, part, fresh, spans, calls)
    changed_signals = _write_signals(tx, part, signals, new=new)
    changed_costs = _write(tx, "costs", costs.select("cost_id"), costs, "priced_at", new=new)
    changed_links = _put(tx, "cost_links", cost_ids, links, new=new)
    changed_margins = _write_margins(tx, affected, links, elsewhere, costs, fresh.gone_signals, rules, new=new)
    return Changes(changed_spans, changed_costs, changed_signals, changed_links, changed_margins)


def nothing_fresh(calls: pl.DataFrame) -> Fresh:
    """No new rows; `calls` gives the columns of calls."""

    def empty(table: str) -> pl.DataFrame:
        return TABLES[table].polars_schema.to_frame()

    return Fresh(empty("spans"), calls.clear(), empty("signals"), empty("costs"), empty("signals"))


def _with_rows(tx: Transaction, bearers: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """The rows of these signals, from those at hand, else from the lake (they bore a cost until now)."""
    wanted = ids.to_frame()
    here = bearers.join(wanted, on="signal_id", how="semi")
    away = wanted.join(here, on="signal_id", how="anti")
    return pl.concat([here, tx.semi("signals", here.columns, away, "signal_id")])


def refresh_margins(tx: Transaction, signals: pl.DataFrame, rules: EventRules) -> int:
    """Work out revenue and margin of these signals (rows of the table) again from their links; how many changed."""
    no_links = pl.DataFrame(schema=COST_LINKS)
    no_costs = pl.DataFrame(schema={name: COSTS[name] for name in _KNOWN})
    gone = signals.select("signal_id").clear()
    return _write_margins(tx, signals, no_links, _links_of(tx, signals), no_costs, gone, rules)


def _links_of(tx: Transaction, signals: pl.DataFrame) -> pl.DataFrame:
    return tx.semi("cost_links", list(COST_LINKS), signals.select("signal_id"), "signal_id")


_NARROW = (
    *SPAN_KEY,
    "parent_span_id",
    "name",
    "own_customer_id",
    "own_product_id",
    "own_cost_scope",
    "start_time",
    "duration_ns",
    "sampling_weight",
)


def _all_spans(part: Component, fresh: Fresh) -> pl.DataFrame:
    return pl.concat([part.spans.select(_NARROW), fresh.spans.select(_NARROW)])


def _signal_rows(signals: pl.DataFrame) -> pl.DataFrame:
    schema = TABLES["signals"].polars_schema
    return signals.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _put(tx: Transaction, table: str, keys: pl.DataFrame, rows: pl.DataFrame, *, new: bool) -> int:
    """Make `rows` the only ones with these keys, of which none is stored when they are `new`; returns how many came."""
    return tx.append(table, rows) if new else tx.replace(table, keys, rows)[1]


def _write(tx: Transaction, table: str, keys: pl.DataFrame, rows: pl.DataFrame, clock: str, *, new: bool) -> int:
    stamped = rows.with_columns(pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")).alias(clock))
    return _put(tx, table, keys, stamped, new=new)


def _write_spans(tx: Transaction, part: Component, fresh: Fresh, spans: pl.DataFrame, calls: pl.DataFrame) -> int:
    """Append the fresh spans with what they inherit; rewrite stored ones whose ancestors taught them something."""
    known = spans.select(*SPAN_KEY, *IDENTITY)
    dialects = calls.select(*SPAN_KEY, "dialect")
    # the fresh ones are the last of the spans, in their order
    new = fresh.spans.drop("dialect", strict=False).with_columns(known.tail(fresh.spans.height).select(IDENTITY))
    new = new.join(dialects, on=SPAN_KEY, how="left", maintain_order="left")
    added = tx.append("spans", new.select(TABLES["spans"].column_names))
    if part.spans.is_empty():
        return added
    taught = part.spans.join(known, on=SPAN_KEY, suffix="_now").filter(
        pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_now")) for name in IDENTITY)
    )
    if taught.is_empty():
        return added
    rows = tx.semi("spans", TABLES["spans"].column_names, taught.select(SPAN_KEY), SPAN_KEY)
    rows = rows.drop(IDENTITY).join(known, on=SPAN_KEY, how="left").select(TABLES["spans"].column_names)
    return added + tx.replace("spans", taught.select(SPAN_KEY), rows)[1]


def _write_signals(tx: Transaction, part: Component, signals: pl.DataFrame, *, new: bool) -> int:
    """Append fresh signals; rewrite stored ones whose inherited identity changed."""
    stored = part.signals.select("signal_id", "customer_id", "product_id")
    unchanged = signals.join(stored, on=["signal_id", "customer_id", "product_id"], how="semi", nulls_equal=True)
    rows = signals.join(unchanged, on="signal_id", how="anti")
    return _put(tx, "signals", rows.select("signal_id"), rows, new=new)


def _write_margins(
    tx: Transaction,
    signals: pl.DataFrame,
    links: pl.DataFrame,
    elsewhere: pl.DataFrame,
    costs: pl.DataFrame,
    gone: pl.DataFrame,
    rules: EventRules,
    *,
    new: bool = False,
) -> int:
    """Event margins of `signals` from their links here and `elsewhere` in the lake; those of `gone` signals go.

    new: none of these signals has a margin or a delivered value yet.
    """
    ids = signals.select("signal_id")
    known = pl.concat([costs.select(_KNOWN), _known(tx, elsewhere, rules)])
    own = links.join(ids, on="signal_id", how="semi")
    mates = mates_of(tx, signals, gone, rules)
    keys = pl.concat([ids, gone.select("signal_id")]).unique()
    worth = None
    if rules.value:
        values, worth = event_values(signals, rules)
        _put(tx, "event_values", keys, values, new=new)
    rows = margins(signals, pl.concat([own, elsewhere]), known, rules, mates, worth)
    changed = _write(tx, "event_margins", keys, rows, "updated_at", new=new)
    return changed + rework_mates(tx, mates, signals, rules)


_KNOWN = ("cost_id", "status", "cost_usd")


def _known(tx: Transaction, links: pl.DataFrame, rules: EventRules) -> pl.DataFrame:
    """cost_id, status and whole cost_usd of linked costs that are not at hand."""
    if rules.attribution == "each" and links.select(pl.col("rule").str.ends_with(SHARED).any()).item():
        return tx.semi("costs", _KNOWN, links.select("cost_id"), "cost_id")
    # a link without money is an unpriced call, and without shared costs the link has the whole of it
    unpriced = pl.when(pl.col("cost_usd").is_null()).then(pl.lit("unpriced")).otherwise(pl.lit("priced"))
    return links.select("cost_id", unpriced.alias("status"), "cost_usd").unique("cost_id")
