"""Costs that events state in their data (`costData`): each becomes one span and one call, which only its event bears.

Span and call follow from the event that counts: its id is their trace id (see `signal_cost_keys`). So they come and go
with it, however often and by whatever way it was sent, and everything that holds for calls holds for them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import orjson
import polars as pl
from xxhash import xxh3_64_intdigest

from analytics.component import Pricer
from analytics.frames import SPAN_KEY
from analytics.signal_cost_keys import cost_keys
from lake.schema import TABLES
from pricing_tables.estimates import NOT_COUNTED
from pricing_tables.fx import DOLLAR, FxTable, in_dollars
from receiver.dialects import to_calls
from receiver.dialects.cost_data import COST_DATA, NOTE, SCOPE
from receiver.dialects.direct import AMOUNT
from receiver.frames import UTC_MICROS
from receiver.signals.cost_data import CostData, read_cost_data
from receiver.wide import column

NAME = "cost"
START_UNREAD = "start_time_unread"
"""Note of a cost whose own time cannot be read: it lies where its event does."""

_SPANS = {
    name: dtype
    for name, dtype in TABLES["spans"].polars_schema.items()
    if name not in ("customer_id", "product_id", "cost_scope", "dialect")
}


class SignalCosts(NamedTuple):
    """spans: table `spans` without inherited identity and dialect. calls: CALL_SCHEMA, `likeness` and the columns of
    `price_calls`.
    """

    spans: pl.DataFrame
    calls: pl.DataFrame


def signal_costs(signals: pl.DataFrame, fx: FxTable, price: Pricer) -> SignalCosts:
    """The costs that these events state, priced; one for each that states any.

    signals: signal_id, occurred_at, received_at, own_customer_id, own_product_id, data. A figure is turned into dollars
    at the rate of its time. What cannot be used makes an unpriced call, whose `rate_note` says why.
    """
    events = cost_keys(signals)
    read = [read_cost_data(data) for data in events["data"]]
    said = [cost for cost in read if cost is not None]
    events = events.filter(pl.Series([cost is not None for cost in read], dtype=pl.Boolean)).with_columns(
        pl.Series("began", [cost.began for cost in said], dtype=UTC_MICROS)
    )
    events = events.with_columns(pl.coalesce("began", "occurred_at").alias("start_time"))
    wide = _wide(events, _attributes(said, events["start_time"], fx))
    calls = to_calls(wide, (COST_DATA,)).with_columns(
        pl.lit(None, dtype=pl.String).alias("likeness"), pl.lit(None, dtype=pl.String).alias("catalog_id")
    )
    return SignalCosts(wide.select(pl.col(name).cast(dtype) for name, dtype in _SPANS.items()), price(calls))


def _attributes(said: Sequence[CostData], moments: pl.Series, fx: FxTable) -> list[dict[str, str]]:
    """The attributes of each cost's span, figures in dollars among them."""
    rates = fx.at(pl.Series([cost.currency for cost in said], dtype=pl.String), moments)
    return [_attributes_of(*each) for each in zip(said, rates, moments, strict=True)]


def _attributes_of(said: CostData, rate: Decimal | None, moment: datetime) -> dict[str, str]:
    problem, attributes = said.problem, dict(said.attributes)
    if said.amount is not None:
        usd = Decimal(1) if said.currency == DOLLAR else rate
        dollars = None if usd is None else in_dollars(said.amount, usd)
        if usd is None:
            problem = f"no exchange rate of {said.currency} for {moment:%Y-%m-%d}"
        elif dollars is None:
            problem = "cost.amount is too small or too large"
        else:
            attributes[AMOUNT] = f"{dollars:f}"
    notes = [NOT_COUNTED + problem if problem else "", START_UNREAD if said.start_unread else ""]
    if any(notes):
        attributes[NOTE] = ",".join(filter(None, notes))
    return attributes


def _wide(events: pl.DataFrame, attributes: Sequence[Mapping[str, str]]) -> pl.DataFrame:
    """The spans as the decoder would give them. events: SPAN_KEY, start_time and the events' own columns."""
    texts = [orjson.dumps(each, option=orjson.OPT_SORT_KEYS) for each in attributes]
    keys = sorted(frozenset[str]().union(*attributes))
    # whom it is for is part of what was said: another version of the event makes another version of the span
    whom = [pl.col(name).fill_null("") for name in ("own_customer_id", "own_product_id")]
    told = events.select(
        pl.concat_str(pl.col("start_time").dt.epoch("us").cast(pl.String), *whom, separator="|").alias("told")
    )
    hashes = [xxh3_64_intdigest(text + said.encode()) for text, said in zip(texts, told["told"], strict=True)]
    none = pl.lit(None, dtype=pl.String)
    return events.select(
        *SPAN_KEY,
        none.alias("parent_span_id"),
        pl.lit(NAME).alias("name"),
        pl.lit("client").alias("kind"),
        "start_time",
        pl.lit(0, dtype=pl.Int64).alias("duration_ns"),
        pl.lit("unset").alias("status"),
        none.alias("status_message"),
        none.alias("service_name"),
        pl.lit(SCOPE).alias("scope_name"),
        none.alias("scope_version"),
        "own_customer_id",
        "own_product_id",
        none.alias("own_cost_scope"),
        pl.lit(None, dtype=_SPANS["sampling_weight"]).alias("sampling_weight"),
        pl.Series("attributes", [text.decode() for text in texts], dtype=pl.String),
        pl.Series("content_hash", hashes, dtype=pl.UInt64),
        pl.col("received_at").alias("ingested_at"),
        *(pl.Series(column(key), [each.get(key) for each in attributes], dtype=pl.String) for key in keys),
    )
