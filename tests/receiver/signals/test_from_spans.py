"""Billable events that travel in traces."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

from receiver.decode import Wanted, decode_traces
from receiver.frames import REJECTED_SCHEMA
from receiver.identity import IdentityConfig
from receiver.otlp_json import traces_to_protobuf
from receiver.signals.from_spans import signals_from_spans
from receiver.signals.rest import signal_id_for
from receiver.signals.schema import SIGNAL_FRAME_SCHEMA, SIGNALS_WANTED
from tests.receiver.otlp_payloads import DATA, RECEIVED_NS, SPAN_ID, TRACE_ID, event, payload, span

WANTED = SIGNALS_WANTED | IdentityConfig().wanted
PAID = "paid.trace.signal"
NAME = "marginlake.signal.event_name"


def decode(*bodies):
    return decode_traces([(body, RECEIVED_NS) for body in bodies], WANTED)


def signals_of(*bodies):
    decoded = decode(*bodies)
    signals, rejected = signals_from_spans(decoded.spans, decoded.events)
    assert dict(signals.schema) == dict(SIGNAL_FRAME_SCHEMA)
    assert dict(rejected.schema) == dict(REJECTED_SCHEMA)
    assert rejected.height == 0
    return signals


def one_signal(*spans, resource=None):
    return signals_of(payload(*spans, resource=resource)).row(0, named=True)


def paid_signal(data=None, **values):
    return span({"event_name": "sale", **values} | ({} if data is None else {"data": data}), name=PAID)


class TestRecordedSignals:
    """What the real SDKs send."""

    def test_node_sends_cost_traced_and_plain_signals(self):
        bodies = [traces_to_protobuf(path.read_bytes()) for path in sorted((DATA / "paid" / "node").glob("*.json"))]

        signals = signals_of(*bodies).sort("span_id")

        assert signals.select(
            "event_name", "customer_id", "product_id", "span_id", "parent_span_id", "cost_traced", "data"
        ).rows() == [
            ("plain", "cust_1", "chatbot", "30029d485b816aae", "4f0668791e99f0b2", False, '{"a":1}'),
            (
                "chat_message",
                "cust_1",
                "chatbot",
                "a8f7fcf93cda961f",
                "4f0668791e99f0b2",
                True,
                '{"model":"gpt-4o","tokens":120}',
            ),
            ("chat_message", "cust_1", "chatbot", "f103cd4fa1a450a1", "f367b931834c5857", True, "{}"),
        ]
        assert signals["occurred_at"][1] == datetime(2026, 11, 23, 21, 8, 38, 431000, tzinfo=UTC)

    def test_python_sends_them_without_claiming_the_scope_they_were_made_in(self):
        body = (DATA / "paid" / "python" / "072_POST_v1_traces.body.pb").read_bytes()

        signals = signals_of(body)

        assert signals.select("event_name", "customer_id", "cost_scope", "cost_traced", "data").rows() == [
            ("chat_message", "cust_1", None, True, '{"tokens":350}'),
            ("plain_signal", "cust_1", None, False, '{"k":"v"}'),
        ]

    def test_the_old_python_sdk_sends_them_too(self):
        body = (DATA / "paid" / "python_0.6" / "007_POST_v1_traces.body.pb").read_bytes()
        signals = signals_of(body)
        assert signals.select("event_name", "customer_id", "product_id", "cost_traced", "data").rows() == [
            ("e", "cust_1", "p", True, '{"x":1}')
        ]

    def test_a_signal_outside_any_context_belongs_to_nobody_and_is_kept(self):
        body = (DATA / "paid" / "python" / "signal_outside_context.body.pb").read_bytes()
        assert signals_of(body).select("event_name", "customer_id", "product_id").rows() == [("outside", None, None)]

    def test_an_event_name_alone_makes_no_signal(self):
        """The Vercel AI SDK's spans carry ``event_name`` = ``llm``."""
        body = (DATA / "paid" / "node" / "018_POST_v1_traces.body.json").read_bytes()
        decoded = decode(traces_to_protobuf(body))
        signals, rejected = signals_from_spans(decoded.spans, decoded.events)
        assert (decoded.spans.height, signals.height, rejected.height) == (1, 0, 0)


