"""What if: cost, revenue and margin of a period beside what they would have been; nothing is written.

Who bears which cost does not depend on prices, so the lake's own links say it; calls are priced, shared costs split and
revenues worked out by the same stages as ever. Events come in windows of time, and so do the costs that none bears.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from analytics.component import Pricer
from analytics.event_rules import EventRules
from analytics.frames import COST_LINKS, MONEY, MONEY_SUM
from analytics.link import SHARED
from analytics.margin import margins
from analytics.period import Period, windows
from analytics.reprice_rows import STORED_COLUMNS, NewPrices
from analytics.revenue import earning_by_period
from analytics.revenue_amounts import quantities
from analytics.revenue_match import match_rules
from analytics.revenue_periods import EVENTS, GROUP, period_starts, with_period
from analytics.revenue_rules import depends_on_periods
from analytics.split import split_evenly
from analytics.whatif_calls import Scenario, altered, name_of_call
from analytics.whatif_table import BY, FACTS, summed, told
from lake.commit import Transaction
from lake.schema import TABLES
from receiver.dialects.schema import CALL_SCHEMA

CHUNK = 50_000
"""Events, or costs that no event bears, that are in memory at a time."""

_SIGNALS = TABLES["signals"].column_names
_COST_COLUMNS = ("cost_id", "product_id", *STORED_COLUMNS)


@dataclass(frozen=True)
class Assumed:
    """What is assumed.

    scenario: of the calls. price: prices the calls that it changes, each by the catalog that it names. catalog: where
    all calls are priced by one other catalog. rules: what events earn; `other_revenue` says that these are not the
    rules by which the lake's revenues came about.
    """

    scenario: Scenario
    price: Pricer
    rules: EventRules
    catalog: NewPrices | None = None
    other_revenue: bool = False


@dataclass
class Outcome:
    """rows: result of `told`, by the columns asked for. total: the same of everything. names: the names of all calls
    looked at (see `Scenario.unmatched`).
    """

    rows: pl.DataFrame
    total: pl.DataFrame
    names: list[str] = field(default_factory=list)


def what_if(
    tx: Transaction,
    assumed: Assumed,
    by: Sequence[str],
    period: Period | None = None,
    *,
    customers: Sequence[str] = (),
    products: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """The period's events with all that they cost, and its costs that no event bears, as they are and would be.

    by: columns of `BY`. customers, products: only theirs. A cost is the customer's that its call served, else the
    event's, as in the view `margin_daily`. `progress(done, total)` counts events and costs.
    """
    period = period or Period()
    events = windows(tx.read, period, CHUNK, "signals")
    loose = windows(tx.read, period, CHUNK)
    total, done = sum(part.calls for part in (*events, *loose)), 0
    mates = _mates(tx, assumed.rules, period) if assumed.other_revenue else EVENTS.to_frame()
    keys = list(dict.fromkeys(("customer_id", "product_id", *by)))
    facts, names = FACTS.to_frame().select(*keys, *_MEASURES), set[str]()
    for part in events:
        found, seen = _events(tx, assumed, part.period, mates)
        facts, done = summed(pl.concat([facts, found.select(facts.columns)]), keys), done + part.calls
        names.update(seen)
        progress(done, total)
    for part in loose:
        found, seen = _unclaimed(tx, assumed, part.period)
        facts, done = summed(pl.concat([facts, found.select(facts.columns)]), keys), done + part.calls
        names.update(seen)
        progress(done, total)
    for column, wanted in (("customer_id", customers), ("product_id", products)):
        if wanted:
            facts = facts.filter(pl.col(column).is_in(list(wanted)))
    return Outcome(told(facts, by), told(facts, ()), sorted(names))


_MEASURES = [name for name in FACTS if name not in BY]


def _events(tx: Transaction, assumed: Assumed, period: Period, mates: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Facts of the events of a window, and the names of their calls."""
    selected = ", ".join(_SIGNALS)
    signals = tx.read(f"SELECT {selected} FROM signals WHERE {period.condition('occurred_at')}")
    signals = signals.cast(TABLES["signals"].polars_schema)
    ids = signals.select("signal_id")
    links = tx.semi("cost_links", list(COST_LINKS), ids, "signal_id")
    calls = tx.semi("costs", _COST_COLUMNS, links.select("cost_id"), "cost_id")
    calls = _would_be(tx, assumed, calls)
    new = _new_links(tx, links, calls)
    costs = calls.select("cost_id", pl.col("new_status").alias("status"), pl.col("new_cost_usd").alias("cost_usd"))
    stored = tx.semi("event_margins", ["signal_id", "revenue_usd", "cost_status"], ids, "signal_id")
    earned = signals.join(stored, on="signal_id", how="left", maintain_order="left")
    earned = earned.with_columns(new_revenue_usd=_revenues(assumed, signals, new, costs, earned, mates))
    return pl.concat([_earned(earned), _borne(new, calls, signals)]), calls["name"].drop_nulls().unique()


