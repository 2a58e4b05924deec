"""A machine's price per hour, shared by the calls of each hour, once the hour is over.

What one call costs depends on all others of its hour, so it cannot be known when the call arrives. An hour is settled
when it is over and again whenever its calls change: late ones come, some turn out to repeat others or to be somebody
else's. The shares add up to the hour's price to the last picodollar and depend on nothing but which calls there are.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from analytics.component import PRICE_COLUMNS, Component, Pricer, Seeds, load_component
from analytics.customer_prices import with_prices
from analytics.event_rules import EventRules
from analytics.frames import MONEY, SPAN_KEY
from analytics.recompute import Changes, nothing_fresh, recompute
from lake.commit import Transaction
from lake.connect import Lake
from pricing_tables.fx import DOLLAR, FxTable
from pricing_tables.overrides import SHARED_HOUR
from pricing_tables.own_book import OwnBook
from pricing_tables.own_money import PARTS, half_even, money, pico, shares

GRACE = timedelta(minutes=5)
"""How long after its end an hour is left alone: most of its calls are there by then."""

CALLS_AT_ONCE = 20_000
"""Calls that one transaction works on, unless a single hour has more."""

_HOUR = ["price_rule", "hour"]
_COUNTS = f"status <> 'aggregate' AND starts_with(rate_note, '{SHARED_HOUR}') AND occurred_at IS NOT NULL"


def settle_hours(
    lake: Lake,
    rules: EventRules,
    price: Pricer,
    book: OwnBook,
    fx: FxTable,
    until: datetime | None = None,
    *,
    record: Callable[[Transaction], None] = lambda tx: None,
) -> Changes:
    """Price every shared hour that ended at `until` or before (default: now less `GRACE`) and is not settled as it is.

    Costs, links and margins change together, in transactions of whole hours; doing it again writes nothing. book, fx:
    the operator's rules and exchange rates as they are now; `record` puts the book into the lake. Hours of rules that
    are no more, or without an exchange rate, stay as they are. Returns what was written.
    Raises LakeError or duckdb.Error.
    """
    if not book.hourly:
        return Changes()
    end = (until or datetime.now(UTC) - GRACE).astimezone(UTC)
    hours = _priced(_unsettled(lake, end), book, fx)
    changes = Changes()
    for chunk in _chunks(hours):
        work = partial(_settle, hours=chunk, rules=rules, price=price, record=record)
        changes += lake.run(work)
    return changes


def _unsettled(lake: Lake, end: datetime) -> pl.DataFrame:
    """price_rule, hour and calls (count) of the hours before `end` whose calls do not bear exactly their price."""
    return lake.read(
        f"""
        WITH shared AS (
            SELECT price_rule, date_trunc('hour', occurred_at) AS hour, rate_id, cost_usd,
                   coalesce(original_cost, cost_usd) AS own_cost
            FROM costs WHERE {_COUNTS} AND occurred_at < '{end.isoformat()}'::TIMESTAMPTZ
        )
        SELECT price_rule, hour, count(*) AS calls
        FROM shared LEFT JOIN (SELECT rate_id, any_value(compute_hours) AS per_hour FROM rates
                               WHERE compute_hours IS NOT NULL GROUP BY rate_id) USING (rate_id)
        WHERE hour + INTERVAL 1 HOUR <= '{end.isoformat()}'::TIMESTAMPTZ
        GROUP BY price_rule, hour
        HAVING count(cost_usd) < count(*) OR count(DISTINCT rate_id) > 1
            OR sum(own_cost) IS DISTINCT FROM any_value(per_hour)
        ORDER BY hour, price_rule
        """
    ).cast({"hour": pl.Datetime("us", "UTC"), "calls": pl.Int64})


def _priced(hours: pl.DataFrame, book: OwnBook, fx: FxTable) -> pl.DataFrame:
    """The hours that have a price now, with rate_id, catalog_id, currency|null, fx_rate|null, and the hour's price in
    picodollars of its currency (`own_pico`) and of dollars (`usd_pico`)."""
    rules = [(number, rule) for number, rule in enumerate(book.rules) if rule.kind == "per_hour"]
    ids = book.rate_ids
    known = pl.DataFrame(
        [
            (rule.name, ids[number], book.catalog.catalog_id, rule.currency, rule.rate)
            for number, rule in rules
        ],
        schema={"price_rule": pl.String, "rate_id": pl.String, "catalog_id": pl.String, "currency": pl.String,
                "rate": MONEY},
        orient="row",
    )  # fmt: skip
    found = hours.join(known, on="price_rule", how="inner", maintain_order="left")
    foreign = pl.col("currency") != DOLLAR
    found = found.with_columns(fx.at(found["currency"], found["hour"]).alias("fx_rate"))
    found = found.filter(~foreign | pl.col("fx_rate").is_not_null())
    worth = half_even(pico(pl.col("rate")) * pico(pl.col("fx_rate")), pl.lit(10**12, pl.Int128))
    return found.with_columns(
        pl.when(foreign).then("fx_rate").alias("fx_rate"),
        pl.when(foreign).then("currency").alias("original_currency"),
        pico(pl.col("rate")).alias("own_pico"),
        pl.when(foreign).then(worth).otherwise(pico(pl.col("rate"))).alias("usd_pico"),
    )


def _chunks(hours: pl.DataFrame) -> list[pl.DataFrame]:
    if hours.is_empty():
        return []
    numbered = hours.with_columns((pl.col("calls").cum_sum() - pl.col("calls")).floordiv(CALLS_AT_ONCE).alias("_part"))
    return [part.drop("_part") for part in numbered.partition_by("_part", maintain_order=True)]


def _settle(
    tx: Transaction,
    hours: pl.DataFrame,
    rules: EventRules,
    price: Pricer,
    record: Callable[[Transaction], None],
) -> Changes:
    """Settle whole hours in one transaction, from the calls that it sees."""
    record(tx)
    times = hours["hour"].to_list()
    calls = tx.read(
        f"""
        SELECT trace_id, span_id, price_rule, date_trunc('hour', occurred_at) AS hour
        FROM costs SEMI JOIN hours ON costs.price_rule = hours.price_rule
            AND date_trunc('hour', costs.occurred_at) = hours.hour
        WHERE {_COUNTS} AND occurred_at >= '{min(times).isoformat()}'::TIMESTAMPTZ
            AND occurred_at < '{max(times).isoformat()}'::TIMESTAMPTZ + INTERVAL 1 HOUR
        """,
        hours=hours.select(_HOUR),
    ).cast({"hour": pl.Datetime("us", "UTC")})
    none = pl.Series([], dtype=pl.String)
    part = load_component(tx, Seeds(calls["trace_id"].unique(), none, none, none), price)
    return recompute(tx, _with_shares(part, shared(calls, hours)), nothing_fresh(part.calls), rules)


def shared(calls: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    """The price columns of the calls of some hours, each with its share of its hour.

    calls: trace_id, span_id, price_rule, hour: all that share. hours: as `_priced` gives them. The picodollars that do
    not divide go to the first calls in the order of trace_id and span_id. Result: SPAN_KEY and PRICE_COLUMNS but for
    model and match.
    """
    count = pl.len().over(_HOUR).cast(pl.Int128)
    place = pl.int_range(pl.len()).over(_HOUR).cast(pl.Int128)
    rows = calls.sort(*SPAN_KEY).with_columns(count.alias("count"), place.alias("place"))
    rows = rows.join(hours, on=_HOUR, how="inner", maintain_order="left")
    usd = money(shares(pl.col("usd_pico"), pl.col("count"), pl.col("place")))
    original = money(shares(pl.col("own_pico"), pl.col("count"), pl.col("place")))
    zero = pl.lit(0, MONEY)
    return rows.select(
        *SPAN_KEY,
        "rate_id",
        "catalog_id",
        pl.format(f"{SHARED_HOUR}: one of {{}} calls", "count").alias("rate_note"),
        *((usd if part == "other_cost_usd" else zero).alias(part) for part in PARTS),
        usd.alias("cost_usd"),
        pl.lit("priced").alias("status"),
        "price_rule",
        "original_currency",
        pl.when(pl.col("original_currency").is_not_null()).then(original).alias("original_cost"),
        "fx_rate",
    )


def _with_shares(part: Component, prices: pl.DataFrame) -> Component:
    """The part as if the shares had been stored: what recomputing keeps as long as nobody else's rule holds."""
    names = part.calls.select(*SPAN_KEY, "model", "match")
    whole = prices.join(names, on=SPAN_KEY, how="inner").select(*SPAN_KEY, *PRICE_COLUMNS)
    return replace(part, calls=with_prices(part.calls, whole))
