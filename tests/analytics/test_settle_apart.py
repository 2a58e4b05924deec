"""Each call once, though in two traces and with no id in common: callbacks beside clients, and split streams."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analytics.scene import Scene

ANSWER = "chatcmpl-b94582cc7f8349f6a431c5a8"
OTHER = "chatcmpl-991d64f26ecc40a7990c7b2d"


def callback(scene: Scene, span: str = "lc", **known: Any) -> None:
    """A framework's own record of a streamed call: no response id."""
    scene.call(span, "0.011", **({"trace": f"{span}-trace", "scope_name": "langchain", "lasts": 44} | known))


def client(scene: Scene, span: str = "sdk", **known: Any) -> None:
    """The client library's span of the call, the root of its trace."""
    told = {"trace": f"{span}-trace", "scope_name": "sdk", "at": 1, "lasts": 42, "response_id": ANSWER}
    scene.call(span, "0.012", **({"cache_read_tokens": 8} | told | known))


def request(scene: Scene, span: str = "request", **known: Any) -> None:
    """The first span of a stream, which ends when the stream opens."""
    told = {"trace": f"{span}-trace", "scope_name": "logfire", "lasts": 4, "usage_note": "stream_request"}
    scene.silent(span, **({"response_model": None} | told | known))


def record(scene: Scene, span: str = "record", **known: Any) -> None:
    """The record at its end, which has the usage; it began when the stream opened."""
    told = {"trace": f"{span}-trace", "scope_name": "logfire", "at": 6, "lasts": 40, "usage_note": "stream_record"}
    scene.call(span, "0.012", **(told | known))


def test_a_callback_and_the_clients_root_are_one_call() -> None:
    scene = Scene()
    scene.span("app", trace="lc-trace", customer="acme")
    callback(scene, parent="app", scope="7")
    client(scene)
    scene.signal("event", trace="lc-trace", customer="acme")
    outcome = scene.run()
    assert outcome.why() == {"lc": "heuristic", "sdk": None}
    cost = outcome.cost("sdk")
    assert (cost["link_trace_id"], cost["customer_id"], cost["cost_scope"]) == ("lc-trace", "acme", "7")
    assert outcome.bearers("sdk") == {"event": ("trace", Decimal("0.012"))}


@pytest.mark.parametrize(
    "difference",
    [
        {"process": "app/2"},
        {"process": None},
        {"parent": "app"},
        {"input_tokens": 1001},
        {"output_tokens": 102},
        {"at": 300},
        {"lasts": 400},
        {"at": -100, "lasts": 143},
        {"request_model": "gpt-4o", "response_model": "gpt-4o-2024", "model": "gpt-4o"},
        {"customer": "other"},
        {"product": "other"},
        {"scope": "8"},
        {"scope_name": "llama_index"},
        {"role": "aggregate"},
    ],
    ids=str,
)
def test_whoever_differs_in_one_point_is_another_call(difference: dict[str, object]) -> None:
    scene = Scene()
    callback(scene, customer="acme", product="bot", scope="7")
    scene.span("app", trace="sdk-trace")
    client(scene, **difference)
    assert scene.run().counted() == {"lc", "sdk"}


def test_two_answers_of_the_provider_are_two_calls() -> None:
    scene = Scene()
    callback(scene, response_id=OTHER)
    client(scene)
    assert scene.run().counted() == {"lc", "sdk"}


def test_an_id_that_a_gateway_made_up_is_none() -> None:
    scene = Scene()
    callback(scene, scope_name="litellm", provider="anthropic", response_id=OTHER)
    client(scene, provider="anthropic", response_id="msg_e25e64488fcf4d1c8856")
    assert scene.run().counted() == {"sdk"}


def test_equal_calls_at_the_same_moment_are_paired_one_to_one() -> None:
    scene = Scene()
    for number in range(3):
        callback(scene, f"lc{number}", at=number, customer=f"customer-{number}")
        client(scene, f"sdk{number}", at=number + 0.5, lasts=43, response_id=f"{ANSWER}{number}")
    client(scene, "direct", at=4, lasts=43, response_id=OTHER)
    outcome = scene.run()
    assert outcome.counted() == {"sdk0", "sdk1", "sdk2", "direct"}
    customers = [outcome.cost(f"sdk{number}")["customer_id"] for number in range(3)]
    assert customers == ["customer-0", "customer-1", "customer-2"]


