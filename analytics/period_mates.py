"""Events that earn by their place in a billing period: when one comes, goes or changes, others may earn otherwise."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import polars as pl

from analytics.event_rules import EventRules
from analytics.frames import EVENT_MARGINS, int128, to_pico
from analytics.margin import with_margin
from analytics.revenue import earning_by_period, in_dollars, money_of, period_money, rates_of
from analytics.revenue_amounts import quantities
from analytics.revenue_match import match_rules
from analytics.revenue_periods import EVENTS, GROUP, period_starts, with_period
from analytics.revenue_rules import depends_on_periods
from lake.commit import Transaction
from lake.connect import Lake
from lake.definitions import quoted

MOST_AT_ONCE = 5_000
"""Events of a billing period that a commit works out again; of larger ones the rest waits for `settle_periods`."""

GROUPS_AT_ONCE = 50
"""Billing periods that one transaction of `settle_periods` works on."""


def mates_of(tx: Transaction, signals: pl.DataFrame, gone: pl.DataFrame, rules: EventRules) -> pl.DataFrame:
    """The other events (`EVENTS`) of the billing periods that these signals are in, or were in until now.

    signals: rows of the table, new or changed. gone: signal_id of those that are no more.
    """
    if not depends_on_periods(rules.revenue):
        return EVENTS.to_frame()
    now = signals.select("customer_id", "occurred_at", match_rules(signals, rules.revenue))
    ids = pl.concat([signals.select("signal_id"), gone.select("signal_id")])
    columns = ["customer_id", "occurred_at", "revenue_rule"]
    before = tx.semi("event_margins", columns, ids, "signal_id").with_columns(_places(rules)).drop("revenue_rule")
    touched = pl.concat([now, before.select(now.columns)]).filter(pl.col("rule").is_in(_by_period(rules)))
    groups = with_period(touched, rules.revenue).select(GROUP).unique()
    return _events_of(tx, groups, rules).join(ids, on="signal_id", how="anti")


def rework_mates(tx: Transaction, mates: pl.DataFrame, signals: pl.DataFrame, rules: EventRules) -> int:
    """Write what the mates earn now that these signals are in their periods; how many rows changed.

    mates: result of `mates_of` for these signals. More than MOST_AT_ONCE of them are left to `settle_periods`.
    """
    if mates.is_empty() or mates.height > MOST_AT_ONCE:
        return 0
    frame = signals.with_columns(match_rules(signals, rules.revenue))
    frame = frame.with_columns(quantities(frame, rules.revenue).alias("micro"))
    return _rework(tx, mates, earning_by_period(frame, rules.revenue), rules)


def settle_periods(lake: Lake, rules: EventRules, since: datetime | None = None) -> int:
    """Work out all billing periods that have an event written after `since` (None: all periods); rows changed.

    Settling again changes nothing. Each transaction takes some periods whole, so it can be interrupted.
    """
    if not depends_on_periods(rules.revenue):
        return 0
    names = ", ".join(quoted(rules.revenue[place].rule_id) for place in _by_period(rules))
    after = "" if since is None else f"AND updated_at > '{since.astimezone(UTC).isoformat()}'::TIMESTAMPTZ"
    found = lake.read(
        "SELECT DISTINCT revenue_rule, customer_id, date_trunc('day', occurred_at) AS occurred_at "
        f"FROM event_margins WHERE revenue_rule IN ({names}) {after}"
    )
    events = found.with_columns(_places(rules), pl.col("occurred_at").cast(EVENTS["occurred_at"]))
    groups = with_period(events, rules.revenue).select(GROUP).unique().sort(GROUP)
    return sum(lake.run(partial(_settle, groups=some, rules=rules)) for some in _some(groups))


def _some(groups: pl.DataFrame) -> Iterator[pl.DataFrame]:
    yield from (groups.slice(at, GROUPS_AT_ONCE) for at in range(0, groups.height, GROUPS_AT_ONCE))


def _settle(tx: Transaction, groups: pl.DataFrame, rules: EventRules) -> int:
    return _rework(tx, _events_of(tx, groups, rules), EVENTS.to_frame(), rules)


def _events_of(tx: Transaction, groups: pl.DataFrame, rules: EventRules) -> pl.DataFrame:
    """The events (`EVENTS`) of billing periods, as the lake has them. groups: rule, customer_id, period."""
    if groups.is_empty():
        return EVENTS.to_frame()
    starts = period_starts(groups, rules.revenue)
    ends = period_starts(groups.with_columns(pl.col("period") + 1), rules.revenue)
    names = ", ".join(quoted(rules.revenue[place].rule_id) for place in groups["rule"].unique().to_list())
    first, last = (at.isoformat() for at in (*starts.sort().head(1), *ends.sort().tail(1)))
    within = f"BETWEEN '{first}'::TIMESTAMPTZ AND '{last}'::TIMESTAMPTZ"
    found = tx.read(
        "SELECT signal_id, m.revenue_rule, m.customer_id, m.occurred_at, s.quantity, s.data "
        f"FROM (SELECT * FROM event_margins WHERE revenue_rule IN ({names}) AND occurred_at {within}) AS m "
        f"JOIN (SELECT * FROM signals WHERE occurred_at {within}) AS s USING (signal_id)"
    )
    found = found.with_columns(_places(rules), pl.col("occurred_at").cast(EVENTS["occurred_at"]))
    found = with_period(found.with_columns(quantities(found, rules.revenue).alias("micro")), rules.revenue)
    found = found.join(groups, on=GROUP, how="semi", nulls_equal=True)
    return found.select(pl.col(name).cast(kind) for name, kind in EVENTS.items())


def _rework(tx: Transaction, mates: pl.DataFrame, events: pl.DataFrame, rules: EventRules) -> int:
    if mates.is_empty():
        return 0
    money = period_money(pl.concat([mates, events]), rules.revenue, rules.fx)
    rows = tx.semi("event_margins", [*EVENT_MARGINS], mates.select("signal_id"), "signal_id")
    told = rows.join(money, on="signal_id").join(mates.select("signal_id", "rule"), on="signal_id")
    currencies = pl.Series([rule.currency for rule in rules.revenue], dtype=pl.String)
    told = told.with_columns(currency=currencies.gather(told["rule"]))
    tiers = pl.col("rule").is_in([place for place, rule in enumerate(rules.revenue) if rule.tiers])
    spreads = pl.col("rule").is_in([place for place, rule in enumerate(rules.revenue) if rule.spreads])
    own = to_pico(pl.col("revenue_usd")) - to_pico(pl.col("recurring_usd")).fill_null(0)
    usage = pl.when(tiers).then(in_dollars(pl.col("tiered"), rates_of(told, rules.fx))).otherwise(own)
    recurring = pl.when(spreads).then("recurring")
    told = told.with_columns(
        _revenue=money_of(usage + pl.when(spreads).then("recurring").otherwise(int128(0))),
        _recurring=money_of(recurring),
        _original=pl.when(tiers & pl.col("original_currency").is_not_null())
        .then(money_of(pl.col("tiered")))
        .otherwise("original_revenue"),
    )
    changed = told.filter(
        pl.col("_revenue").ne_missing(pl.col("revenue_usd"))
        | pl.col("_recurring").ne_missing(pl.col("recurring_usd"))
        | pl.col("_original").ne_missing(pl.col("original_revenue"))
    )
    if changed.is_empty():
        return 0
    changed = changed.with_columns(revenue_usd="_revenue", recurring_usd="_recurring", original_revenue="_original")
    stamped = with_margin(changed).with_columns(updated_at=pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")))
    new = stamped.select(*EVENT_MARGINS, "updated_at")
    return tx.replace("event_margins", new.select("signal_id"), new)[1]


def _places(rules: EventRules) -> pl.Expr:
    """The place of the rule that `revenue_rule` names; null for one that is no more."""
    places = {rule.rule_id: place for place, rule in enumerate(rules.revenue)}
    named = pl.col("revenue_rule").replace_strict(places, default=None, return_dtype=pl.UInt32)
    return named.alias("rule")


def _by_period(rules: EventRules) -> list[int]:
    return [place for place, rule in enumerate(rules.revenue) if rule.by_period]
