"""Signals that arrive in traces: spans of a known name, and spans or span events with our neutral attributes."""

from typing import Final

import polars as pl
from xxhash import xxh3_128_hexdigest

from receiver import wide
from receiver.frames import REJECTED_SCHEMA, UTC_MICROS
from receiver.identity import IdentityConfig, own_identity
from receiver.signals import schema
from receiver.signals.event_data import quantity, read_texts

_DEFAULT_IDENTITY: Final = IdentityConfig()

_COMMON: Final = pl.Schema(
    {
        "trace_id": pl.String(),
        "span_id": pl.String(),
        "parent_span_id": pl.String(),
        "event_index": pl.Int64(),  # null for a span
        "occurred_at": UTC_MICROS,
        "received_at": UTC_MICROS,
        "content_hash": pl.UInt64(),
        "customer_id": pl.String(),
        "product_id": pl.String(),
        "event_name": pl.String(),
        "raw_data": pl.String(),
        "raw_quantity": pl.String(),
        "raw_cost_scope": pl.String(),
        "raw_cost_traced": pl.Boolean(),
        "idempotency_key": pl.String(),
    }
)
"""The three kinds of signal brought to one shape, their values still as sent."""

_SPAN_PLACE: Final = (
    pl.col("trace_id"),
    pl.col("span_id"),
    pl.col("parent_span_id"),
    pl.lit(None, dtype=pl.Int64).alias("event_index"),
    pl.col("start_time").alias("occurred_at"),
    pl.col("received_at"),
    pl.col("content_hash"),
    pl.col("customer_id"),
    pl.col("product_id"),
)


