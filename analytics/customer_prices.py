"""Prices that depend on more than the call itself: those of one customer, and shares of a machine's hour.

Whose a call is becomes known only among its spans and twins. Settling must not depend on what was known when, so it
sees every call at the price for the customer that its spans say, and hours that are shared as not priced yet. Then what
counts gets the price for the customer that settling found. A stored price stays when its customer is still the same,
so that neither a newer price book nor a changed rule gets into the past this way.
"""

import polars as pl

from analytics.component import PRICE_COLUMNS, Component, Pricer
from analytics.frames import MONEY, MONEY_PARTS, SPAN_KEY
from pricing_tables.overrides import SHARED_HOUR, WAITING
from receiver.dialects.schema import CALL_SCHEMA

_PRICED_FOR = "_priced_for"
_AMOUNTS = (*MONEY_PARTS, "cost_usd", "original_cost", "fx_rate")
_TEXTS = ("rate_id", "catalog_id", "original_currency")


def before_settling(calls: pl.DataFrame, part: Component) -> pl.DataFrame:
    """The calls at their price for the customer that their spans say.

    calls: the result of `inherit_calls`, the stored ones of the part among them; rows keep their order.
    """
    calls = _waiting(calls)
    customers = _customers(part.price)
    if not customers and calls["price_rule"].null_count() == calls.height:
        return calls
    stored = part.priced_for.rename({"customer_id": _PRICED_FOR})
    known = calls.join(stored, on=SPAN_KEY, how="left", maintain_order="left")
    return _for_customer(known, part.price, customers).drop(_PRICED_FOR)


def settled_prices(costs: pl.DataFrame, calls: pl.DataFrame, part: Component) -> pl.DataFrame:
    """The settled rows at their price for the customer that settling found.

    costs: the result of `settle`; calls: what it was given. Rows that do not count keep no money in any currency.
    """
    counts = pl.col("status") != "aggregate"
    costs = costs.with_columns(pl.when(counts).then(pl.col("original_cost", "original_currency", "fx_rate")))
    customers = _customers(part.price)
    if not customers and calls["price_rule"].null_count() == calls.height:
        return costs
    key = [*SPAN_KEY, "customer_id"]
    same = costs.filter(counts).join(part.priced_for, on=key, how="semi", nulls_equal=True).select(SPAN_KEY)
    stored = part.calls.select(*SPAN_KEY, *PRICE_COLUMNS).join(same, on=SPAN_KEY, how="semi")
    rest = costs.filter(counts).join(same, on=SPAN_KEY, how="anti")
    before = calls.select(*SPAN_KEY, pl.col("customer_id").alias(_PRICED_FOR))
    rest = _for_customer(rest.join(before, on=SPAN_KEY, how="left", maintain_order="left"), part.price, customers)
    now = pl.concat([stored, rest.select(stored.columns)])
    return with_prices(costs, now)


def _customers(price: Pricer) -> frozenset[str]:
    """Customers with prices of their own, as the pricer says; none when it says nothing."""
    return frozenset(getattr(price, "customers", ()))


def _for_customer(calls: pl.DataFrame, price: Pricer, customers: frozenset[str]) -> pl.DataFrame:
    """Price again the calls for whose customer another rule holds than for the one that they were priced for."""
    special = pl.Series(sorted(customers), dtype=pl.String).implode()
    own = pl.col("customer_id").is_in(special) | pl.col(_PRICED_FOR).is_in(special)
    # The rule may be one customer's that has left the settings since.
    old = pl.col("price_rule").is_not_null() & pl.col(_PRICED_FOR).is_not_null()
    concerned = own.fill_null(False) | old
    moved = calls.filter(concerned & pl.col("customer_id").ne_missing(pl.col(_PRICED_FOR)))
    if moved.is_empty():
        return calls
    again = price(moved.select(*CALL_SCHEMA, "catalog_id", "customer_id")).select(*SPAN_KEY, *PRICE_COLUMNS)
    before = moved.select(*SPAN_KEY, pl.col("price_rule").alias("_rule"))
    again = again.join(before, on=SPAN_KEY, how="left")
    return with_prices(calls, again.filter(pl.col("price_rule").ne_missing(pl.col("_rule"))).drop("_rule"))


def with_prices(rows: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """The rows, in their order, with the PRICE_COLUMNS of `prices` (by SPAN_KEY) where it has their call."""
    if prices.is_empty():
        return rows
    types = {name: rows.schema[name] for name in PRICE_COLUMNS}
    now = prices.select(*SPAN_KEY, *(pl.col(name).cast(dtype).alias(f"_{name}") for name, dtype in types.items()))
    joined = rows.join(now.with_columns(_found=True), on=SPAN_KEY, how="left", maintain_order="left")
    found = pl.col("_found").fill_null(False)
    return joined.with_columns(
        pl.when(found).then(f"_{name}").otherwise(name).alias(name) for name in PRICE_COLUMNS
    ).select(rows.columns)


def _waiting(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls that share an hour as they were before it was settled."""
    shares = pl.col("rate_note").str.starts_with(SHARED_HOUR).fill_null(False)
    if not calls.select(shares.any()).item():
        return calls
    nothing = [pl.lit(None, MONEY).alias(name) for name in _AMOUNTS]
    nothing += [pl.lit(None, pl.String).alias(name) for name in _TEXTS]
    waiting = [*nothing, pl.lit(WAITING).alias("rate_note"), pl.lit("unpriced").alias("status")]
    before = calls.with_columns(shares.alias("_shares")).with_columns(
        pl.when("_shares")
        .then(expression)
        .otherwise(expression.meta.output_name())
        .alias(expression.meta.output_name())
        for expression in waiting
    )
    return before.drop("_shares")
