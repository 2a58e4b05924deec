"""Both decoders agree with the plain one, to the byte, whatever arrives and whatever they have learned before."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from polars.testing import assert_frame_equal

from receiver.decode import MalformedPayload, Wanted, decode_traces, inspect_traces
from receiver.decode_messages import decode_messages
from receiver.dialects import WANTED_KEYS
from receiver.wire_decode import scan_payloads
from tests.receiver.otlp_payloads import DIALECT_CAPTURES, RECEIVED_NS, START_NS, attributes, event, payload, span
from tests.receiver.reference_decoder import reference_decode

# Keys of every kind: plain, wanted, content, secret, an address, those the decoder itself writes, odd ones.
KEYS = [
    "app.step", "gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.prompt.0.content", "gen_ai.input.messages",
    "token", "url.full", "resource", "span.resource", "marginlake.clock", "", 'quo"te\n', "k" * 127, "k" * 128, "naïve",
]  # fmt: skip
WANTED = Wanted(frozenset(KEYS[:8]) - {"app.step"}, frozenset({"region", "service.name"}), frozenset({"gen_ai.choice"}))

pytestmark = [pytest.mark.usefixtures("scanner"), pytest.mark.timeout(600)]  # the first may compile

scalars = st.one_of(
    st.text(max_size=12),
    st.text('abc é"\\\n\x7f', max_size=140),
    st.sampled_from(["x" * size for size in (0, 1, 124, 125, 126, 127, 128, 129, 16_380, 16_390)]),
    st.sampled_from(["https://api.example/v1?key=t0psecret", "gpt-6", ""]),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 1, 127, 128, 2**56 - 1, 2**56, 2**63 - 1, -1]),
    st.floats(),
    st.booleans(),
    st.binary(max_size=6),
    st.none(),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)
pairs = st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=8)
times = st.one_of(st.just(START_NS), st.integers(START_NS, START_NS + 10**9), st.integers(0, 2**64 - 1))


@st.composite
def spans(draw):
    made = span(
        trace_id=draw(st.sampled_from([b"\x01" * 16, b"\x02" * 16, bytes(16), b"\x01" * 15])),
        span_id=draw(st.sampled_from([b"\x01" * 8, b"\x02" * 8, b""])),
        parent_span_id=draw(st.sampled_from([b"", bytes(8), b"\x0a" * 8, b"\x0a"])),
        name=draw(st.text(max_size=5)),
        start_ns=draw(times),
        end_ns=draw(times),
        kind=draw(st.integers(-2, 9)),
        trace_state=draw(st.sampled_from(["", "ot=th:8"])),
        events=[event(name, dict(inside)) for name, inside in draw(st.lists(st.tuples(NAMES, pairs), max_size=2))],
        links=[Span.Link(trace_id=b"\x01" * 16)] if draw(st.booleans()) else [],
        **draw(st.sampled_from([{}, {"status": Status()}, {"status": Status(code=2, message="boom")}])),
    )
    for key, value in draw(pairs):
        made.attributes.extend(attributes({key: value}))
    return made


NAMES = st.sampled_from(["gen_ai.choice", "noise"])
payloads = st.builds(
    lambda inside, resource, scope: payload(*inside, resource=dict(resource), scope=scope),
    st.lists(spans(), max_size=5),
    st.lists(st.tuples(st.sampled_from(["service.name", "region", "token", "é"]), scalars), max_size=3),
    st.sampled_from(["", "lab"]),
)


def assert_agree(bodies, wanted=WANTED, *, capture_content=False):
    """Twice: as the decoder meets the attributes, and as it knows them."""
    batch = [(body, RECEIVED_NS + index * 1000) for index, body in enumerate(bodies)]
    expected = reference_decode(batch, wanted, capture_content=capture_content)
    for decode in (decode_messages, decode_messages, scan_payloads, scan_payloads):
        decoded = decode(batch, wanted, capture_content=capture_content)
        assert_frame_equal(decoded.spans, expected.spans)
        assert_frame_equal(decoded.events, expected.events)
        assert_frame_equal(decoded.rejected, expected.rejected)
    return expected


@pytest.mark.parametrize("capture_content", [False, True])
def test_on_all_recorded_traffic(capture_content):
    bodies = [path.read_bytes() for path in DIALECT_CAPTURES]

    for body in bodies:
        assert_agree([body], Wanted(WANTED_KEYS), capture_content=capture_content)
    everything = assert_agree(bodies * 3, Wanted(WANTED_KEYS), capture_content=capture_content)

    assert everything.spans.height > 600


@given(st.lists(payloads, max_size=4), st.booleans())
@settings(deadline=None)
def test_on_made_up_traffic(bodies, capture_content):
    assert_agree(bodies, capture_content=capture_content)


@given(st.lists(st.tuples(st.sampled_from(KEYS), scalars), min_size=100, max_size=300), st.integers(1, 40))
@settings(deadline=None, max_examples=60)
def test_on_many_attributes_that_are_read_in_bulk(sent, per_span):
    made = []
    for start in range(0, len(sent), per_span):
        made.append(span())
        for key, value in sent[start : start + per_span]:
            made[-1].attributes.extend(attributes({key: value}))

    assert_agree([payload(*made)])


@pytest.mark.parametrize("key", ["app.id", "gen_ai.response.id", "gen_ai.prompt", "token", "url.full"])
def test_on_values_that_never_repeat(key):
    numbers = range(3_000)
    made = [
        span({key: f"id-{number}", "n": number * 977, "big": -number, "text": f'"{number}"', "ü": "ä" * (number % 200)})
        for number in numbers
    ]
    wanted = Wanted(frozenset({key, "n", "text"}))

    for begin in range(0, 3_000, 500):
        assert_agree([payload(*made[begin : begin + 500])], wanted)


# What no library writes but the wire format allows: a span's hash and values must not depend on it.
def _field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content


STRING = _field(1, b"v")
IRREGULAR = {
    "value before key": _field(2, STRING) + _field(1, b"k"),
    "key twice": _field(1, b"old") + _field(1, b"k") + _field(2, STRING),
    "value twice, merged": _field(1, b"k") + _field(2, STRING) + _field(2, b"\x18\x05"),
    "long length": b"\x0a\x81\x00k" + _field(2, STRING),
    "long varint": _field(1, b"k") + _field(2, b"\x18\x85\x00"),
    "long zero": _field(1, b"k") + _field(2, b"\x18\x80\x80\x00"),
    "bits beyond 64": _field(1, b"k") + _field(2, b"\x18" + b"\xff" * 9 + b"\x7f"),
    "unknown field": _field(1, b"k") + _field(2, STRING) + _field(15, b"new"),
    "unknown field in the value": _field(1, b"k") + _field(2, STRING + _field(15, b"new")),
    "unknown field first": _field(15, b"new") + _field(1, b"k") + _field(2, STRING),
    "empty key written out": b"\x0a\x00" + _field(2, STRING),
    "key of another type": b"\x08\x05" + _field(2, STRING),
    "no value": _field(1, b"k"),
    "empty value": _field(1, b"k") + b"\x12\x00",
    "nothing": b"",
    "two kinds of value": _field(1, b"k") + _field(2, STRING + b"\x10\x01"),
    "string table": _field(1, b"k") + _field(2, b"\x40\x07"),
}
MALFORMED = {
    "torn key": b"\x0a\x05k",
    "torn value": _field(1, b"k") + b"\x12\x09\x0a",
    "torn text": _field(1, b"k") + b"\x12\x03\x0a\x05v",
    "text over its value": _field(1, b"k") + b"\x12\x03\x0a\x02v",
    "endless varint": _field(1, b"k") + _field(2, b"\x18" + b"\xff" * 10),
    "key not UTF-8": _field(1, b"\xff") + _field(2, STRING),
    "text not UTF-8": _field(1, b"k") + _field(2, _field(1, b"\xc3")),
    "text in a list not UTF-8": _field(1, b"k") + _field(2, _field(5, _field(1, _field(1, b"\xff")))),
    "secret not UTF-8": _field(1, b"token") + _field(2, _field(1, b"\xed\xa0\x80")),
    "one byte": b"\x0a",
    "tag of zero": b"\x00\x00",
}


def with_attribute(raw, *others):
    """A payload whose one span has, among others, an attribute of exactly these bytes."""
    inside = span().SerializeToString() + _field(9, raw)
    for key, value in others:
        inside += _field(9, KeyValue(key=key, value=attributes({"": value})[0].value).SerializeToString())
    return _enclosed(inside)


def _enclosed(inside):
    for tag in b"\x12\x12\x0a":
        length = len(inside)
        inside = bytes([tag, length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14]) + inside
    return inside


MANY = [(f"k{number}", f"v{number}") for number in range(100)]


@pytest.mark.parametrize("others", [[], MANY], ids=["alone", "in bulk"])
@pytest.mark.parametrize("raw", IRREGULAR.values(), ids=IRREGULAR)
def test_on_attributes_in_unusual_encoding(raw, others):
    wanted = Wanted(frozenset({"k", ""}))
    decode_traces([(payload(span({"k": "seen before", "old": 1})), RECEIVED_NS)], wanted)

    expected = assert_agree([with_attribute(raw, *others), payload(span({"k": "v"}))], wanted)

    assert expected.spans.height == 2


@pytest.mark.parametrize("others", [[], MANY], ids=["alone", "in bulk"])
@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_on_malformed_attributes(raw, others):
    body = with_attribute(raw, *others)
    with pytest.raises(MalformedPayload):
        inspect_traces(body)

    expected = assert_agree([body, payload(span({"k": "v"}))], Wanted(frozenset({"k"})))

    assert (expected.spans.height, expected.rejected.height) == (1, 1)


def test_a_malformed_payload_takes_no_other_with_it_and_keeps_its_place():
    good = [payload(span({"k": f"v{number}"}, name=str(number))) for number in range(4)]
    malformed = [with_attribute(MALFORMED["text not UTF-8"]), b"\xff", with_attribute(MALFORMED["torn key"], *MANY)]
    refused = payload(span(trace_id=b"", name="nameless"), span(name="kept"))
    bodies = [good[0], malformed[0], refused, good[1], malformed[1], good[2], malformed[2], malformed[0], good[3]]

    expected = assert_agree(bodies, Wanted(frozenset({"k"})))

    assert expected.spans["name"].to_list() == ["0", "kept", "1", "2", "3"]
    assert expected.rejected["payload_index"].to_list() == [1, 2, 4, 6, 7]


@given(st.binary(max_size=40), st.booleans())
@settings(deadline=None)
def test_on_any_bytes_as_an_attribute(raw, in_bulk):
    assert_agree([with_attribute(raw, *MANY * in_bulk)])


@pytest.mark.parametrize("levels", range(40, 60))
def test_on_values_nested_as_deep_as_can_be_parsed(levels):
    value = b""
    for _ in range(levels):
        inner = bytes([0x0A, len(value) & 0x7F | 0x80, len(value) >> 7]) + value
        value = bytes([0x2A, len(inner) & 0x7F | 0x80, len(inner) >> 7]) + inner
    raw = b"\x0a\x01k\x12" + bytes([len(value) & 0x7F | 0x80, len(value) >> 7]) + value
    inside = span().SerializeToString() + bytes([0x4A, len(raw) & 0x7F | 0x80, len(raw) >> 7]) + raw

    assert_agree([_enclosed(inside)])


def test_a_split_character_is_not_mended_by_its_neighbour():
    halves = [_field(1, b"app.id") + _field(2, _field(1, half)) for half in (b"\xc3", b"\xa9")]
    good = [
        KeyValue(key="app.id", value=attributes({"": f"id-{n}"})[0].value).SerializeToString() for n in range(1_500)
    ]
    for some in ([], good):
        inside = span().SerializeToString()
        for raw in (*some, *halves):
            inside += _field(9, raw)
        assert assert_agree([_enclosed(inside)]).rejected.height == 1


def test_a_span_field_sent_twice_is_merged_as_protobuf_says():
    twice = span({"k": "v"}).SerializeToString()
    twice += _field(15, Status(message="why").SerializeToString()) + _field(15, Status(code=2).SerializeToString())

    expected = assert_agree([_enclosed(twice + struct.pack("<B", 0x80) + b"\x10\x05")])

    assert expected.spans.select("status", "status_message").rows() == [("error", "why")]
