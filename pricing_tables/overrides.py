"""Pricing with the operator's own rules: list prices as they are, contracts, discounts, own machines, currencies.

`price_with_rules` wraps `price_calls`: the catalog names every call's model and prices it, then the rule that holds for
a call replaces or scales that price. Without rules (and without a price in another currency) it is `price_calls`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from pricing_tables.catalog import Catalog
from pricing_tables.fx import DOLLAR, FxTable
from pricing_tables.own_book import PROVIDER, OwnBook, key_of
from pricing_tables.own_choice import choose_rules, with_aliases
from pricing_tables.own_money import PARTS, TOO_DEAR, by_duration, converted, scaled, with_cost
from pricing_tables.price import MONEY, TrustReported, price_calls

SHARED_HOUR: Final = "shared hour"
"""How the `rate_note` of every call begins that shares a machine's hour, before and after the hour is settled."""

WAITING: Final = f"{SHARED_HOUR}: priced when the hour is settled"
FREE: Final = "own rule: free of charge"

_TEXT: Final = pl.lit(None, dtype=pl.String)
_MONEY_COLUMNS: Final = (*PARTS, "cost_usd")
_NAMES: Final = ("provider", "request_model", "response_model")

OwnPricer = Callable[[pl.DataFrame], pl.DataFrame]
"""Prices rows (with the number of their rule in `rule`) by the unit prices of the book's catalog, in its currency."""


def price_with_rules(
    calls: pl.DataFrame,
    catalog: Catalog,
    book: OwnBook,
    fx: FxTable,
    *,
    trust_reported: TrustReported = "fallback",
) -> pl.DataFrame:
    """Price every call: by the operator's rule that holds for it, else by the catalog.

    Input and output are those of `price_calls`; `duration_ns` is read by rules per second, and `customer_id`, where the
    column is there, decides for rules of one customer. Further columns that are set: `price_rule` (the rule that holds,
    also where it could not give a price: `rate_note` then says why), `original_currency`, `original_cost` and `fx_rate`
    for prices in another currency, which are dollars in all the `_usd` columns. `match` is `override` for names that an
    alias or a rule gives a meaning. Calls that share an hour stay `unpriced`, with `WAITING` as note. A rule's zero,
    price per second and price per hour hold whatever the sender reports; unit prices and multipliers take the place of
    the list price in `trust_reported`, and multipliers never touch a reported cost. Errors: as `price_calls`.
    """
    foreign = foreign_rates(catalog)
    if book.empty and foreign is None:
        return price_calls(calls, catalog, trust_reported=trust_reported)
    named, aliased = with_aliases(calls, book, catalog) if book.aliases else (calls, None)
    listed = price_calls(named, catalog, trust_reported=trust_reported, foreign=True)
    if aliased is not None:
        known = pl.lit(aliased) & pl.col("model").is_not_null()
        match = pl.when(known).then(pl.lit("override")).otherwise("match").alias("match")
        listed = listed.with_columns(*calls.select(_NAMES).get_columns(), match)
    currency = (
        _TEXT if foreign is None else pl.col("rate_id").replace_strict(foreign, default=None, return_dtype=pl.String)
    )
    listed = listed.with_columns(currency.alias("currency"))

    def price_own(rows: pl.DataFrame) -> pl.DataFrame:
        own = price_calls(_as_own(rows, book), book.catalog, trust_reported=trust_reported, foreign=True)
        # The names are those of the list, where it knows any.
        return own.with_columns(rows.select("model", "match", *_own_changes(rows)).get_columns())

    rule = choose_rules(listed, book, catalog)
    priced = apply_rules(listed, rule, book, fx, price_own, trust_reported=trust_reported)
    return priced.drop("currency")


def apply_rules(
    listed: pl.DataFrame,
    rule: pl.Series,
    book: OwnBook,
    fx: FxTable,
    price_own: OwnPricer,
    *,
    trust_reported: TrustReported,
) -> pl.DataFrame:
    """Replace list prices by those of the rules.

    listed: priced rows (as `price_calls` gives them) with `currency` (String|null) of their money. rule: the number of
    the rule that holds, or null. Rows keep their order and columns.
    """
    frame = listed.with_columns(rule.cast(pl.UInt32).alias("rule"))
    if rule.null_count() < len(rule):
        names = pl.Series([entry.name for entry in book.rules], dtype=pl.String)
        kinds = pl.Series([entry.kind for entry in book.rules], dtype=pl.String)
        frame = frame.with_columns(
            names.gather(frame["rule"]).alias("price_rule"), kinds.gather(frame["rule"]).alias("kind")
        ).with_row_index("row")
        steps: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
            "multiplier": lambda rows: _multiplied(rows, book, trust_reported),
            "zero": _zero,
            "prices": lambda rows: _own_prices(rows, book, price_own),
            "per_second": lambda rows: _per_second(rows, book, trust_reported),
            "per_hour": lambda rows: _waiting(rows, book),
        }
        parts = []
        for (kind,), rows in frame.group_by("kind", maintain_order=True):
            parts.append(rows if kind is None else steps[str(kind)](rows).select(frame.columns))
        frame = pl.concat(parts).sort("row").drop("row", "kind")
    return _in_dollars(frame, fx, trust_reported).drop("rule")