def _would_be(tx: Transaction, assumed: Assumed, calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with name and new_model, new_status, new_cost_usd. calls: _COST_COLUMNS, each billable."""
    other, changed = altered(calls, assumed.scenario)
    stored = ("model", "status", "cost_usd")
    if assumed.catalog is not None:
        priced = assumed.catalog.of(tx, other)
        new = priced.select(stored)
    else:
        new = calls.select(stored)
        if changed.any():
            bare = other.filter(changed).select(*CALL_SCHEMA, "catalog_id", "customer_id").with_row_index("_row")
            priced = assumed.price(bare).sort("_row").select(stored)
            places = changed.arg_true()
            new = pl.concat(
                [new.with_row_index("_row").filter(~changed), priced.insert_column(0, places.alias("_row"))]
            )
            new = new.sort("_row").drop("_row")
    return calls.with_columns(name_of_call()).hstack(new.select(pl.all().name.prefix("new_")))


def _new_links(tx: Transaction, links: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The links with new_usd, their share of what the cost would be, and first: whether it is the cost's first link."""
    costs = calls.select("cost_id", pl.col("new_cost_usd").cast(MONEY))
    shared = pl.col("rule").str.ends_with(SHARED)
    whole = links.filter(~shared).join(costs, on="cost_id", how="left").with_columns(first=pl.lit(value=True))
    some = links.filter(shared)
    everyone = tx.semi("cost_links", ["cost_id", "signal_id"], some.select("cost_id"), "cost_id")
    split = split_evenly(everyone.join(costs, on="cost_id", how="left").rename({"new_cost_usd": "cost_usd"}))
    split = split.with_columns(first=pl.col("signal_id") == pl.col("signal_id").min().over("cost_id"))
    parts = some.join(split.rename({"cost_usd": "new_cost_usd"}), on=["cost_id", "signal_id"], how="left")
    return pl.concat([whole, parts.select(whole.columns)]).rename({"new_cost_usd": "new_usd"})


def _revenues(
    assumed: Assumed,
    signals: pl.DataFrame,
    links: pl.DataFrame,
    costs: pl.DataFrame,
    stored: pl.DataFrame,
    mates: pl.DataFrame,
) -> pl.Series:
    """What the events would earn. Under the lake's own rules only what hangs on costs can differ."""
    if not assumed.other_revenue and all(rule.cost_multiplier is None for rule in assumed.rules.revenue):
        return stored["revenue_usd"]
    new = links.with_columns(cost_usd="new_usd").select(COST_LINKS.names())
    found = margins(signals, new, costs, assumed.rules, _of_periods(mates, signals, assumed.rules))
    revenue = signals.select("signal_id").join(
        found.select("signal_id", "revenue_usd"), on="signal_id", how="left", maintain_order="left"
    )["revenue_usd"]
    if assumed.other_revenue:
        return revenue
    place = match_rules(signals, assumed.rules.revenue)
    by_cost = [number for number, rule in enumerate(assumed.rules.revenue) if rule.cost_multiplier is not None]
    return stored.select(
        pl.when(pl.lit(place.is_in(by_cost).fill_null(value=False))).then(revenue).otherwise("revenue_usd").alias("r")
    ).to_series()


def _mates(tx: Transaction, rules: EventRules, period: Period) -> pl.DataFrame:
    """All events (`EVENTS`, with `period`) in the billing periods that the period touches; a narrow row of each."""
    none = EVENTS.to_frame().with_columns(period=pl.lit(None, pl.Int32))
    if not depends_on_periods(rules.revenue):
        return none
    found = [none]
    for part in windows(tx.read, _billing(rules, period), CHUNK, "signals"):
        columns = "signal_id, customer_id, product_id, event_name, occurred_at, quantity, data"
        signals = tx.read(f"SELECT {columns} FROM signals WHERE {part.period.condition('occurred_at')}")
        signals = signals.cast({name: TABLES["signals"].polars_schema[name] for name in signals.columns})
        frame = signals.with_columns(match_rules(signals, rules.revenue))
        frame = frame.with_columns(quantities(frame, rules.revenue).alias("micro"))
        timed = with_period(earning_by_period(frame, rules.revenue), rules.revenue)
        found.append(timed.select(*EVENTS, pl.col("period").cast(pl.Int32)))
    return pl.concat(found)


def _billing(rules: EventRules, period: Period) -> Period:
    """The period widened to whole billing periods of every rule."""
    places = [place for place, rule in enumerate(rules.revenue) if rule.by_period]

    def edge(moment: object, later: int) -> pl.Series:
        frame = pl.DataFrame({"rule": pl.Series(places, dtype=pl.UInt32)})
        frame = frame.with_columns(pl.lit(moment).cast(EVENTS["occurred_at"]).alias("occurred_at"))
        timed = with_period(frame, rules.revenue)
        return period_starts(timed.with_columns(pl.col("period") + later), rules.revenue)

    start = None if period.start is None else edge(period.start, 0).min()
    end = None if period.end is None else edge(period.end, 1).max()
    return Period(start, end)  # type: ignore[arg-type]


def _of_periods(mates: pl.DataFrame, signals: pl.DataFrame, rules: EventRules) -> pl.DataFrame:
    """Those of the mates that share a billing period with one of the signals."""
    if mates.is_empty():
        return EVENTS.to_frame()
    own = mates.join(signals.select("signal_id"), on="signal_id", how="semi").select(GROUP).unique()
    return mates.join(own, on=list(GROUP), how="semi", nulls_equal=True).select(*EVENTS)


def _unclaimed(tx: Transaction, assumed: Assumed, period: Period) -> tuple[pl.DataFrame, pl.Series]:
    """Facts of the costs of a window that no event bears, and the names of those calls."""
    columns, when = ", ".join(_COST_COLUMNS), period.condition("occurred_at")
    calls = tx.read(
        f"SELECT {columns} FROM costs WHERE status <> 'aggregate' AND {when} AND cost_id NOT IN "
        f"(SELECT cost_id FROM cost_links WHERE {when})"
    )
    calls = calls.cast({name: TABLES["costs"].polars_schema[name] for name in _COST_COLUMNS})
    calls = _would_be(tx, assumed, calls)
    rows = calls.with_columns(event_name=pl.lit(None, pl.String), first=pl.lit(value=True), new_usd="new_cost_usd")
    return _cost_facts(rows), calls["name"].drop_nulls().unique()


def _earned(events: pl.DataFrame) -> pl.DataFrame:
    untraced = pl.col("cost_status") == "untraced"
    return events.select(
        pl.col("occurred_at").dt.date().alias("day"),
        "customer_id",
        "product_id",
        pl.col("event_name").alias("event"),
        pl.lit(None, pl.String).alias("model"),
        pl.lit(1, pl.Int64).alias("events"),
        *(pl.lit(0, pl.Int64).alias(name) for name in ("calls", "unpriced_calls", "new_unpriced_calls")),
        pl.col("revenue_usd").cast(MONEY_SUM),
        pl.col("new_revenue_usd").cast(MONEY_SUM),
        pl.lit(None, MONEY_SUM).alias("cost_usd"),
        pl.lit(None, MONEY_SUM).alias("new_cost_usd"),
        _less("new_revenue_usd", "revenue_usd").alias("gain_usd"),
        pl.col("revenue_usd").is_null().cast(pl.Int64).alias("no_revenue"),
        pl.col("new_revenue_usd").is_null().cast(pl.Int64).alias("new_no_revenue"),
        *(untraced.cast(pl.Int64).alias(name) for name in ("no_cost", "new_no_cost")),
    ).select(FACTS.names())


def _borne(links: pl.DataFrame, calls: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """Facts of what events bear: on the day of the event, the customer's whom the call served, else the event's."""
    named = calls.select("cost_id", "customer_id", "product_id", "model", "name", "status", "new_status")
    events = signals.select("signal_id", "event_name", "occurred_at", _c="customer_id", _p="product_id")
    rows = (
        links.select("cost_id", "signal_id", "cost_usd", "new_usd", "first")
        .join(named, on="cost_id", how="left")
        .join(events, on="signal_id", how="left")
    )
    return _cost_facts(
        rows.with_columns(customer_id=pl.coalesce("customer_id", "_c"), product_id=pl.coalesce("product_id", "_p"))
    )


def _cost_facts(rows: pl.DataFrame) -> pl.DataFrame:
    first, unknown, unknown_then = pl.col("first"), pl.col("cost_usd").is_null(), pl.col("new_usd").is_null()
    return rows.select(
        pl.col("occurred_at").dt.date().alias("day"),
        "customer_id",
        "product_id",
        pl.col("event_name").alias("event"),
        pl.col("name").alias("model"),
        pl.lit(0, pl.Int64).alias("events"),
        first.cast(pl.Int64).alias("calls"),
        (first & unknown).cast(pl.Int64).alias("unpriced_calls"),
        (first & unknown_then).cast(pl.Int64).alias("new_unpriced_calls"),
        pl.lit(None, MONEY_SUM).alias("revenue_usd"),
        pl.lit(None, MONEY_SUM).alias("new_revenue_usd"),
        pl.col("cost_usd").cast(MONEY_SUM),
        pl.col("new_usd").cast(MONEY_SUM).alias("new_cost_usd"),
        _less("cost_usd", "new_usd").alias("gain_usd"),
        *(pl.lit(0, pl.Int64).alias(name) for name in ("no_revenue", "new_no_revenue")),
        unknown.cast(pl.Int64).alias("no_cost"),
        unknown_then.cast(pl.Int64).alias("new_no_cost"),
    ).select(FACTS.names())


def _less(one: str, other: str) -> pl.Expr:
    """NULL where either is unknown, which adds nothing to a sum."""
    return pl.col(one).cast(MONEY_SUM) - pl.col(other).cast(MONEY_SUM)
