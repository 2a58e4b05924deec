"""From OTLP bytes to frames: what a row holds, what is refused, and that nothing is lost."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from xxhash import xxh3_64_intdigest

from receiver.decode import MalformedPayload, Wanted, decode_traces, inspect_traces
from receiver.frames import EVENT_SCHEMA, REJECTED_SCHEMA, SPAN_SCHEMA
from tests.receiver.otlp_payloads import (
    DIALECT_CAPTURES,
    RECEIVED_NS,
    SPAN_ID,
    START_NS,
    TRACE_ID,
    any_value,
    event,
    payload,
    span,
)

NOTHING = Wanted()


def decoded_span(*args, wanted=NOTHING, resource=None, capture_content=False, **fields):
    """Decode one span and return its row."""
    body = payload(span(*args, **fields), resource=resource)
    return decode_traces([(body, RECEIVED_NS)], wanted, capture_content=capture_content).spans.row(0, named=True)


def attributes_of(row):
    return json.loads(row["attributes"])


def test_a_span_becomes_a_row():
    sent = span(
        {"gen_ai.system": "openai"},
        parent_span_id=b"\x0a" * 8,
        name="chat",
        kind=3,
        status=Status(code=2, message="boom"),
        trace_state="ot=th:8",
    )
    body = payload(sent, resource={"service.name": "shop"}, scope="openai_v2", version="0.9")

    row = decode_traces([(body, RECEIVED_NS)], NOTHING).spans.row(0, named=True)

    assert row == {
        "trace_id": TRACE_ID.hex(),
        "span_id": SPAN_ID.hex(),
        "parent_span_id": "0a" * 8,
        "name": "chat",
        "kind": "client",
        "start_time": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=START_NS // 1000),
        "duration_ns": 5_000_000,
        "status": "error",
        "status_message": "boom",
        "service_name": "shop",
        "scope_name": "openai_v2",
        "scope_version": "0.9",
        "trace_state": "ot=th:8",
        "attributes": '{"gen_ai.system":"openai","resource":{"service.name":"shop"}}',
        "content_hash": xxh3_64_intdigest(sent.SerializeToString()),
        "received_at": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=RECEIVED_NS // 1000),
        "payload_index": 0,
    }


def test_what_a_span_does_not_say_is_null():
    row = decode_traces([(payload(span(), scope="", version=""), RECEIVED_NS)], NOTHING).spans.row(0, named=True)

    absent = ("parent_span_id", "status_message", "service_name", "scope_name", "scope_version", "trace_state")
    assert [row[name] for name in absent] == [None] * 6
    assert (row["kind"], row["status"]) == ("unspecified", "unset")


def test_enumerations_of_a_later_version_fall_back():
    row = decoded_span(kind=77, status=Status(code=9))
    assert (row["kind"], row["status"]) == ("unspecified", "unset")


def test_nothing_in_gives_empty_frames_of_the_full_schema():
    empty = decode_traces([], Wanted(frozenset({"a"}), frozenset({"b"}), frozenset({"c"})))

    assert dict(empty.spans.schema) == dict(SPAN_SCHEMA)
    assert dict(empty.events.schema) == dict(EVENT_SCHEMA)
    assert dict(empty.rejected.schema) == dict(REJECTED_SCHEMA)
    assert empty.spans.height == empty.events.height == empty.rejected.height == 0


def test_every_recorded_span_of_every_instrumentation_is_decoded():
    bodies = [path.read_bytes() for path in DIALECT_CAPTURES]
    sent = [
        (one.name, one.trace_id.hex(), one.span_id.hex(), max(one.end_time_unix_nano - one.start_time_unix_nano, 0))
        for body in bodies
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope_spans in resource_spans.scope_spans
        for one in scope_spans.spans
    ]

    decoded = decode_traces([(body, RECEIVED_NS) for body in bodies], NOTHING)

    assert decoded.rejected.height == 0
    assert len(sent) > 200
    assert decoded.spans.select("name", "trace_id", "span_id", "duration_ns").rows() == sent
    assert sum(inspect_traces(body).spans for body in bodies) == len(sent)


def test_spans_keep_their_own_resource_and_scope_across_payloads():
    bodies = [
        payload(span(name="a"), span(name="b"), resource={"service.name": "one"}, scope="s1"),
        payload(span(name="bad", trace_id=b""), resource={"service.name": "lost"}, scope="s2"),
        payload(resource={"service.name": "empty"}),
        payload(span(name="c"), resource={"region": "eu"}, scope="s3"),
    ]
    wanted = Wanted(resource_keys=frozenset({"region", "service.name"}))

    spans = decode_traces([(body, RECEIVED_NS + i * 1000) for i, body in enumerate(bodies)], wanted).spans

    assert spans.select("name", "service_name", "scope_name", "@r:region", "@r:service.name").rows() == [
        ("a", "one", "s1", None, "one"),
        ("b", "one", "s1", None, "one"),
        ("c", None, "s3", "eu", None),
    ]
    received_us = spans["received_at"].cast(pl.Int64)
    assert (received_us - RECEIVED_NS // 1000).to_list() == [0, 0, 3]


class TestRefusals:
    """Spans whose ids the specification forbids are refused one by one; their neighbours are kept."""

    @pytest.mark.parametrize(
        ("ids", "reason"),
        [
            ({"trace_id": b""}, "invalid_trace_id"),
            ({"trace_id": bytes(16)}, "invalid_trace_id"),
            ({"trace_id": b"\x01" * 15}, "invalid_trace_id"),
            ({"trace_id": b"\x01" * 32}, "invalid_trace_id"),
            ({"span_id": b""}, "invalid_span_id"),
            ({"span_id": bytes(8)}, "invalid_span_id"),
            ({"span_id": b"\x01" * 16}, "invalid_span_id"),
            ({"parent_span_id": b"\x01" * 7}, "invalid_parent_span_id"),
        ],
    )
    def test_a_span_with_an_invalid_id_is_recorded_with_its_reason(self, ids, reason):
        body = payload(span(name="good"), span(name="bad", **ids))

        decoded = decode_traces([(payload(), RECEIVED_NS), (body, RECEIVED_NS)], NOTHING)

        assert decoded.spans["name"].to_list() == ["good"]
        row = decoded.rejected.row(0, named=True)
        assert (row["reason"], row["payload_index"]) == (reason, 1)
        assert "'bad'" in row["detail"]
        assert row["trace_id"] == (ids.get("trace_id", TRACE_ID).hex() or None)

    def test_a_parent_of_zeros_means_no_parent(self):
        assert decoded_span(parent_span_id=bytes(8))["parent_span_id"] is None

    def test_inspection_counts_them_and_says_why(self):
        seen = inspect_traces(payload(span(), span(trace_id=b""), span(span_id=b""), span(span_id=b"x")))

        assert (seen.spans, seen.rejected) == (4, 3)
        assert seen.reason == (
            "3 of 4 spans rejected: 2 x span id must be 8 bytes and not all zero; "
            "1 x trace id must be 16 bytes and not all zero"
        )

    def test_inspection_of_good_spans_has_no_reason(self):
        assert inspect_traces(payload(span())).reason is None

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.one_of(st.binary(max_size=20), st.just(bytes(16)), st.binary(min_size=16, max_size=16)),
                st.one_of(st.binary(max_size=10), st.just(bytes(8)), st.binary(min_size=8, max_size=8)),
                st.one_of(st.binary(max_size=10), st.just(bytes(8)), st.just(b"")),
                st.integers(0, 2**64 - 1),
                st.integers(0, 2**64 - 1),
            ),
            max_size=8,
        )
    )
    def test_inspection_and_decoding_always_agree_and_no_span_vanishes(self, ids):
        body = payload(
            *(
                span(trace_id=trace_id, span_id=span_id, parent_span_id=parent, start_ns=start, end_ns=end)
                for trace_id, span_id, parent, start, end in ids
            )
        )

        seen, decoded = inspect_traces(body), decode_traces([(body, RECEIVED_NS)], NOTHING)

        assert seen.rejected == decoded.rejected.height
        assert seen.spans - seen.rejected == decoded.spans.height
        assert seen.spans == len(ids)


class TestMalformedPayloads:
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"\xff\xff\xff", id="not protobuf"),
            pytest.param(payload(span())[:-3], id="torn"),
            pytest.param(payload(span(name="naïve")).replace("ï".encode(), b"\xff\xfe"), id="not UTF-8"),
        ],
    )
    def test_it_is_refused_before_the_answer_and_recorded_when_met_later(self, body):
        with pytest.raises(MalformedPayload, match="not a protobuf"):
            inspect_traces(body)

        decoded = decode_traces([(body, RECEIVED_NS), (payload(span()), RECEIVED_NS)], NOTHING)

        assert decoded.spans.height == 1
        assert decoded.rejected["reason"].to_list() == ["malformed_payload"]
        assert decoded.rejected["content_hash"].to_list() == [xxh3_64_intdigest(body)]

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_no_bytes_crash_the_decoder(self, body):
        decoded = decode_traces([(body, RECEIVED_NS)], NOTHING)
        try:
            seen = inspect_traces(body)
        except MalformedPayload:
            assert decoded.rejected["reason"].to_list() == ["malformed_payload"]
        else:
            assert seen.rejected == decoded.rejected.height


class TestTimes:
    """A span is never refused for its times: it may have cost money."""

    def test_an_end_before_the_start_counts_as_no_duration(self):
        assert decoded_span(end_ns=START_NS - 1)["duration_ns"] == 0

    def test_a_span_that_never_ended_has_no_duration(self):
        assert decoded_span(end_ns=0)["duration_ns"] == 0

    @pytest.mark.parametrize("start_ns", [0, 1_795_468_100_123, 86_400_000_000_000])
    def test_without_a_credible_start_the_end_stands_in(self, start_ns):
        row = decoded_span(start_ns=start_ns, end_ns=START_NS)

        assert row["start_time"].microsecond == 123456
        assert row["duration_ns"] == 0
        assert attributes_of(row)["marginlake.clock"] == {
            "start_time_unix_nano": start_ns,
            "start_time_from": "end",
        }

    def test_without_any_credible_time_the_receipt_stands_in(self):
        row = decoded_span(start_ns=0, end_ns=0)

        assert row["start_time"] == row["received_at"]
        assert attributes_of(row)["marginlake.clock"]["start_time_from"] == "received"

    def test_the_furthest_time_otlp_can_write_is_kept(self):
        row = decoded_span(start_ns=2**64 - 1, end_ns=2**64 - 1)
        assert row["start_time"].year == 2554

    def test_a_duration_no_column_can_hold_is_cut(self):
        assert decoded_span(end_ns=2**64 - 1)["duration_ns"] == 2**63 - 1


class TestAttributes:
    def test_every_kind_of_value_is_kept(self):
        row = decoded_span(
            {
                "text": "é",
                "empty": "",
                "int": -(2**63),
                "zero": 0,
                "double": 0.1,
                "nan": float("nan"),
                "inf": float("-inf"),
                "yes": True,
                "no": False,
                "bytes": b"\x00\xff",
                "list": [1, "two", [3.5, None]],
                "map": {"a": {"b": 1}},
                "nothing": None,
            }
        )

        assert attributes_of(row) == {
            "text": "é",
            "empty": "",
            "int": -(2**63),
            "zero": 0,
            "double": 0.1,
            "nan": "NaN",
            "inf": "-Infinity",
            "yes": True,
            "no": False,
            "bytes": "AP8=",
            "list": [1, "two", [3.5, None]],
            "map": {"a": {"b": 1}},
            "nothing": None,
            "resource": {},
        }

    def test_of_a_repeated_key_the_last_value_counts(self):
        sent = span({"model": "first"})
        sent.attributes.append(KeyValue(key="model", value=any_value("second")))
        body = payload(span({"model": "before"}), sent, span({"model": "after"}))

        spans = decode_traces([(body, RECEIVED_NS)], Wanted(frozenset({"model"}))).spans

        assert spans["@model"].to_list() == ["before", "second", "after"]
        assert json.loads(spans["attributes"][1])["model"] == "second"

    def test_an_attribute_called_resource_makes_room(self):
        row = decoded_span({"resource": "gpu"}, resource={"host.name": "h"})
        assert attributes_of(row) == {"span.resource": "gpu", "resource": {"host.name": "h"}}


class TestWideColumns:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("", ""),
            ("gpt", "gpt"),
            (0, "0"),
            (-7, "-7"),
            (2**63 - 1, "9223372036854775807"),
            (1.0, "1.0"),
            (1e-7, "1e-07"),
            (float("nan"), "nan"),
            (True, "true"),
            (False, "false"),
            (b"\x00\xff", "AP8="),
            (["stop", 1], '["stop",1]'),
            ({"a": 1}, '{"a":1}'),
        ],
    )
    def test_values_are_rendered_as_text(self, value, text):
        assert decoded_span({"k": value}, wanted=Wanted(frozenset({"k"})))["@k"] == text

    def test_only_wanted_keys_that_occurred_have_a_column(self):
        body = payload(span({"seen": "x", "other": "y"}), span())
        spans = decode_traces([(body, RECEIVED_NS)], Wanted(frozenset({"seen", "unseen"}))).spans

        assert [name for name in spans.columns if name.startswith("@")] == ["@seen"]
        assert spans["@seen"].to_list() == ["x", None]

    def test_an_empty_value_is_absent(self):
        assert "@k" not in decoded_span({"k": None}, wanted=Wanted(frozenset({"k"})))

    def test_prompt_text_may_be_looked_into_but_is_not_stored(self):
        sent = {"gen_ai.prompt.0.content": "my secret plan", "gen_ai.prompt.0.n": 3}
        wanted = Wanted(frozenset(sent))

        row = decoded_span(sent, wanted=wanted)
        kept = decoded_span(sent, wanted=wanted, capture_content=True)

        assert (row["@gen_ai.prompt.0.content"], row["@gen_ai.prompt.0.n"]) == ("my secret plan", "3")
        assert attributes_of(row) == {"resource": {}}
        assert attributes_of(kept) == {**sent, "resource": {}}

    def test_a_secret_is_neither_stored_nor_looked_into(self):
        wanted = Wanted(frozenset({"token"}), frozenset({"api.key"}))
        row = decoded_span(
            {"token": "t0psecret", "headers": {"x": 1}, "map": {"authorization": "Bearer t0psecret", "ok": 1}},
            resource={"api.key": "t0psecret"},
            wanted=wanted,
            capture_content=True,
        )

        assert "t0psecret" not in str(row)
        assert attributes_of(row) == {"map": {"ok": 1}, "resource": {}}

    def test_a_key_in_an_address_is_cut_out(self):
        row = decoded_span({"url.full": "https://api.example/v1?alt=sse&key=t0psecret"})
        assert attributes_of(row)["url.full"] == "https://api.example/v1?alt=sse&key=REDACTED"


class TestEvents:
    def test_wanted_events_and_signal_events_are_rows(self):
        body = payload(
            span({"n": 1}),
            span(
                span_id=b"\x07" * 8,
                events=[
                    event("noise", {"n": 1}),
                    event("gen_ai.choice", {"n": 2, "message": "hello", "finish_reason": "stop"}),
                    event("sold", {"marginlake.signal.event_name": "sale", "token": "t"}, time_ns=0),
                ],
            ),
        )

        wanted = Wanted(frozenset({"n"}), event_names=frozenset({"gen_ai.choice"}))
        decoded = decode_traces([(body, RECEIVED_NS)], wanted)

        assert decoded.events.select("span_id", "event_index", "name", "attributes", "@n").rows() == [
            ("07" * 8, 1, "gen_ai.choice", '{"n":2,"finish_reason":"stop"}', "2"),
            ("07" * 8, 2, "sold", '{"marginlake.signal.event_name":"sale"}', None),
        ]
        assert decoded.events["time"].is_null().to_list() == [False, True]
        assert decoded.events["content_hash"].unique().to_list() == [decoded.spans["content_hash"][1]]


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.one_of(st.text(), st.integers(-5, 5))), max_size=6)
)
def test_wide_columns_stay_aligned_with_their_spans(sent):
    body = payload(*(span(values) for values in sent))

    spans = decode_traces([(body, RECEIVED_NS)], Wanted(frozenset({"a", "b", "c"}))).spans

    for key in ("a", "b", "c"):
        column = spans[f"@{key}"].to_list() if f"@{key}" in spans.columns else [None] * len(sent)
        assert column == [None if key not in values else str(values[key]) for values in sent]
