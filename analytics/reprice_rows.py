"""Pricing stored calls again: what each would cost under other prices, and what that changes of its row."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from analytics.component import CALL_COLUMNS, PRICE_COLUMNS, Pricer
from analytics.frames import MONEY_PARTS, MONEY_SUM
from lake.commit import Transaction
from pricing_tables.overrides import SHARED_HOUR
from receiver.dialects.schema import CALL_SCHEMA

Estimate = Callable[[Transaction, pl.DataFrame], pl.DataFrame]
"""Improves the usage of calls (CALL_SCHEMA and customer_id) before they are priced; the same rows in the same order."""

STORED_COLUMNS = (*CALL_COLUMNS, "customer_id")
"""Columns of `costs` that pricing a call again starts from."""

NEW = "new_"
"""Prefix of a column's value under the new prices."""

_AGGREGATE = pl.col("status") == "aggregate"
_WITH_MONEY = ("status", *MONEY_PARTS, "cost_usd", "original_cost", "fx_rate")
"""Columns that pricing fills but an aggregate's row does not keep."""


@dataclass(frozen=True)
class NewPrices:
    """What calls are to be priced by.

    catalog_id: the price book. rules_id: identifies everything else that decides a price. price: prices calls that name
    no catalog by this book. record: puts the book into the lake (done with the first row that uses it). own_rates: ids
    of the operator's own rates as they are now.
    """

    catalog_id: str
    rules_id: str
    price: Pricer
    record: Callable[[Transaction], None]
    estimate: Estimate | None = None
    own_rates: frozenset[str] = frozenset()

    def of(self, tx: Transaction, calls: pl.DataFrame) -> pl.DataFrame:
        """Stored calls (STORED_COLUMNS) with these prices: CALL_COLUMNS, the same rows in the same order.

        The share of an hour that is settled stays while the machine's price does: `analytics.shared_hours` alone knows
        what it should be.
        """
        bare = calls.select(*CALL_SCHEMA, "customer_id", "likeness")
        known = self.estimate(tx, bare) if self.estimate else bare
        priced = self.price(known.with_columns(pl.lit(None, pl.String).alias("catalog_id"))).select(CALL_COLUMNS)
        return self._with_shares_kept(priced, calls)

    def _with_shares_kept(self, priced: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
        shares = pl.col("rate_note").str.starts_with(SHARED_HOUR).fill_null(value=False)
        valid = pl.col("rate_id").is_in(self.own_rates).fill_null(value=False)
        settled = stored.select(shares & valid & pl.col("cost_usd").is_not_null()).to_series()
        kept = settled & priced.select(shares).to_series() & priced["price_rule"].eq_missing(stored["price_rule"])
        if not kept.any():
            return priced
        return priced.with_columns(
            pl.when(kept).then(stored[name]).otherwise(pl.col(name)).alias(name) for name in PRICE_COLUMNS
        )


def compared(stored: pl.DataFrame, priced: pl.DataFrame) -> pl.DataFrame:
    """Stored calls (STORED_COLUMNS) beside the same rows priced anew (CALL_COLUMNS; their columns get the prefix NEW).

    Adds billable (it is no aggregate), rewritten (something of the row changes) and changed (its cost or status does).
    """
    both = stored.hstack(priced.select(pl.all().name.prefix(NEW)))
    always = pl.any_horizontal(_differs(name) for name in CALL_COLUMNS if name not in _WITH_MONEY)
    of_billable = pl.any_horizontal(map(_differs, _WITH_MONEY))
    return both.with_columns(
        billable=~_AGGREGATE,
        rewritten=always | (~_AGGREGATE & of_billable),
        changed=~_AGGREGATE & (_differs("cost_usd") | _differs("status")),
    )


def grouped(both: pl.DataFrame) -> pl.DataFrame:
    """What `compared` found, for each provider, model and customer_id of the billable calls.

    calls; rewritten and changed of them; newly_priced, newly_unpriced; before_usd and after_usd: known cost then and
    now; newly_priced_usd: the part of after_usd that nothing was known of before. Money is Decimal(38, 12).
    """
    known, known_now = pl.col("cost_usd").is_not_null(), pl.col(NEW + "cost_usd").is_not_null()
    after = pl.col(NEW + "cost_usd").cast(MONEY_SUM)
    model = pl.coalesce(NEW + "model", "model", "response_model", "request_model")
    return (
        both.filter("billable")
        .group_by("provider", model.alias("model"), "customer_id")
        .agg(
            pl.len().cast(pl.Int64).alias("calls"),
            pl.col("rewritten", "changed").sum().cast(pl.Int64),
            (~known & known_now).sum().cast(pl.Int64).alias("newly_priced"),
            (known & ~known_now).sum().cast(pl.Int64).alias("newly_unpriced"),
            pl.col("cost_usd").cast(MONEY_SUM).sum().alias("before_usd"),
            after.sum().alias("after_usd"),
            after.filter(~known).sum().alias("newly_priced_usd"),
        )
    )


def _differs(name: str) -> pl.Expr:
    return pl.col(name).ne_missing(pl.col(NEW + name))
