"""Each call once, across instrumentations: twins by response id in any trace, and by likeness in one."""

from decimal import Decimal

import pytest

from tests.analytics.scene import Scene

ANSWER = "chatcmpl-b94582cc7f8349f6a431c5a8"
OTHER = "chatcmpl-991d64f26ecc40a7990c7b2d"
DAY = 24 * 3600 * 1000


def test_the_cost_of_twins_belongs_to_the_trace_that_holds_the_signal() -> None:
    """The framework's span is in the request's trace; the SDK's is the root of a trace of its own, and knows more."""
    scene = Scene()
    scene.span("root", trace="request", customer="acme", product="bot")
    scene.call("framework", "0.011", trace="request", parent="root", scope="7", scope_name="lc", response_id=ANSWER)
    scene.call("sdk", "0.012", trace="stray", scope_name="sdk", response_id=ANSWER, cache_read_tokens=8)
    scene.signal("event", trace="request", customer="acme", product="bot")
    outcome = scene.run()
    assert outcome.why() == {"framework": "response_id", "sdk": None}
    cost = outcome.cost("sdk")
    assert cost["trace_id"] == "stray"
    assert cost["link_trace_id"] == "request"
    assert (cost["customer_id"], cost["product_id"], cost["cost_scope"]) == ("acme", "bot", "7")
    assert (cost["own_customer_id"], cost["own_cost_scope"]) == (None, None)
    assert outcome.bearers("sdk") == {"event": ("trace", Decimal("0.012"))}


def test_without_a_signal_the_cost_stays_where_it_is_and_whoever_knows_the_customer_says_so() -> None:
    scene = Scene()
    scene.call("framework", trace="request", customer="acme", response_id=ANSWER)
    scene.call("sdk", trace="stray", response_id=ANSWER, cache_read_tokens=8)
    cost = scene.run().cost("sdk")
    assert (cost["link_trace_id"], cost["customer_id"]) == ("stray", "acme")


def test_a_signal_that_is_not_cost_traced_draws_no_cost() -> None:
    scene = Scene()
    scene.call("framework", trace="request", response_id=ANSWER)
    scene.call("sdk", trace="stray", response_id=ANSWER, cache_read_tokens=8)
    scene.signal("event", trace="request", traced=False)
    assert scene.run().cost("sdk")["link_trace_id"] == "stray"


def test_with_signals_in_both_traces_the_richer_twin_stays_at_home() -> None:
    scene = Scene()
    scene.call("framework", trace="a", response_id=ANSWER)
    scene.call("sdk", trace="b", response_id=ANSWER, cache_read_tokens=8)
    scene.signal("one", trace="a")
    scene.signal("two", trace="b")
    outcome = scene.run()
    assert outcome.cost("sdk")["link_trace_id"] == "b"
    assert outcome.bearers("sdk").keys() == {"two"}


def test_a_stale_scope_of_a_stray_twin_does_not_pass_for_the_customers() -> None:
    scene = Scene()
    scene.call("framework", trace="request", customer="acme", response_id=ANSWER)
    scene.call("sdk", trace="stray", scope="99", response_id=ANSWER, cache_read_tokens=8)
    scene.signal("claim", trace=None, customer="acme", scope="99")
    outcome = scene.run()
    assert outcome.cost("sdk")["cost_scope"] is None
    assert outcome.bearers("sdk") == {}


def test_an_agent_repeats_a_call_whose_usage_only_a_twin_in_another_trace_reports() -> None:
    scene = Scene()
    scene.aggregate("agent", "0.05", trace="request")
    scene.silent("framework", trace="request", parent="agent", response_id=ANSWER)
    scene.call("sdk", "0.05", trace="stray", response_id=ANSWER)
    outcome = scene.run()
    assert outcome.why() == {"agent": "descendant", "framework": "response_id", "sdk": None}


def test_what_is_one_call_by_nesting_is_found_by_the_id_of_any_of_its_spans() -> None:
    scene = Scene()
    scene.call("outer", trace="stray", cache_read_tokens=1, reasoning_tokens=1)
    scene.call("inner", trace="stray", parent="outer", response_id=ANSWER)
    scene.call("framework", trace="request", response_id=ANSWER)
    outcome = scene.run()
    assert outcome.counted() == {"outer"}
    assert outcome.why() == {"outer": None, "inner": "nested", "framework": "response_id"}


def test_who_resold_the_answer_does_not_matter() -> None:
    scene = Scene()
    scene.call("a", trace="t1", provider="azure", response_id=ANSWER)
    scene.call("b", trace="t2", provider="openai", response_id=ANSWER)
    assert len(scene.run().counted()) == 1


