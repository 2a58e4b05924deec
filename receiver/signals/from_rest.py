"""Signals that arrived by REST, from the normalized JSON the journal keeps to the frame of signals."""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl
from xxhash import xxh3_64_intdigest

from receiver.frames import REJECTED_SCHEMA, UTC_MICROS
from receiver.signals.event_data import EventData, event_data_frame, loads, quantity, read_content
from receiver.signals.schema import SIGNAL_FRAME_SCHEMA

_TEXTS: Final = ("signal_id", "event_name", "customer_id", "product_id", "idempotency_key", "customer_unit")
_REQUIRED: Final = ("signal_id", "event_name", "occurred_at")
_RAW: Final = pl.Schema(
    {
        **dict.fromkeys(_TEXTS, pl.String()),
        "occurred_text": pl.String(),
        "received_us": pl.Int64(),
        "payload_index": pl.UInt32(),
        "content_hash": pl.UInt64(),
    }
)


def signals_from_rest(payloads: Sequence[tuple[bytes, int]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``(signals [SIGNAL_FRAME_SCHEMA], rejected [REJECTED_SCHEMA])`` of journaled ``(payload, received_ns)`` pairs.

    A payload is ``{"signals": [{signal_id, event_name, customer_id, product_id, occurred_at, data,
    idempotency_key, customer_unit}]}`` with RFC 3339 times. Nothing raises: an unreadable payload or an incomplete
    signal is a row of ``rejected`` (``malformed_signals``, ``malformed_signal``, ``invalid_timestamp``). An id may
    occur several times: which of them counts is decided where all of them are known, in the lake.
    """
    rows: list[tuple[object, ...]] = []
    read: list[EventData] = []
    rejected: list[tuple[object, ...]] = []
    for index, (payload, received_ns) in enumerate(payloads):
        place = (received_ns // 1000, index, xxh3_64_intdigest(payload))
        try:
            signals = _signals_of(payload)
        except (ValueError, RecursionError) as error:
            rejected.append(("malformed_signals", f"not the journal's form of signals: {error}", *place))
            continue
        for signal in signals:
            if missing := [key for key in _REQUIRED if not isinstance(signal.get(key), str) or not signal[key]]:
                rejected.append(("malformed_signal", f"a signal lacks {', '.join(missing)}", *place))
                continue
            rows.append((*(_text(signal.get(key)) for key in _TEXTS), signal["occurred_at"], *place))
            read.append(_data_of(signal))
    found = pl.DataFrame(rows, schema=_RAW, orient="row").hstack(event_data_frame(read))
    timed = found.with_columns(
        pl.col("occurred_text")
        .str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        .alias("occurred_at"),
        pl.col("received_us").cast(UTC_MICROS).alias("received_at"),
    )
    known_time = pl.col("occurred_at").is_not_null()
    return _signals(timed.filter(known_time)), _rejected(rejected, timed.filter(~known_time))


def _signals_of(payload: bytes) -> list[dict[str, Any]]:
    content = loads(payload)
    signals = content.get("signals") if isinstance(content, dict) else None
    if not isinstance(signals, list) or not all(isinstance(signal, dict) for signal in signals):
        raise ValueError("no list of signals")
    return signals


def _data_of(signal: dict[str, Any]) -> EventData:
    data = signal.get("data")
    return EventData(None, None, None, cost_traced=False) if data is None else read_content(data)


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str) and value else None


def _signals(found: pl.DataFrame) -> pl.DataFrame:
    claim = pl.col("data_cost_scope")
    return (
        found.with_columns(
            pl.lit("api").alias("source"),
            pl.lit(None, dtype=pl.String).alias("trace_id"),
            pl.lit(None, dtype=pl.String).alias("span_id"),
            pl.lit(None, dtype=pl.String).alias("parent_span_id"),
            claim.alias("cost_scope"),
            (pl.col("data_cost_traced") | claim.is_not_null()).alias("cost_traced"),
            quantity(pl.col("data_quantity")).alias("quantity"),
            pl.col("customer_id").alias("own_customer_id"),
            pl.col("product_id").alias("own_product_id"),
        )
        .select(list(SIGNAL_FRAME_SCHEMA))
        .cast(SIGNAL_FRAME_SCHEMA)
    )


def _rejected(refused: list[tuple[object, ...]], timeless: pl.DataFrame) -> pl.DataFrame:
    schema = {
        "reason": pl.String(),
        "detail": pl.String(),
        "received_us": pl.Int64(),
        "payload_index": pl.UInt32(),
        "content_hash": pl.UInt64(),
    }
    without_time = timeless.select(
        pl.lit("invalid_timestamp").alias("reason"),
        pl.format("signal {} has no readable time: {}", "signal_id", "occurred_text").alias("detail"),
        "received_us",
        "payload_index",
        "content_hash",
    )
    return (
        pl.concat([pl.DataFrame(refused, schema=schema, orient="row"), without_time])
        .with_columns(
            pl.lit(None, dtype=pl.String).alias("trace_id"),
            pl.lit(None, dtype=pl.String).alias("span_id"),
            pl.col("received_us").cast(UTC_MICROS).alias("received_at"),
        )
        .select(list(REJECTED_SCHEMA))
    )