def foreign_rates(catalog: Catalog) -> dict[str, str] | None:
    """Rate id -> currency of the catalog's rates that are not in dollars; None when all are."""
    if catalog.data.rates["currency"].null_count() == catalog.data.rates.height:
        return None
    other = catalog.rates.filter(pl.col("currency").is_not_null() & (pl.col("currency") != DOLLAR))
    return dict(other.select("rate_id", "currency").iter_rows()) or None


def _as_own(rows: pl.DataFrame, book: OwnBook) -> pl.DataFrame:
    """The calls as the book's catalog knows them. What a rule asks for is part of its price, and so not a variant."""
    keys = pl.Series([key_of(number) for number in range(len(book.rules))], dtype=pl.String)
    by_tier = pl.Series([entry.service_tier is not None or entry.batch is not None for entry in book.rules])
    rows = rows.with_columns(by_tier.gather(rows["rule"]).alias("by_tier"))
    changes = [
        pl.lit(PROVIDER).alias("provider"),
        pl.lit(None, pl.String).alias("request_model"),
        keys.gather(rows["rule"]).alias("response_model"),
        pl.when(~pl.col("by_tier")).then("service_tier").alias("service_tier"),
        pl.when(~pl.col("by_tier")).then("batch").alias("batch"),
    ]
    if "region" in rows.columns:
        changes.append(pl.lit(None, pl.String).alias("region"))
    return rows.with_columns(changes).drop("by_tier")


def _own_changes(rows: pl.DataFrame) -> list[str]:
    """The columns that `_as_own` sets."""
    return [name for name in (*_NAMES, "service_tier", "batch", "region") if name in rows.columns]


def _own_prices(rows: pl.DataFrame, book: OwnBook, price_own: OwnPricer) -> pl.DataFrame:
    currency = pl.Series([entry.currency for entry in book.rules], dtype=pl.String).gather(rows["rule"])
    own = price_own(rows).with_columns(rows.select("price_rule").to_series(), _unless_dollar(currency))
    return _called(own)


def _multiplied(rows: pl.DataFrame, book: OwnBook, trust: TrustReported) -> pl.DataFrame:
    """List prices times the rule's factor; what has no list price stays as it is."""
    factors = pl.Series([entry.multiplier for entry in book.rules], dtype=MONEY)
    rows = rows.with_columns(factors.gather(rows["rule"]).alias("factor"))
    listed = rows.filter(pl.col("status") == "priced")
    rest = rows.filter(pl.col("status") != "priced")
    times = scaled(listed, pl.col("factor"))
    times = without_price(times, pl.col("cost_usd").is_null(), pl.lit(TOO_DEAR), trust)
    return pl.concat([times, rest])


def _zero(rows: pl.DataFrame) -> pl.DataFrame:
    zero = pl.lit(0, MONEY)
    rows = rows.with_columns(*(zero.alias(name) for name in _MONEY_COLUMNS), *_no_rate("zero_rated", pl.lit(FREE)))
    return _called(rows)


def _per_second(rows: pl.DataFrame, book: OwnBook, trust: TrustReported) -> pl.DataFrame:
    """The time of the call on an own machine, whatever it used."""
    prices = pl.Series([entry.rate for entry in book.rules], dtype=MONEY).gather(rows["rule"])
    currency = pl.Series([entry.currency for entry in book.rules], dtype=pl.String).gather(rows["rule"])
    known = pl.col("duration_ns") >= 0
    cost = pl.when(known).then(by_duration(pl.col("duration_ns"), pl.lit(prices)))
    rows = with_cost(rows, cost).with_columns(*_own_rate(rows, book), _unless_dollar(currency))
    why = (
        pl.when(pl.col("duration_ns").is_null())
        .then(pl.lit("no duration"))
        .when(~known)
        .then(pl.lit("invalid duration"))
        .otherwise(pl.lit(TOO_DEAR))
    )
    return _called(without_price(rows, pl.col("cost_usd").is_null(), why, trust))


def _waiting(rows: pl.DataFrame, book: OwnBook) -> pl.DataFrame:
    """What an hour costs each of its calls is known when all of them are."""
    nothing = pl.lit(None, MONEY)
    currency = pl.Series([entry.currency for entry in book.rules], dtype=pl.String).gather(rows["rule"])
    note = pl.when(pl.col("occurred_at").is_null()).then(pl.lit("no time")).otherwise(pl.lit(WAITING))
    rows = rows.with_columns(*(nothing.alias(name) for name in _MONEY_COLUMNS), *_no_rate("unpriced", note))
    return _called(rows.with_columns(_unless_dollar(currency)))


