"""The compiled scanner makes the frames of the decoder of messages, and reads the usual traffic without its help."""

import math
import random
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from polars.testing import assert_frame_equal
from xxhash import xxh3_64_intdigest

from receiver import wire_decode, wire_keys, wire_ready
from receiver.decode import Wanted, decode_traces
from receiver.decode_messages import decode_messages
from receiver.dialects import WANTED_KEYS
from receiver.wire_decode import Scanner, scan_payloads
from tests.receiver.otlp_payloads import DATA, DIALECT_CAPTURES, RECEIVED_NS, attributes, event, payload, span

pytestmark = [pytest.mark.usefixtures("scanner"), pytest.mark.timeout(600)]  # the first may compile

WANTED = Wanted(
    frozenset({"k", "n", "gen_ai.request.model", "url.full", "token"}),
    frozenset({"service.name", "region"}),
    frozenset({"gen_ai.choice"}),
)
CAPTURES = [*DIALECT_CAPTURES, *sorted((DATA / "otlp_files").glob("*.pb"))]


def assert_same(bodies, wanted=WANTED, *, capture_content=False):
    """Decode with a scanner of its own; returns how many payloads it left to the decoder of messages."""
    batch = [(body, RECEIVED_NS + place * 1000) for place, body in enumerate(bodies)]
    expected = decode_messages(batch, wanted, capture_content=capture_content)
    scanner = Scanner(wanted, capture_content=capture_content)
    for decoded in (scanner.decode(batch), scanner.decode(batch)):
        assert_frame_equal(decoded.spans, expected.spans)
        assert_frame_equal(decoded.events, expected.events)
        assert_frame_equal(decoded.rejected, expected.rejected)
    return scanner.left_to_messages // 2


def field(number, content):
    """A field of bytes on the wire."""
    length = bytearray()
    size = len(content)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def enclosed(raw_span):
    return field(1, field(2, field(2, raw_span)))


@pytest.mark.parametrize("capture_content", [False, True])
def test_all_recorded_traffic_is_read_without_help(capture_content):
    bodies = [path.read_bytes() for path in CAPTURES]

    left = assert_same(bodies, Wanted(WANTED_KEYS), capture_content=capture_content)

    assert left == 0
    assert len(bodies) > 50


def test_no_payload_and_payloads_of_nothing():
    empty = [b"", field(1, b""), field(1, field(2, b"")), payload(), payload(resource={"region": "eu"})]

    assert assert_same([]) == 0
    assert assert_same(empty) == 0
    assert assert_same([*empty, payload(span({"k": "v"}))]) == 0


# Any change of a byte: mostly malformed, sometimes valid but unusual. Neither may be read otherwise than by messages.
@given(st.data())
@settings(deadline=None, max_examples=200)
def test_on_torn_and_altered_payloads(data):
    full = payload(
        span(
            {
                "k": "text",
                "n": 5,
                "d": 0.25,
                "flag": True,
                "list": ["a", "b"],
                "map": {"x": [1, b"z"]},
                "url.full": "u?key=1",
            },
            events=[event("gen_ai.choice", {"k": "v", "deep": [["x"]]})],
            links=[Span.Link(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, attributes=attributes({"k": {"y": 1}}))],
            status=Status(code=2, message="boom"),
            parent_span_id=b"\x03" * 8,
            kind=3,
            flags=257,
            dropped_events_count=3,
        ),
        resource={"service.name": "api", "region": "eu", "list": [1]},
    )
    body = bytearray(full)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert", "remove"])):
            case "set":
                body[at] = data.draw(st.integers(0, 255))
            case "cut":
                del body[at:]
            case "insert":
                body[at:at] = data.draw(st.binary(min_size=1, max_size=3))
            case "remove":
                del body[at]
        if not body:
            break

    assert_same([payload(span({"k": "before"})), bytes(body), payload(span({"k": "after"}))])


def test_every_prefix_of_a_payload():
    body = payload(
        span({"k": "é" * 20, "n": 2**40, "d": 1e300}, status=Status(message="why")), resource={"region": "x"}
    )

    assert_same([body[:size] for size in range(len(body))])


@given(st.lists(st.floats(), min_size=1, max_size=30))
@example(
    [0.0, -0.0, 1e-4, 9.9e-5, 1e16, 1e15, 123456789012345680.0, 5e-324, 1.7976931348623157e308, math.nan, math.inf]
)
@settings(deadline=None)
def test_doubles_are_written_as_messages_write_them(numbers):
    assert assert_same([payload(*(span({"k": number, "n": -number, "plain": number}) for number in numbers))]) == 0


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
@example([0, 9, 10, 99, 10**18, 10**19 - 2**63, -(2**63), 2**63 - 1])
@settings(deadline=None)
def test_integers_are_written_as_messages_write_them(numbers):
    numbers = [max(-(2**63), min(2**63 - 1, number)) for number in numbers]

    assert assert_same([payload(*(span({"k": number, "plain": number}) for number in numbers))]) == 0


