"""The frame of signals and the attribute names that make a span or a span event one."""

from typing import Final

import polars as pl

from receiver.frames import UTC_MICROS, Wanted

SIGNAL_SCHEMA: Final = pl.Schema(
    {
        "signal_id": pl.String(),
        "event_name": pl.String(),
        "source": pl.String(),  # otlp | api
        "customer_id": pl.String(),
        "product_id": pl.String(),
        "occurred_at": UTC_MICROS,
        "received_at": UTC_MICROS,
        "trace_id": pl.String(),  # null when it came by REST
        "span_id": pl.String(),
        "cost_scope": pl.String(),  # the scope whose costs it claims: only an explicit claim
        "cost_traced": pl.Boolean(),
        "idempotency_key": pl.String(),
        "quantity": pl.Decimal(18, 6),  # null: the sender gave one that is no quantity
        "data": pl.String(),  # JSON of the sender's own event data; null when none was given
        "customer_unit": pl.String(),  # the part of the customer that caused it; null but for REST
    }
)
"""A signal as the lake keeps it."""

OWN_SCHEMA: Final = pl.Schema(
    {
        "own_customer_id": pl.String(),  # what the signal itself said, before it inherits from its trace
        "own_product_id": pl.String(),
        "parent_span_id": pl.String(),
    }
)
SIGNAL_FRAME_SCHEMA: Final = pl.Schema({**SIGNAL_SCHEMA, **OWN_SCHEMA})
"""What ``from_spans`` and ``from_rest`` return: the signal and what inheritance needs."""

PAID_SIGNAL_NAME: Final = "paid.trace.signal"
"""A span of exactly this name is a signal. Other spans with an ``event_name`` are not."""

PAID_EVENT_NAME: Final = "event_name"
PAID_DATA: Final = "data"
PAID_COST_TRACED: Final = "enable_cost_tracing"

EVENT_NAME: Final = "marginlake.signal.event_name"
"""Any span or span event that carries this attribute is a signal."""

DATA: Final = "marginlake.signal.data"
QUANTITY: Final = "marginlake.signal.quantity"
COST_TRACED: Final = "marginlake.signal.cost_traced"
COST_SCOPE: Final = "marginlake.cost_scope"
IDEMPOTENCY_KEY: Final = "marginlake.signal.idempotency_key"

SIGNALS_WANTED: Final = Wanted(
    span_keys=frozenset(
        {
            PAID_EVENT_NAME,
            PAID_DATA,
            PAID_COST_TRACED,
            EVENT_NAME,
            DATA,
            QUANTITY,
            COST_TRACED,
            COST_SCOPE,
            IDEMPOTENCY_KEY,
        }
    )
)
"""What the decoder must provide for ``from_spans``."""
