"""What the decoder remembers of attributes: enough to be quick, never more than a bound, nothing secret."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from google.protobuf.message import DecodeError

from receiver import decode_messages
from receiver.decode import Wanted, decode_traces
from receiver.decode_codes import BULK_CODES, KEPT_CODES, NOTHING, AttributeCodes
from tests.receiver.otlp_payloads import RECEIVED_NS, attributes, payload, span


def serialized(values):
    return [pair.SerializeToString() for pair in attributes(values)]


def looked_up(codes, values):
    return codes.look_up(serialized(values)).tolist()


@pytest.fixture
def codes():
    return AttributeCodes({"model"}, capture_content=False)


def test_an_attribute_keeps_its_code_from_batch_to_batch(codes):
    first = looked_up(codes, {"model": "gpt-6", "n": 1})
    codes.end_batch()

    assert looked_up(codes, {"model": "gpt-6", "n": 1}) == first
    assert all(code < KEPT_CODES for code in first)


def test_what_is_neither_stored_nor_wanted_is_nothing_and_is_not_remembered(codes):
    assert looked_up(codes, {"token": "t0psecret", "gen_ai.prompt": "my plan"}) == [NOTHING, NOTHING]
    assert not codes


def test_long_values_are_not_remembered(codes):
    (code,) = looked_up(codes, {"model": "x" * 200})
    assert code >= KEPT_CODES
    assert not codes


def test_a_key_whose_values_never_repeat_leaves_room_for_the_others(codes):
    for number in range(20_000):
        looked_up(codes, {"id": f"id-{number}"})

    assert len(codes) < 1_000
    assert looked_up(codes, {"model": "gpt-6"})[0] < KEPT_CODES


def test_plain_values_of_known_keys_are_read_in_bulk(codes):
    for number in range(1_000):
        looked_up(codes, {"id": f"id-{number}", "n": number})
    raws = [raw for number in range(5_000, 5_100) for raw in serialized({"id": f"id-{number}", "n": number})]

    found = codes.look_up(raws)

    assert sorted(found.tolist()) == list(range(BULK_CODES, BULK_CODES + 200))
    assert sorted(value.as_py() for value in codes.bulk().values)[:2] == [b"5000", b"5001"]


def test_memory_is_bounded_whatever_keys_and_values_a_sender_makes_up(codes):
    for number in range(60_000):
        looked_up(codes, {f"key-{number}": number})
        if number % 1_000 == 0:
            codes.end_batch()
        assert len(codes) <= KEPT_CODES


def test_after_much_traffic_it_did_not_know_it_learns_anew(codes):
    looked_up(codes, {"model": "old"})
    raws = [raw for number in range(1_000) for raw in serialized({"model": f"new-{number}"})]
    for _ in range(3_000):
        codes.look_up(raws)
        codes.end_batch()
        if not codes:
            break

    assert looked_up(codes, {"model": "new-999"})[0] < KEPT_CODES


def test_a_malformed_attribute_says_so(codes):
    with pytest.raises(DecodeError):
        codes.look_up([b"\x0a\x05k"])


def test_calls_at_the_same_time_do_not_meet():
    wanted = Wanted(frozenset({"n", "who"}))

    def decoded(who):
        made = [span({"who": f"{who}-{number % 50}", "n": number, "id": f"{who}{number}"}) for number in range(400)]
        frame = decode_traces([(payload(*made), RECEIVED_NS)], wanted).spans
        return frame.select("@who", "@n").rows() == [(f"{who}-{n % 50}", str(n)) for n in range(400)]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(decoded, ["a", "b", "c", "d"] * 10))


def test_settings_that_come_and_go_do_not_pile_up():
    for number in range(20):
        decode_traces([(payload(span({"n": 1})), RECEIVED_NS)], Wanted(frozenset({str(number)})))

    assert len(decode_messages._IDLE_CODES) <= 4
