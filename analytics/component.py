"""The connected part of the lake around some traces: all that must be looked at to decide their costs exactly.

Traces are connected when two calls share a response id that can identify a call (twins), when they may be twins by
their likeness, or when a new signal claims a scope in which another trace has costs, or states a cost itself, which is
in a trace of its own. Loading is closed under that: nothing outside the part can change what is decided inside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from analytics.frames import COSTS, IDENTITY, SPAN_KEY
from analytics.likeness import LIKENESS, in_reach, sought
from analytics.signal_cost_keys import bearers_of, cost_keys
from analytics.twins import response_ids
from lake.commit import Transaction
from lake.schema import TABLES
from receiver.dialects.schema import CALL_SCHEMA

SPAN_COLUMNS = (
    *SPAN_KEY, "parent_span_id", "name", "own_customer_id", "own_product_id", "own_cost_scope",
    "start_time", "duration_ns", "sampling_weight", *IDENTITY,
)  # fmt: skip
PRICE_COLUMNS = (
    "model", "match", "rate_id", "catalog_id", "rate_note", "input_cost_usd", "cache_read_cost_usd",
    "cache_write_cost_usd", "output_cost_usd", "other_cost_usd", "cost_usd", "status",
    "price_rule", "original_currency", "original_cost", "fx_rate",
)  # fmt: skip
CALL_COLUMNS = (*CALL_SCHEMA, *PRICE_COLUMNS, "likeness")
_MET = {name: COSTS[name] for name in ("trace_id", *LIKENESS)}


Pricer = Callable[[pl.DataFrame], pl.DataFrame]
"""Prices calls (CALL_SCHEMA plus `catalog_id` of the row's earlier pricing): the columns of `price_calls` are added.

Where some customers have prices of their own, it has their ids as its attribute `customers`, and prices by them too the
calls that come with a column `customer_id`.
"""


@dataclass(frozen=True)
class Component:
    """Stored rows of the part. calls: priced anew where the lake keeps no money (aggregates); other_signals: signals of
    other traces, or of none, that claim a scope of the part or state a cost in it. priced_for: trace_id, span_id and
    customer_id for which the calls with stored money were priced. price: prices calls whose customer turns out to be
    another.
    """

    spans: pl.DataFrame
    calls: pl.DataFrame
    signals: pl.DataFrame
    other_signals: pl.DataFrame
    priced_for: pl.DataFrame
    price: Pricer = field(repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing stored is connected with the seeds."""
        return all(rows.is_empty() for rows in (self.spans, self.calls, self.signals, self.other_signals))


@dataclass(frozen=True)
class Seeds:
    """Where to start: trace_id, response_id, the cost_scope that changed signals claim or changed spans carry, and
    calls (trace_id, LIKENESS) whose likes are looked for.
    """

    traces: pl.Series
    responses: pl.Series
    claimed_scopes: pl.Series
    stamped_scopes: pl.Series
    calls: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_MET))


def load_component(tx: Transaction, seeds: Seeds, price: Pricer) -> Component:
    """Load what is connected to the seeds. `price` gives aggregates, which are stored without, their money."""
    signal_columns = TABLES["signals"].column_names
    traces = _Asked("trace_id")
    responses = _Asked("response_id")
    scopes = _Asked("cost_scope")
    costs: list[pl.DataFrame] = []
    signals: list[pl.DataFrame] = []
    alike = _Alike(tx)
    frontier = traces.ask(pl.concat([seeds.traces, alike.traces(seeds.calls)]))
    new_responses, new_scopes = responses.ask(seeds.responses), scopes.ask(seeds.claimed_scopes)
    while True:
        costs.append(tx.semi("costs", [*_COST_COLUMNS], frontier, "trace_id"))
        signals.append(tx.semi("signals", signal_columns, frontier, "trace_id"))
        new_responses = pl.concat([new_responses, responses.ask(response_ids(costs[-1]))])
        new_scopes = pl.concat([new_scopes, scopes.ask(signals[-1]["cost_scope"])])
        twins = tx.semi("costs", ["trace_id"], new_responses, "response_id")
        claimed = tx.semi("costs", ["trace_id"], new_scopes, "cost_scope")
        stated = cost_keys(signals[-1])["trace_id"]
        frontier = traces.ask(pl.concat([twins["trace_id"], claimed["trace_id"], alike.traces(costs[-1]), stated]))
        if frontier.is_empty():
            break
        new_responses, new_scopes = new_responses.clear(), new_scopes.clear()
    cost_rows, signal_rows = pl.concat(costs), pl.concat(signals)
    stamped = pl.concat([seeds.stamped_scopes, cost_rows["own_cost_scope"], cost_rows["cost_scope"]])
    claimants = tx.semi("signals", signal_columns, _Asked("cost_scope").ask(stamped), "cost_scope")
    stating = tx.semi("signals", signal_columns, bearers_of(cost_rows), "signal_id")
    others = pl.concat([claimants, stating]).unique("signal_id", keep="first", maintain_order=True)
    return Component(
        spans=tx.semi("spans", list(SPAN_COLUMNS), traces.keys, "trace_id"),
        calls=_as_calls(cost_rows, price),
        signals=signal_rows,
        other_signals=others.join(signal_rows, on="signal_id", how="anti"),
        priced_for=cost_rows.filter(pl.col("status") != "aggregate").select(*SPAN_KEY, "customer_id"),
        price=price,
    )


class _Asked:
    """Keys of one kind that were looked up already, so that each is looked up once."""

    def __init__(self, name: str) -> None:
        self.keys = pl.DataFrame(schema={name: pl.String})
        self._name = name

    def ask(self, values: pl.Series) -> pl.DataFrame:
        """The values not asked before, once each and without nulls, as a frame of one column."""
        new = values.rename(self._name).to_frame().drop_nulls().unique().join(self.keys, on=self._name, how="anti")
        self.keys = pl.concat([self.keys, new])
        return new


class _Alike:
    """Calls stored in other traces that calls of the part may meet."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._asked = _Asked("likeness")
        self._found = self._calls = pl.DataFrame(schema=_MET)

    def traces(self, calls: pl.DataFrame) -> pl.Series:
        """trace_id of what the calls given so far meet. calls: trace_id and LIKENESS."""
        new = calls.select(self._calls.columns).filter(pl.col("likeness").is_not_null())
        self._calls = pl.concat([self._calls, new])
        found = self._tx.semi("costs", self._found.columns, self._asked.ask(sought(new)), "likeness")
        self._found = pl.concat([self._found, found])
        return in_reach(self._found, self._calls)["trace_id"]


_COST_COLUMNS = (*CALL_COLUMNS, "own_cost_scope", "cost_scope", "customer_id")


def _as_calls(costs: pl.DataFrame, price: Pricer) -> pl.DataFrame:
    """Stored costs as the priced calls they were made from."""
    calls = costs.select(CALL_COLUMNS)
    aggregate = pl.col("status") == "aggregate"
    bare = calls.filter(aggregate)
    if bare.is_empty():
        return calls
    again = price(bare.select(*CALL_SCHEMA, "catalog_id", "likeness")).select(CALL_COLUMNS)
    return pl.concat([calls.filter(~aggregate), again])