def signals_from_spans(
    spans: pl.DataFrame, events: pl.DataFrame, identity: IdentityConfig = _DEFAULT_IDENTITY
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``(signals [SIGNAL_FRAME_SCHEMA], rejected [REJECTED_SCHEMA])`` of decoded spans and span events.

    A span named ``paid.trace.signal`` is a signal by its name, whatever else it carries; without an ``event_name`` it
    is rejected (``signal_without_event_name``). A span or span event with ``marginlake.signal.event_name`` is one by
    that attribute. A span event speaks for itself first and for its span where it is silent. ``customer_id`` and
    ``product_id`` are the signal's own; inheritance from the trace comes later. Of the same signal twice in the
    frames, one is returned. Spans that share an idempotency key share the ``signal_id``, and which of them counts is
    decided where all of them are known. Events whose span is not among ``spans`` (refused as a duplicate) are left out.
    """
    by_name = spans.filter(pl.col("name") == schema.PAID_SIGNAL_NAME)
    neutral = _named(spans.filter(pl.col("name") != schema.PAID_SIGNAL_NAME))
    found = pl.concat(
        [
            _by_name(own_identity(by_name, identity)),
            _neutral_spans(own_identity(neutral, identity)),
            _neutral_events(_named(events), spans, identity),
        ]
    ).unique(subset=["trace_id", "span_id", "event_index"], keep="first", maintain_order=True)
    has_name = pl.col("event_name").is_not_null()
    return _signals(found.filter(has_name)), _rejected(found.filter(~has_name))


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    # No column, no signal: Polars cannot filter a large frame by a predicate made of literals alone.
    if not wide.has(frame, schema.EVENT_NAME):
        return frame.clear()
    return frame.filter(wide.attr(frame, schema.EVENT_NAME).fill_null("") != "")


def _by_name(spans: pl.DataFrame) -> pl.DataFrame:
    return spans.select(
        *_SPAN_PLACE,
        wide.first(spans, schema.PAID_EVENT_NAME).alias("event_name"),
        wide.attr(spans, schema.PAID_DATA).alias("raw_data"),
        pl.lit(None, dtype=pl.String).alias("raw_quantity"),
        # The scope id stamped on this span says where it was made; only `data.paid.paid_scope_id` claims costs.
        pl.lit(None, dtype=pl.String).alias("raw_cost_scope"),
        wide.attr_bool(spans, schema.PAID_COST_TRACED).fill_null(value=False).alias("raw_cost_traced"),
        pl.lit(None, dtype=pl.String).alias("idempotency_key"),
    ).cast(_COMMON)


def _neutral_spans(spans: pl.DataFrame) -> pl.DataFrame:
    return spans.select(*_SPAN_PLACE, *_neutral_columns(spans)).cast(_COMMON)


def _neutral_events(events: pl.DataFrame, spans: pl.DataFrame, identity: IdentityConfig) -> pl.DataFrame:
    key = ["trace_id", "span_id", "content_hash"]
    hosts = own_identity(spans.join(events, on=key, how="semi").unique(subset=key, keep="first"), identity)
    own = own_identity(events, identity).rename({"customer_id": "event_customer_id", "product_id": "event_product_id"})
    placed = own.join(
        hosts.select(*key, "parent_span_id", "start_time", "received_at", "customer_id", "product_id"),
        on=key,
        how="inner",
        maintain_order="left",
    )
    return placed.select(
        "trace_id",
        "span_id",
        "parent_span_id",
        "event_index",
        pl.coalesce("time", "start_time").alias("occurred_at"),
        "received_at",
        "content_hash",
        pl.coalesce("event_customer_id", "customer_id").alias("customer_id"),
        pl.coalesce("event_product_id", "product_id").alias("product_id"),
        *_neutral_columns(placed),
    ).cast(_COMMON)


def _neutral_columns(frame: pl.DataFrame) -> list[pl.Expr]:
    return [
        wide.attr(frame, schema.EVENT_NAME).alias("event_name"),
        wide.attr(frame, schema.DATA).alias("raw_data"),
        wide.attr(frame, schema.QUANTITY).alias("raw_quantity"),
        wide.first(frame, schema.COST_SCOPE).alias("raw_cost_scope"),
        wide.attr_bool(frame, schema.COST_TRACED).fill_null(value=True).alias("raw_cost_traced"),
        wide.first(frame, schema.IDEMPOTENCY_KEY).alias("idempotency_key"),
    ]


def _signals(found: pl.DataFrame) -> pl.DataFrame:
    said = read_texts(found["raw_data"])
    claim = pl.coalesce("raw_cost_scope", "data_cost_scope")
    return (
        found.hstack(said)
        .with_columns(
            _signal_ids(found),
            pl.lit("otlp").alias("source"),
            pl.lit(None, dtype=pl.String).alias("customer_unit"),
            claim.alias("cost_scope"),
            (pl.col("raw_cost_traced") | pl.col("data_cost_traced") | claim.is_not_null()).alias("cost_traced"),
            quantity(pl.coalesce("raw_quantity", "data_quantity")).alias("quantity"),
            pl.col("customer_id").alias("own_customer_id"),
            pl.col("product_id").alias("own_product_id"),
        )
        .select(list(schema.SIGNAL_FRAME_SCHEMA))
        .cast(schema.SIGNAL_FRAME_SCHEMA)
    )


def _signal_ids(found: pl.DataFrame) -> pl.Series:
    """The id follows from the sender's key, as that of a REST signal does, or else from where the signal stands.

    So the same payload sent again yields the same id, and so does the same key on another span.
    """
    place = pl.concat_str("trace_id", "span_id", "event_index", separator=":", ignore_nulls=True)
    named = pl.coalesce(pl.lit("key:") + pl.col("idempotency_key"), place)
    texts = found.select(named.alias("named"))["named"]
    return pl.Series("signal_id", ["sig_" + xxh3_128_hexdigest(text.encode()) for text in texts], dtype=pl.String)


def _rejected(nameless: pl.DataFrame) -> pl.DataFrame:
    return nameless.select(
        "trace_id",
        "span_id",
        pl.lit("signal_without_event_name").alias("reason"),
        pl.lit(f"a span named {schema.PAID_SIGNAL_NAME} needs the attribute {schema.PAID_EVENT_NAME}").alias("detail"),
        "received_at",
        "content_hash",
        pl.lit(None, dtype=pl.UInt32).alias("payload_index"),
    ).cast(REJECTED_SCHEMA)