@given(st.text(max_size=90), st.text('ab\x00\x01\x07\x08\x0b\x1f\n\r\t\f"\\/\x7f\x80é€😀', max_size=90))
@settings(deadline=None)
def test_texts_are_escaped_as_messages_escape_them(text, odd):
    made = span({"k": text, "plain": odd, "list": [text, odd], text or "x": odd, "k2": odd + "x" * 40 + text}, name=odd)

    assert assert_same([payload(made, resource={"region": text}, scope=odd)], capture_content=True) == 0


@given(st.binary(max_size=80))
@settings(deadline=None, max_examples=300)
def test_only_utf8_passes(raw):
    assert_same([enclosed(span(name="").SerializeToString() + field(9, field(1, b"k") + field(2, field(1, raw))))])


@pytest.mark.parametrize("lead", [0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF])
def test_every_beginning_of_a_character(lead):
    bodies = []
    for second in (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF):
        for rest in (b"", b"\x80", b"\x80\x80", b"\xbf\xbf\xbf", b"a"):
            raw = b"0123456" + bytes([lead, second]) + rest
            bodies.append(enclosed(span().SerializeToString() + field(9, field(1, b"k") + field(2, field(1, raw)))))

    assert_same(bodies)


def test_hashes_of_every_length():
    dice = random.Random(4)
    sizes = [*range(200), *range(200, 1_300, 7), 4_095, 4_096, 4_097, 70_000]
    spans = [Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="".join(dice.choices("abcdef", k=n))) for n in sizes]

    found = Scanner(Wanted(), capture_content=False).decode([(payload(*spans), 0)]).spans["content_hash"]

    assert found.to_list() == [xxh3_64_intdigest(each.SerializeToString()) for each in spans]


def test_fields_that_say_nothing_do_not_change_the_hash():
    # What the collector of an earlier version forwards: an empty parent id is written out, so are zeros.
    usual = span({"k": "v"}, kind=3, status=Status(), events=[Span.Event()])
    parts = {int.from_bytes(part[:1], "little"): part for part in fields(usual.SerializeToString())}
    written = parts | {0x1A: b"\x1a\x00", 0x22: b"\x22\x00", 0x50: b"\x50\x00", 0x85: b"\x85\x01" + bytes(4)}
    body = enclosed(b"".join(written[tag] for tag in sorted(written)))
    never = enclosed(
        b"".join((parts[0x0A], parts[0x12], b"\x2a\x00\x30\x00\x39", bytes(8), b"\x41", bytes(8), b"\x70\x00"))
    )

    assert assert_same([body, never]) == 0
    assert scan_payloads([(body, 0)], WANTED).spans["content_hash"][0] == xxh3_64_intdigest(usual.SerializeToString())


def fields(raw):
    """The fields of a serialized message, one by one; lengths of one byte."""
    at = 0
    while at < len(raw):
        size = {1: 9, 5: 5, 0: 2}.get(raw[at] & 7) or 2 + raw[at + 1]
        yield raw[at : at + size]
        at += size


@pytest.mark.parametrize(
    "extra",
    [
        {"resource": "mine"}, {"resource": {"a": 1}, "span.resource": 2}, {"span.resource": "kept"},
        {"marginlake.clock": "mine"}, {"resource": "mine", "marginlake.clock": 1},
    ],
)  # fmt: skip
@pytest.mark.parametrize("start_ns", [0, 5, 1_795_468_100_000_000_000, 2**64 - 1])
@pytest.mark.parametrize("end_ns", [0, 1_795_468_100_000_000_001, 2**64 - 1])
def test_the_decoders_own_keys_and_clocks_that_are_wrong(extra, start_ns, end_ns):
    made = span({"a": 1, **extra, "z": 2}, start_ns=start_ns, end_ns=end_ns)

    assert_same([payload(made, span(start_ns=start_ns), resource={"region": "eu"})])


def test_repeated_keys_of_every_kind():
    made = [span({"k": "first", "x": 1}), span({"k": "first"})]
    for one in made:
        for again in ({"k": None}, {"x": "two"}, {"token": "a"}, {"token": "b"}, {"x": ["three"]}, {"resource": 1}):
            one.attributes.extend(attributes(again))
    made[1].attributes.extend(attributes({"k": "last", "resource": 2}))

    assert assert_same([payload(*made), payload(span({"k": "v", "x": 1}))]) == 0


def test_events_keep_the_order_of_payloads_among_those_read_by_messages():
    chosen = [event("gen_ai.choice", {"k": "v", "n": 1}), event("other", {"marginlake.signal.event_name": "sold"})]
    noise = [event("noise", {"k": "v"}), event("", {})]
    unusual = payload(span({"k": "v"}, events=chosen)) + b"\xa2\x06\x00"  # an unknown field
    refused = payload(span(trace_id=b"", events=chosen), span({"n": 1}, events=[*noise, *chosen]))
    bodies = [payload(span(events=noise + chosen)), unusual, b"\xff", payload(span(events=chosen)), refused, payload()]

    assert assert_same(bodies) == 3
    assert assert_same([unusual, refused]) == 2


