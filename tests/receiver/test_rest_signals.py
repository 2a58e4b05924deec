"""The body of POST /api/v2/signals/bulk: what clients send, what is refused, and what the journal keeps."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import xxhash

from receiver.errors import Malformed
from receiver.signals.from_rest import signals_from_rest
from receiver.signals.rest import DEEPEST, journal_payload, parse_signals, signal_id_for
from tests.receiver.receiving import REST

NOW = datetime(2026, 11, 23, 10, 20, 30, 123456, tzinfo=UTC)


def read(*signals: object) -> list[dict]:
    body = json.dumps({"signals": list(signals)}).encode()
    return json.loads(journal_payload(parse_signals(body, NOW)))["signals"]


def signal(**parts: object) -> dict:
    return {"eventName": "e", "customer": {"externalCustomerId": "c"}, **parts}


def test_the_python_client_s_full_signal():
    first, second = json.loads(journal_payload(parse_signals((REST / "python_full.json").read_bytes(), NOW)))["signals"]
    assert first == {
        "signal_id": signal_id_for("idem-1"),
        "event_name": "chat_message",
        "customer_id": "cust_1",
        "product_id": "chatbot",
        "occurred_at": "2026-01-31T23:00:00Z",
        "data": {
            "model": "gpt-4o",
            "tokens": 350,
            "time_saved": 3,
            "time_saved_unit": "minutes",
            "money_saved": 1500,
        },
        "idempotency_key": "idem-1",
        "customer_unit": "dept-1",
    }
    assert (second["customer_id"], second["product_id"]) == ("cus_abc", "prod_abc")
    assert second["occurred_at"] == "2026-11-23T10:20:30.123456Z"
    assert (second["data"], second["idempotency_key"]) == (None, None)
    assert "customer_unit" not in second


@pytest.mark.parametrize("name", ["node.json", "python_retry.json", "python_cost_attributed.json"])
def test_what_clients_send_is_read_back_by_the_decoder(name):
    normal = parse_signals((REST / name).read_bytes(), NOW)
    frame, rejected = signals_from_rest([(journal_payload(normal), 1_795_000_000_000_000_000)])
    assert frame["signal_id"].to_list() == [one.signal_id for one in normal]
    assert rejected.is_empty()


def test_the_scope_claim_of_a_cost_attributed_signal_is_kept_for_the_linker():
    [one] = json.loads(journal_payload(parse_signals((REST / "python_cost_attributed.json").read_bytes(), NOW)))[
        "signals"
    ]
    assert one["data"]["paid"] == {"paid_scope_id": 1131015044}


def test_the_id_of_a_keyed_signal_follows_from_the_key_alone():
    assert signal_id_for("order-7") == "sig_" + xxhash.xxh3_128_hexdigest(b"key:order-7")
    [one], [other] = read(signal(idempotencyKey="order-7")), read(signal(idempotencyKey="order-7", eventName="x"))
    assert one["signal_id"] == other["signal_id"] == signal_id_for("order-7")


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_every_signal_has_its_own_id(key):
    assert signal_id_for(key) != signal_id_for(key)
    [one] = read(signal(idempotencyKey=key))
    assert one["idempotency_key"] is None


def test_the_snake_case_event_name_of_the_vendor_s_own_tool_is_taken():
    [one] = read({"event_name": "tool", "customer": {"customerId": "cus_1"}})
    assert (one["event_name"], one["customer_id"]) == ("tool", "cus_1")


def test_the_customer_s_own_id_is_preferred():
    [one] = read(signal(customer={"customerId": "cus_1", "externalCustomerId": "mine"}))
    assert one["customer_id"] == "mine"


def test_unknown_fields_and_nulls_are_ignored():
    [one] = read(signal(attribution=None, data=None, timestamp=None, customerUnit=None, future={"a": 1}))
    assert (one["product_id"], one["data"]) == (None, None)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2026-01-31T23:00:00Z", "2026-01-31T23:00:00Z"),
        ("2026-01-31t23:00:00.5z", "2026-01-31T23:00:00.500000Z"),
        ("2026-02-01T01:00:00+02:00", "2026-01-31T23:00:00Z"),
        ("2026-01-31 23:00:00-00:00", "2026-01-31T23:00:00Z"),
        ("2026-01-31T23:00:00.123456789Z", "2026-01-31T23:00:00.123456Z"),
    ],
)
def test_times_are_rfc_3339_and_kept_in_utc(written, read_as):
    [one] = read(signal(timestamp=written))
    assert one["occurred_at"] == read_as


@pytest.mark.parametrize(
    "number", ["0.1", "123456789012.123456", "1e-7", "12345678901234567890123", "-0.0", "9223372036854775807", "1.50"]
)
def test_numbers_in_data_keep_every_digit(number):
    body = b'{"signals":[{"eventName":"e","customer":{"customerId":"c"},"data":{"quantity":%s}}]}' % number.encode()
    record = parse_signals(body, NOW)[0].record
    written = json.loads(record, parse_float=Decimal, parse_int=Decimal)["data"]["quantity"]
    assert written == Decimal(number)


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({"customer": {"externalCustomerId": "c"}}, "signals[0].eventName"),
        ({"eventName": "e", "externalCustomerId": "c"}, "signals[0].customer"),
        ({"eventName": "e", "customer": "c"}, "signals[0].customer"),
        (signal(customer=None), "signals[0].customer"),
        (signal(customer={}), "signals[0].customer"),
        (signal(customer={"externalCustomerId": ""}), "signals[0].customer.externalCustomerId"),
        (signal(customer={"externalCustomerId": 7}), "signals[0].customer.externalCustomerId"),
        (signal(eventName=""), "signals[0].eventName"),
        (signal(eventName=1), "signals[0].eventName"),
        (signal(data=[1]), "signals[0].data"),
        (signal(data="text"), "signals[0].data"),
        (signal(idempotencyKey=5), "signals[0].idempotencyKey"),
        (signal(attribution="p"), "signals[0].attribution"),
        (signal(customerUnit={"externalCustomerUnitId": ".."}), "signals[0].customerUnit.externalCustomerUnitId"),
        (signal(customerUnit={}), "signals[0].customerUnit.externalCustomerUnitId"),
        (signal(timestamp="2026-01-31T23:00:00"), "signals[0].timestamp"),
        (signal(timestamp="2026-01-31"), "signals[0].timestamp"),
        (signal(timestamp="2026-02-30T23:00:00Z"), "signals[0].timestamp"),
        (signal(timestamp="0001-01-01T00:00:00+14:00"), "signals[0].timestamp"),
        (signal(timestamp=1769900400), "signals[0].timestamp"),
        ("text", "signals[0]"),
    ],
    ids=str,
)
def test_a_signal_of_the_wrong_shape_refuses_the_body_and_names_the_field(broken, field):
    with pytest.raises(Malformed) as refusal:
        read(broken, signal())
    assert refusal.value.field == field
    assert refusal.value.message.startswith(field)


def test_a_flat_customer_is_told_how_to_write_it():
    with pytest.raises(Malformed, match=r'"customer": \{"externalCustomerId"'):
        read({"eventName": "e", "externalCustomerId": "c"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"signals": null}',
        b'{"signals": {}}',
        b"\xff",
        b'{"signals": [], "x": NaN}',
        b"[" * 100_000,
        b'{"signals":[{"eventName":"\\ud800","customer":{"customerId":"c"}}]}',
        b'{"signals":[{"eventName":"e","customer":{"customerId":"c"},"idempotencyKey":"\\ud800"}]}',
        b'{"signals":[{"eventName":"e","customer":{"customerId":"c"},"data":{"\\ud800":1}}]}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_no_body_of_signals_is_malformed(body: bytes):
    with pytest.raises(Malformed):
        parse_signals(body, NOW)


def test_data_nests_to_a_bound():
    def body(levels: int) -> bytes:
        data = b'{"a":' * levels + b"1" + b"}" * levels
        return b'{"signals":[{"eventName":"e","customer":{"customerId":"c"},"data":%s}]}' % data

    assert len(parse_signals(body(DEEPEST - 3), NOW)) == 1
    with pytest.raises(Malformed, match="nested deeper"):
        parse_signals(body(DEEPEST + 1), NOW)
