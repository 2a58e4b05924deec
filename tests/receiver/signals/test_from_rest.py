"""Billable events that arrived by REST, as the journal keeps them."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from receiver.frames import REJECTED_SCHEMA
from receiver.signals.from_rest import signals_from_rest
from receiver.signals.schema import SIGNAL_FRAME_SCHEMA
from tests.receiver.otlp_payloads import RECEIVED_NS

SIGNAL = {
    "signal_id": "sig_1",
    "event_name": "chat_message",
    "customer_id": "cust_1",
    "product_id": "chatbot",
    "occurred_at": "2026-01-31T23:00:00Z",
    "data": {"tokens": 350},
    "idempotency_key": "idem-1",
    "customer_unit": "team",
}


def body(*signals):
    return json.dumps({"signals": signals}).encode()


def read(*signals):
    found, rejected = signals_from_rest([(body(*signals), RECEIVED_NS)])
    assert dict(found.schema) == dict(SIGNAL_FRAME_SCHEMA)
    assert dict(rejected.schema) == dict(REJECTED_SCHEMA)
    assert rejected.height == 0
    return found


def test_a_signal_becomes_a_row():
    assert read(SIGNAL).row(0, named=True) == {
        "signal_id": "sig_1",
        "event_name": "chat_message",
        "source": "api",
        "customer_id": "cust_1",
        "product_id": "chatbot",
        "occurred_at": datetime(2026, 1, 31, 23, tzinfo=UTC),
        "received_at": datetime(2026, 11, 23, 21, 10, tzinfo=UTC),
        "trace_id": None,
        "span_id": None,
        "cost_scope": None,
        "cost_traced": False,
        "idempotency_key": "idem-1",
        "customer_unit": "team",
        "quantity": Decimal(1),
        "data": '{"tokens":350}',
        "own_customer_id": "cust_1",
        "own_product_id": "chatbot",
        "parent_span_id": None,
    }


def test_what_is_not_given_is_null():
    bare = {key: SIGNAL[key] for key in ("signal_id", "event_name", "occurred_at")}
    row = read(bare | {"product_id": None, "data": None, "idempotency_key": None}).row(0, named=True)
    assert [row[key] for key in ("customer_id", "product_id", "data", "idempotency_key")] == [None] * 4


def test_it_claims_the_scope_its_data_names():
    """How the Python SDK's cost-attributed signals say which calls they are for."""
    row = read(SIGNAL | {"data": {"quantity": 2, "paid": {"paid_scope_id": 2071184812}}}).row(0, named=True)
    assert (row["cost_scope"], row["cost_traced"], row["quantity"], row["data"]) == (
        "2071184812",
        True,
        Decimal(2),
        '{"quantity":2}',
    )


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-01-31T23:00:00.123456789Z", datetime(2026, 1, 31, 23, 0, 0, 123456, tzinfo=UTC)),
        ("2026-02-01T01:00:00+02:00", datetime(2026, 1, 31, 23, tzinfo=UTC)),
        ("2026-01-31T17:30:00.5-05:30", datetime(2026, 1, 31, 23, 0, 0, 500000, tzinfo=UTC)),
    ],
)
def test_times_carry_any_zone_and_any_precision(sent, moment):
    assert read(SIGNAL | {"occurred_at": sent})["occurred_at"].to_list() == [moment]


def test_digits_are_kept_as_written():
    payload = body(SIGNAL).replace(b"350", b"350.10")
    found, _ = signals_from_rest([(payload, RECEIVED_NS)])
    assert found["data"].to_list() == ['{"tokens":350.10}']


def test_which_of_one_id_counts_is_left_to_the_lake():
    earlier = SIGNAL | {"occurred_at": "2025-01-01T00:00:00Z"}
    found, _ = signals_from_rest([(body(SIGNAL), RECEIVED_NS), (body(earlier), RECEIVED_NS)])
    assert found["signal_id"].to_list() == ["sig_1", "sig_1"]
    assert found["occurred_at"].n_unique() == 2


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff", "malformed_signals"),
        (b"[]", "malformed_signals"),
        (b'{"signals": {}}', "malformed_signals"),
        (b'{"signals": [1]}', "malformed_signals"),
        (b"[" * 100_000, "malformed_signals"),
        (body({key: SIGNAL[key] for key in SIGNAL if key != "signal_id"}), "malformed_signal"),
        (body(SIGNAL | {"event_name": {"a": 1}}), "malformed_signal"),
        (body(SIGNAL | {"occurred_at": "yesterday"}), "invalid_timestamp"),
    ],
)
def test_what_cannot_be_read_is_recorded_and_the_rest_kept(payload, reason):
    found, rejected = signals_from_rest([(payload, RECEIVED_NS), (body(SIGNAL), RECEIVED_NS)])

    assert found["signal_id"].to_list() == ["sig_1"]
    assert rejected.select("reason", "payload_index").rows() == [(reason, 0)]
    assert dict(rejected.schema) == dict(REJECTED_SCHEMA)


def test_no_payloads_give_empty_frames():
    found, rejected = signals_from_rest([])
    assert dict(found.schema) == dict(SIGNAL_FRAME_SCHEMA)
    assert (found.height, rejected.height) == (0, 0)