def test_a_batch_that_is_too_large_is_read_in_pieces(monkeypatch):
    bodies = [payload(span({"k": f"v{n}"}, events=[event("gen_ai.choice", {"n": n})])) for n in range(9)]
    bodies[3] += b"\xa2\x06\x00"
    monkeypatch.setattr(wire_decode, "_MOST_BYTES", 2 * len(bodies[0]) + 10)

    assert assert_same(bodies) == 1

    monkeypatch.setattr(wire_decode, "_MOST_BYTES", 10)
    assert_same(bodies)


def test_a_column_that_is_too_large_is_made_in_pieces(monkeypatch):
    bodies = [payload(span({"k": "v"}), resource={"text": "x" * 500}) for _ in range(5)]
    monkeypatch.setattr("receiver.wire_columns.MOST_DATA", 1_500)

    assert assert_same(bodies) == 0


def test_tables_grow_with_what_arrives():
    many = (
        {f"k{n}": n for n in range(500)}
        | {f"d{n}": n / 7 for n in range(500)}
        | {f"o{n}": {"n": n} for n in range(500)}
    )
    tiny = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    chatty = span(events=[event("gen_ai.choice", {"n": n}) for n in range(600)])
    scopes = ExportTraceServiceRequest()
    for _ in range(300):
        scopes.resource_spans.add().scope_spans.add().spans.append(tiny)

    assert (
        assert_same([payload(span(many)), payload(*[tiny] * 3_000), scopes.SerializeToString(), payload(chatty)]) == 0
    )


def test_keys_without_end_take_bounded_memory(monkeypatch):
    monkeypatch.setattr(wire_keys, "_MOST_KEYS", 64)
    monkeypatch.setattr(wire_keys, "_FORGET_AFTER", 32)
    bodies = [payload(span({f"key-{body}-{n}": n for n in range(25)})) for body in range(6)]
    wanted = Wanted(frozenset({"k"}))
    scanner = Scanner(wanted, capture_content=False)

    for _ in range(3):
        found = scanner.decode([(body, 0) for body in bodies])
        assert_frame_equal(found.spans, decode_messages([(body, 0) for body in bodies], wanted).spans)

    assert 0 < scanner.left_to_messages < 18


def test_addresses_lose_their_credentials():
    urls = [
        "https://a.example/x",
        "https://me:pw@a.example/",
        "https://a.example/?key=1&b=2",
        "k=1",
        'https://a/?token="\n',
        "",
    ]
    made = [span({"url.full": url, "http.url": [url], "db.url": url.encode()}) for url in urls]

    assert assert_same([payload(*made)]) == 0
    stored = scan_payloads([(payload(*made), 0)], WANTED).spans["attributes"].str.join("")[0]
    assert "pw@" not in stored.split('"http.url"')[0]


def test_scanners_at_the_same_time_do_not_meet():
    def decoded(who):
        made = [span({"k": f"{who}-{number % 50}", "n": number, f"{who}": number / 3}) for number in range(400)]
        frame = scan_payloads([(payload(*made), RECEIVED_NS)], WANTED).spans
        return frame.select("@k", "@n").rows() == [(f"{who}-{n % 50}", str(n)) for n in range(400)]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(decoded, ["a", "b", "c", "d"] * 10))


def test_small_batches_are_left_to_messages_and_large_ones_scanned(monkeypatch):
    calls = []
    real = wire_ready._READINESS.scanner
    monkeypatch.setattr(
        wire_ready._READINESS, "scanner", lambda *given, **how: calls.append(len(given[0])) or real(*given, **how)
    )
    small, large = payload(span({"k": "v"})), payload(span({"k": "v" * 100_000}))

    assert decode_traces([(small, 0)], WANTED).spans.height == 1
    assert calls == []
    assert decode_traces([(large, 0)], WANTED).spans["@k"][0] == "v" * 100_000
    assert calls == [1]


def test_nobody_waits_for_the_compiler(monkeypatch):
    started = []
    readiness = wire_ready._Readiness()
    monkeypatch.setattr(wire_ready, "_READINESS", readiness)
    monkeypatch.setattr(readiness, "start", lambda: started.append(True))

    assert wire_ready.scanner_for(wire_ready._WORTH_COMPILING - 1) is None
    assert started == []
    assert wire_ready.scanner_for(wire_ready._WORTH_COMPILING) is None
    assert started == [True]


def test_without_a_compiler_everything_is_decoded_as_before(monkeypatch):
    def broken():
        raise ImportError("No module named 'numba'")

    readiness = wire_ready._Readiness()
    monkeypatch.setattr(wire_ready, "_READINESS", readiness)
    monkeypatch.setattr(wire_decode, "warm_up", broken)

    assert not wire_ready.wait_until_ready()
    assert decode_traces([(payload(span({"k": "v" * 100_000})), 0)], WANTED).spans.height == 1


def test_doubles_side_by_side_in_memory_are_no_text_of_each_other():
    dice = np.random.default_rng(5)
    bits = dice.integers(0, 2**63, 2_000, dtype=np.int64).tolist()
    numbers = [struct.unpack("<d", struct.pack("<q", each))[0] for each in bits]

    assert assert_same([payload(*(span({"k": number, "x": number / 3}) for number in numbers))]) == 0