def test_ids_of_different_providers_are_different_ids() -> None:
    scene = Scene()
    scene.call("a", trace="t1", provider="mistral", response_id="53a020347dd643fca7b353a0")
    scene.call("b", trace="t2", provider="cohere", response_id="53a020347dd643fca7b353a0")
    assert len(scene.run().counted()) == 2


@pytest.mark.parametrize(
    "made_up", ["", "chatcmpl-42", "lc_run--01a20a41-cbf3-712d-ba63-02a01c6fccbc-0", "chatcmpl-000000000000000000"]
)
def test_made_up_ids_identify_nothing(made_up: str) -> None:
    scene = Scene()
    scene.call("a", trace="t1", response_id=made_up)
    scene.call("b", trace="t2", response_id=made_up)
    assert len(scene.run().counted()) == 2


def test_an_id_seen_again_days_later_is_another_answer() -> None:
    scene = Scene()
    scene.call("a", trace="t1", response_id=ANSWER, at=0)
    scene.call("b", trace="t2", response_id=ANSWER, at=DAY / 2)
    scene.call("c", trace="t3", response_id=ANSWER, at=5 * DAY)
    outcome = scene.run()
    assert outcome.why() == {"a": None, "b": "response_id", "c": None}


def test_twins_without_an_id_are_found_by_likeness_and_flagged() -> None:
    scene = Scene()
    scene.span("root")
    scene.call("streamed", parent="root", at=0, lasts=50, scope_name="langchain", output_tokens=101)
    scene.call("sdk", parent="root", at=2, lasts=45, scope_name="openai", response_id=ANSWER, cache_read_tokens=9)
    outcome = scene.run()
    assert outcome.why() == {"streamed": "heuristic", "sdk": None}


@pytest.mark.parametrize(
    "difference",
    [
        {"scope_name": "openai"},
        {"trace": "t2", "parent": None},
        {"at": 500},
        {"input_tokens": 1001},
        {"output_tokens": 102},
        {"request_model": "gpt-4o", "response_model": "gpt-4o-2024"},
        {"response_id": OTHER},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_calls_that_differ_in_one_point_are_two(difference: dict[str, object]) -> None:
    scene = Scene()
    scene.span("root")
    scene.call("sdk", parent="root", scope_name="openai", response_id=ANSWER)
    twin: dict[str, object] = {"parent": "root", "scope_name": "langchain", "at": 1, "lasts": 5}
    scene.call("twin", **(twin | difference))  # type: ignore[arg-type]
    assert scene.run().counted() == {"sdk", "twin"}


def test_parallel_equal_calls_of_one_scope_are_paired_one_to_one() -> None:
    """Three equal calls at once, each seen by two instrumentations: six spans, three calls."""
    scene = Scene()
    scene.span("root")
    for number in range(3):
        scene.call(f"lc{number}", "0.01", parent="root", scope_name="langchain", at=number, lasts=50)
        scene.call(f"sdk{number}", "0.01", parent="root", scope_name="openai", at=number + 0.2, lasts=49.5)
    outcome = scene.run()
    assert outcome.total() == Decimal("0.03")
    assert sorted(why for why in outcome.why().values() if why) == ["heuristic"] * 3


def test_a_third_instrumentation_joins_the_other_two() -> None:
    scene = Scene()
    scene.span("root")
    scene.call("a", parent="root", scope_name="one", response_id=ANSWER)
    scene.call("b", parent="root", scope_name="two", response_id=ANSWER)
    scene.call("c", parent="root", scope_name="three", at=1)
    assert len(scene.run().counted()) == 1


def test_an_equal_call_of_a_scope_that_is_in_already_stays_apart() -> None:
    scene = Scene()
    scene.span("root")
    scene.call("a", parent="root", scope_name="one", response_id=ANSWER)
    scene.call("b", parent="root", scope_name="two", response_id=ANSWER)
    scene.call("c", parent="root", scope_name="two", at=1)
    assert scene.run().why()["c"] is None


def test_among_a_crowd_of_equal_calls_likeness_proves_nothing() -> None:
    scene = Scene()
    scene.span("root")
    for number in range(150):
        scene.call(f"lc{number}", parent="root", scope_name="langchain", at=0, lasts=50)
        scene.call(f"sdk{number}", parent="root", scope_name="openai", at=0, lasts=50)
    assert len(scene.run().counted()) == 300