def test_a_second_callback_for_a_call_that_has_one_is_a_call_of_its_own() -> None:
    scene = Scene()
    callback(scene, "one")
    callback(scene, "two", at=0.5)
    client(scene)
    assert len(scene.run().counted()) == 2


def test_among_a_crowd_of_equal_calls_likeness_proves_nothing() -> None:
    scene = Scene()
    for number in range(260):
        callback(scene, f"lc{number}")
        client(scene, f"sdk{number}", response_id=None)
    assert len(scene.run().counted()) == 520


def test_a_streams_request_and_its_record_are_one_call() -> None:
    scene = Scene()
    request(scene)
    record(scene)
    outcome = scene.run()
    assert outcome.why() == {"request": "heuristic", "record": None}
    assert outcome.cost("record")["cost_usd"] == Decimal("0.012")


def test_in_one_trace_as_well() -> None:
    scene = Scene()
    scene.span("app", trace="t")
    request(scene, trace="t", parent="app")
    record(scene, trace="t", parent="app")
    client(scene, trace="t", parent="request")
    assert scene.run().counted() == {"sdk"}


def test_the_record_is_also_the_call_that_the_request_is_around() -> None:
    scene = Scene()
    request(scene, customer="acme")
    client(scene, trace="request-trace", parent="request")
    record(scene)
    outcome = scene.run()
    assert outcome.why() == {"request": "nested", "sdk": None, "record": "heuristic"}
    assert outcome.cost("sdk")["customer_id"] == "acme"


def test_the_record_is_also_the_call_that_is_around_the_request() -> None:
    scene = Scene()
    client(scene, trace="request-trace", at=0)
    request(scene, parent="sdk", at=0.5)
    record(scene)
    assert scene.run().why() == {"sdk": None, "request": "nested", "record": "heuristic"}


def test_a_stream_of_which_nobody_knows_the_usage_is_one_unknown() -> None:
    scene = Scene()
    request(scene)
    record(scene, usage_source="missing", input_tokens=None, output_tokens=None, status="unpriced", cost_usd=None)
    outcome = scene.run()
    assert len(outcome.counted()) == 1
    assert outcome.total() == 0


def test_a_request_without_a_record_stays_an_unknown_call() -> None:
    scene = Scene()
    request(scene)
    record(scene, at=400)
    assert scene.run().counted() == {"request", "record"}


@pytest.mark.parametrize(
    "difference", [{"process": "app/2"}, {"scope_name": "logfire.openai"}, {"request_model": "gpt-4o"}], ids=str
)
def test_a_record_of_another_stream_is_left_alone(difference: dict[str, object]) -> None:
    scene = Scene()
    request(scene)
    record(scene, **difference)
    assert scene.run().counted() == {"request", "record"}


moments = st.lists(st.integers(0, 400), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(moments, moments, st.integers(0, 1000))
def test_every_pair_is_one_call_whatever_else_goes_on_and_in_whatever_order(
    pairs: list[int], alone: list[int], order: int
) -> None:
    """Calls seen twice count once, and calls seen once count too: nothing is lost or doubled by its neighbours."""
    scene = Scene()
    for number, at in enumerate(pairs):
        callback(scene, f"lc{number}", at=at)
        client(scene, f"sdk{number}", at=at + 0.5, lasts=43, response_id=f"{ANSWER}{number}")
    for number, at in enumerate(alone):
        client(scene, f"alone{number}", at=at, response_id=f"{OTHER}{number}")
    outcome = scene.run()
    assert len(outcome.counted()) == len(pairs) + len(alone)
    for told, shuffled in zip(outcome.tables(), scene.run(shuffle=order).tables(), strict=True):
        assert told.equals(shuffled)


@settings(max_examples=60, deadline=None)
@given(moments, moments, st.sampled_from(["customer", "product", "process"]))
def test_what_is_known_to_be_somebody_elses_never_merges(ours: list[int], theirs: list[int], what: str) -> None:
    scene = Scene()
    for number, at in enumerate(ours):
        callback(scene, f"lc{number}", at=at, **{what: "ours"})
    for number, at in enumerate(theirs):
        client(scene, f"sdk{number}", at=at, response_id=f"{ANSWER}{number}", **{what: "theirs"})
    assert len(scene.run().counted()) == len(ours) + len(theirs)