def without_price(rows: pl.DataFrame, which: pl.Expr, why: pl.Expr, trust: TrustReported) -> pl.DataFrame:
    """Take the price from some rows: `unpriced` with a reason, or the sender's own figure where that is trusted."""
    rows = rows.with_columns(which.alias("_which"))
    if not rows["_which"].any():
        return rows.drop("_which")
    which = pl.col("_which")
    sent = which & (pl.col("reported_cost_usd") > 0).fill_null(value=False) & pl.lit(trust != "never")
    figure = pl.when(sent).then(pl.col("reported_cost_usd").cast(MONEY))
    note = pl.when(sent).then(pl.lit("reported cost used: ") + why).otherwise(why)
    status = pl.when(sent).then(pl.lit("reported")).otherwise(pl.lit("unpriced"))
    gone = [name for name in PARTS if name != "other_cost_usd"]
    texts = ("rate_id", "catalog_id", "currency")
    return rows.with_columns(
        *(pl.when(~which).then(name).alias(name) for name in (*gone, *texts)),
        *(pl.when(which).then(figure).otherwise(name).alias(name) for name in ("other_cost_usd", "cost_usd")),
        pl.when(which).then(note).otherwise("rate_note").alias("rate_note"),
        pl.when(which).then(status).otherwise("status").alias("status"),
    ).drop("_which")


def _in_dollars(rows: pl.DataFrame, fx: FxTable, trust: TrustReported) -> pl.DataFrame:
    """Money of other currencies in US dollars at the rate of the day; without such a rate there is no price."""
    foreign = pl.col("currency").is_not_null() & (pl.col("status").is_in(["priced"]) | _is_waiting())
    rows = rows.with_columns(foreign.alias("_foreign"))
    if not rows["_foreign"].any():
        return rows.drop("_foreign")
    rows = rows.with_row_index("_row")
    other = rows.filter("_foreign")
    # An hour is worth what it was at its beginning, for all of its calls.
    moment = pl.when(_is_waiting()).then(pl.col("occurred_at").dt.truncate("1h")).otherwise("occurred_at")
    rate = fx.at(other["currency"], other.select(moment).to_series())
    dated = pl.when(pl.lit(rate).is_not_null() & (pl.col("status") == "priced"))
    other = other.with_columns(
        dated.then(rate).alias("fx_rate"),
        dated.then("currency").alias("original_currency"),
        dated.then("cost_usd").alias("original_cost"),
        pl.lit(rate).alias("_rate"),
    )
    worth = converted(other, pl.col("_rate"))
    day = pl.col("occurred_at").dt.strftime("%Y-%m-%d")
    why = pl.concat_str(pl.lit("no exchange rate for "), "currency", pl.lit(" on "), day)
    why = pl.when(pl.col("_rate").is_null()).then(why).otherwise(pl.lit(TOO_DEAR))
    unknown = pl.col("_rate").is_null() | ((pl.col("status") == "priced") & pl.col("cost_usd").is_null())
    originals = ("original_currency", "original_cost", "fx_rate")
    worth = worth.with_columns(pl.when(~unknown).then(name).alias(name) for name in originals)
    worth = without_price(worth, unknown, why, trust).drop("_rate")
    same = rows.filter(~pl.col("_foreign"))
    return pl.concat([same, worth.select(same.columns)]).sort("_row").drop("_row", "_foreign")


def _is_waiting() -> pl.Expr:
    return (pl.col("rate_note") == WAITING).fill_null(value=False)


def _own_rate(rows: pl.DataFrame, book: OwnBook) -> list[pl.Expr]:
    """The rate of the book that each row's rule has, and what comes with it."""
    return [
        pl.lit(book.rate_ids.gather(rows["rule"])).alias("rate_id"),
        pl.lit(book.catalog.catalog_id).alias("catalog_id"),
        _TEXT.alias("rate_note"),
        pl.lit("priced").alias("status"),
    ]


def _no_rate(status: str, note: pl.Expr) -> list[pl.Expr]:
    """Columns of rows that no rate prices."""
    absent = [_TEXT.alias(name) for name in ("rate_id", "catalog_id", "currency")]
    return [*absent, note.alias("rate_note"), pl.lit(status).alias("status")]


def _unless_dollar(currency: pl.Series) -> pl.Expr:
    given = pl.lit(currency)
    return pl.when(given != DOLLAR).then(given).alias("currency")


def _called(rows: pl.DataFrame) -> pl.DataFrame:
    """Models that the catalog does not know go by the name that was sent."""
    sent = pl.concat_str("provider", pl.coalesce("response_model", "request_model"), separator="/", ignore_nulls=True)
    unknown = pl.col("model").is_null()
    return rows.with_columns(
        pl.when(unknown).then(pl.when(sent != "").then(sent)).otherwise("model").alias("model"),
        pl.when(unknown).then(pl.lit("override")).otherwise("match").alias("match"),
    )