class TestSignalSpans:
    def test_its_id_follows_from_where_it_stands(self):
        signal = one_signal(paid_signal())
        assert signal["signal_id"] == "sig_" + xxh3_128_hexdigest(f"{TRACE_ID.hex()}:{SPAN_ID.hex()}".encode())
        assert (signal["source"], signal["quantity"], signal["data"]) == ("otlp", Decimal(1), None)

    def test_sent_again_it_is_the_same_signal(self):
        body = payload(paid_signal())
        assert signals_of(body, body).height == 1

    def test_without_an_event_name_it_is_rejected(self):
        decoded = decode(
            payload(span({"event_name": "", "data": "{}"}, name=PAID), span(name=PAID, span_id=b"\x02" * 8))
        )

        signals, rejected = signals_from_spans(decoded.spans, decoded.events)

        assert signals.height == 0
        assert rejected.select("span_id", "reason", "content_hash").rows() == [
            (row["span_id"], "signal_without_event_name", row["content_hash"])
            for row in decoded.spans.iter_rows(named=True)
        ]

    def test_a_scope_is_claimed_in_its_data_only(self):
        stamped = one_signal(paid_signal('{"n":1}', paid_scope_id=7))
        claiming = one_signal(paid_signal('{"paid":{"paid_scope_id":2071184812}}', paid_scope_id=7))

        assert (stamped["cost_scope"], stamped["cost_traced"]) == (None, False)
        assert (claiming["cost_scope"], claiming["cost_traced"], claiming["data"]) == ("2071184812", True, "{}")

    @pytest.mark.parametrize(
        ("values", "traced"),
        [
            ({"enable_cost_tracing": True}, True),
            ({"enable_cost_tracing": "true"}, True),
            ({"enable_cost_tracing": False}, False),
            ({"data": '{"paid":{"enable_cost_tracing":true}}'}, True),
            ({"data": '{"paid":{"enable_cost_tracing":false}}'}, False),
            ({"data": '{"paid":"a user\'s own"}'}, False),
            ({}, False),
        ],
    )
    def test_it_is_cost_traced_when_it_says_so(self, values, traced):
        assert one_signal(paid_signal(**values))["cost_traced"] is traced


class TestNeutralSignals:
    """Any OpenTelemetry user can signal, without an SDK of anyone's."""

    def test_a_span_with_our_attributes_is_a_signal(self):
        signal = one_signal(
            span(
                {
                    NAME: "report_done",
                    "marginlake.signal.data": '{"pages": 3, "paid": {}}',
                    "marginlake.signal.quantity": 2.5,
                    "marginlake.cost_scope": "job-9",
                    "marginlake.signal.idempotency_key": "r1",
                    "customer.id": "acme",
                },
                name="render",
                parent_span_id=b"\x09" * 8,
            ),
            resource={"product.id": "reports"},
        )

        assert {key: signal[key] for key in signal if key not in {"signal_id", "occurred_at", "received_at"}} == {
            "event_name": "report_done",
            "source": "otlp",
            "customer_id": "acme",
            "product_id": "reports",
            "trace_id": TRACE_ID.hex(),
            "span_id": SPAN_ID.hex(),
            "cost_scope": "job-9",
            "cost_traced": True,
            "idempotency_key": "r1",
            "customer_unit": None,
            "quantity": Decimal("2.5"),
            "data": '{"pages":3}',
            "own_customer_id": "acme",
            "own_product_id": "reports",
            "parent_span_id": "09" * 8,
        }

    def test_it_is_cost_traced_unless_it_says_no(self):
        assert one_signal(span({NAME: "e"}))["cost_traced"] is True
        assert one_signal(span({NAME: "e", "marginlake.signal.cost_traced": False}))["cost_traced"] is False

    def test_an_empty_name_is_no_signal(self):
        assert signals_of(payload(span({NAME: ""}))).height == 0

    def test_a_span_named_as_a_signal_goes_by_its_name(self):
        assert one_signal(paid_signal(**{NAME: "other"}))["event_name"] == "sale"

    def test_a_span_event_is_a_signal_of_its_own(self):
        host = span(
            {"customer.id": "acme", "product.id": "bot", "marginlake.cost_scope": "host"},
            events=[
                event("log", {}),
                event("sold", {NAME: "sale"}),
                event("sold", {NAME: "sale", "customer.id": "sub"}),
            ],
        )

        signals = signals_of(payload(host))

        place = f"{TRACE_ID.hex()}:{SPAN_ID.hex()}"
        assert signals.select("signal_id", "customer_id", "product_id", "cost_scope", "own_customer_id").rows() == [
            ("sig_" + xxh3_128_hexdigest(f"{place}:1".encode()), "acme", "bot", None, "acme"),
            ("sig_" + xxh3_128_hexdigest(f"{place}:2".encode()), "sub", "bot", None, "sub"),
        ]
        assert signals["occurred_at"][0].microsecond == 124456

    def test_a_span_event_without_a_time_happened_when_its_span_began(self):
        signals = signals_of(payload(span(events=[event("sold", {NAME: "sale"}, time_ns=0)])))
        assert signals["occurred_at"][0].microsecond == 123456

    def test_events_of_a_span_that_was_kept_out_are_left_out(self):
        first = payload(span({"n": 1}))
        changed = payload(span({"n": 2}, events=[event("sold", {NAME: "sale"})]))
        decoded = decode(first, changed)
        kept = decoded.spans.unique(["trace_id", "span_id"], keep="first", maintain_order=True)

        assert signals_from_spans(kept, decoded.events)[0].height == 0
        assert signals_from_spans(decoded.spans, decoded.events)[0].height == 1


class TestData:
    @pytest.mark.parametrize(
        ("sent", "quantity"),
        [
            ('{"quantity": 3}', "3"),
            ('{"quantity": 0}', "0"),
            ('{"quantity": 0.1}', "0.1"),
            ('{"quantity": 1e3}', "1000"),
            ('{"quantity": "4"}', "4"),
            ('{"quantity": 999999999999.999999}', "999999999999.999999"),
            ('{"quantity": null}', "1"),
            ('{"n": 1}', "1"),
            ("[1]", "1"),
            ("", "1"),
            ('{"quantity": -1}', None),
            ('{"quantity": "many"}', None),
            ('{"quantity": ""}', None),
            ('{"quantity": true}', None),
            ('{"quantity": {"n": 1}}', None),
            ('{"quantity": NaN}', "1"),
            ('{"quantity": 1e400}', None),
            ('{"quantity": 1000000000000}', None),
        ],
    )
    def test_the_quantity_is_a_number_that_is_not_negative(self, sent, quantity):
        assert one_signal(paid_signal(sent))["quantity"] == (None if quantity is None else Decimal(quantity))

    def test_an_attribute_beats_the_data(self):
        values = {NAME: "e", "marginlake.signal.data": '{"quantity": 3}', "marginlake.signal.quantity": "none"}
        assert one_signal(span(values))["quantity"] is None

    def test_digits_are_kept_as_written(self):
        sent = '{"id":123456789012345678901234567890,"x":0.10,"y":1E2,"é":"\\u00e9"}'
        assert one_signal(paid_signal(sent))["data"] == '{"id":123456789012345678901234567890,"x":0.10,"y":1E2,"é":"é"}'

    def test_python_writes_nan_which_json_does_not_know(self):
        signal = one_signal(paid_signal('{"score": NaN, "paid": {"enable_cost_tracing": true}}'))
        assert (signal["data"], signal["cost_traced"]) == ('{"score":null}', True)

    @pytest.mark.parametrize("sent", ["not json", '{"torn": ', '{"half": "\\ud800"}', "[" * 2000 + "]" * 2000])
    def test_what_is_not_json_is_kept_raw(self, sent):
        assert json.loads(one_signal(paid_signal(sent))["data"]) == {"_raw": sent}

    def test_data_need_not_be_an_object(self):
        assert one_signal(paid_signal('["a", 1]'))["data"] == '["a",1]'

    @given(
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from(["", "x", "é", '"', "\\", "paid"])),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "paid"]), inner, max_size=3)
            ),
            max_leaves=8,
        )
    )
    def test_only_our_own_key_is_taken_out(self, data):
        signal = one_signal(paid_signal(json.dumps(data)))
        expected = {key: data[key] for key in data if key != "paid"} if isinstance(data, dict) else data
        assert json.loads(signal["data"]) == expected


def test_frames_without_signals_give_empty_frames():
    decoded = decode_traces([(payload(span()), RECEIVED_NS)], Wanted())
    signals, rejected = signals_from_spans(decoded.spans, decoded.events)
    assert dict(signals.schema) == dict(SIGNAL_FRAME_SCHEMA)
    assert (signals.height, rejected.height) == (0, 0)


def test_the_order_of_payloads_does_not_change_a_signal():
    bodies = [payload(span({NAME: f"e{i}"}, span_id=bytes([i]) * 8)) for i in range(1, 5)]
    there, back = signals_of(*bodies), signals_of(*reversed(bodies))
    assert there.sort("signal_id").equals(back.sort("signal_id"))
    assert there.select(pl.col("signal_id").n_unique()).item() == 4


def test_the_same_key_is_the_same_signal_wherever_it_is_said():
    """Also on a span event and by REST; which of them counts is decided in the lake."""
    keyed = {NAME: "sale", "marginlake.signal.idempotency_key": "order-1"}
    found = signals_of(
        payload(span(keyed), span(keyed, span_id=bytes([7]) * 8)),
        payload(span({}, span_id=bytes([8]) * 8, events=[event("sold", keyed), event("sold", {NAME: "other"})])),
    )
    assert found["signal_id"].to_list().count(signal_id_for("order-1")) == 3
    assert found["signal_id"].n_unique() == 2


def test_an_empty_key_is_none():
    found = signals_of(payload(span({NAME: "sale", "marginlake.signal.idempotency_key": ""})))
    place = f"{TRACE_ID.hex()}:{SPAN_ID.hex()}"
    assert found["signal_id"].to_list() == ["sig_" + xxh3_128_hexdigest(place.encode())]
