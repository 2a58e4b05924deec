"""Each call once, within one trace: agents that repeat their calls, and calls inside calls."""

from decimal import Decimal

from tests.analytics.scene import Scene


def test_an_agent_run_repeats_its_calls_through_any_number_of_spans() -> None:
    scene = Scene()
    scene.aggregate("agent", "0.03")
    scene.span("turn", parent="agent")
    scene.span("step", parent="turn")
    scene.call("first", "0.01", parent="step")
    scene.call("second", "0.02", parent="turn")
    outcome = scene.run()
    assert outcome.counted() == {"first", "second"}
    assert outcome.why()["agent"] == "descendant"
    agent = outcome.cost("agent")
    assert (agent["status"], agent["cost_usd"], agent["input_cost_usd"]) == ("aggregate", None, None)
    assert agent["input_tokens"] == 1000, "usage stays visible"
    assert outcome.total() == Decimal("0.03")


def test_every_level_above_a_call_repeats_it() -> None:
    scene = Scene()
    scene.aggregate("workflow")
    scene.aggregate("agent", parent="workflow")
    scene.call("call", parent="agent")
    assert scene.run().counted() == {"call"}


def test_an_agent_without_calls_that_know_usage_stands_for_them() -> None:
    scene = Scene()
    scene.aggregate("agent", "0.05")
    scene.silent("call", parent="agent")
    outcome = scene.run()
    assert outcome.counted() == {"agent"}
    assert outcome.why() == {"agent": "aggregate_fallback", "call": "nested"}
    assert outcome.cost("agent")["status"] == "priced"


def test_a_call_on_an_own_machine_is_known_without_any_usage() -> None:
    """It is charged by its time, so the agent around it only repeats it."""
    scene = Scene()
    scene.aggregate("agent", "0.05")
    scene.silent("call", parent="agent", price_rule="gpus", status="priced", cost_usd=Decimal("0.02"))
    outcome = scene.run()
    assert outcome.counted() == {"call"}
    assert outcome.why()["agent"] == "descendant"


def test_of_agents_inside_each_other_without_calls_the_innermost_counts() -> None:
    scene = Scene()
    scene.aggregate("outer", "0.05")
    scene.aggregate("inner", "0.04", parent="outer")
    outcome = scene.run()
    assert outcome.why() == {"outer": "descendant", "inner": "aggregate_fallback"}


def test_a_tool_span_that_reports_nothing_is_not_an_unpriced_call() -> None:
    scene = Scene()
    scene.silent("tool", role="aggregate")
    outcome = scene.run()
    assert outcome.why() == {"tool": "no_usage"}
    assert outcome.counted() == set()


def test_a_call_that_knows_no_usage_stays_unpriced_even_beside_a_tool_span() -> None:
    scene = Scene()
    scene.silent("call")
    scene.silent("tool", role="aggregate", parent="call")
    outcome = scene.run()
    assert outcome.counted() == {"call"}
    assert outcome.cost("call")["status"] == "unpriced"


def test_calls_whose_ancestor_has_not_arrived_belong_to_the_agent_that_was_running() -> None:
    scene = Scene()
    scene.aggregate("agent", at=0, lasts=100)
    scene.call("inside", parent="not-here-yet", at=50, lasts=10)
    scene.call("later", parent="not-here-yet", at=150, lasts=10)
    outcome = scene.run()
    assert outcome.counted() == {"inside", "later"}
    assert outcome.why()["agent"] == "descendant"


def test_when_the_ancestor_arrives_the_chain_decides_and_not_the_clock() -> None:
    scene = Scene()
    scene.span("root")
    scene.aggregate("agent", at=0, lasts=100, parent="root")
    scene.span("late", parent="root")
    scene.call("parallel", parent="late", at=50, lasts=10)
    outcome = scene.run()
    assert outcome.why() == {"agent": "aggregate_fallback", "parallel": None}


def test_spans_below_one_root_that_never_arrives_are_known_not_to_be_inside_each_other() -> None:
    scene = Scene()
    scene.aggregate("agent", at=0, lasts=100, parent="fabricated")
    scene.call("parallel", parent="fabricated", at=50, lasts=10)
    assert scene.run().why() == {"agent": "aggregate_fallback", "parallel": None}


def test_an_agent_inside_another_is_not_mistaken_for_a_call_by_the_clock() -> None:
    """Two agents of one moment would otherwise each be told to stand back for the other."""
    scene = Scene()
    scene.aggregate("a", at=0, lasts=100, parent="lost-1")
    scene.aggregate("b", at=0, lasts=100, parent="lost-2")
    assert scene.run().counted() == {"a", "b"}


def test_an_agent_during_which_a_crowd_of_unknown_calls_ran_owns_some_of_them() -> None:
    scene = Scene()
    scene.aggregate("agent", at=0, lasts=5000)
    for number in range(1200):
        scene.call(f"call{number}", parent=f"lost-{number % 7}", at=number, lasts=1, input_tokens=number + 1)
    outcome = scene.run()
    assert outcome.why()["agent"] == "descendant"
    assert len(outcome.counted()) == 1200


def test_a_call_inside_a_call_is_the_same_call_and_the_richer_one_counts() -> None:
    scene = Scene()
    scene.call("framework", "0.011", scope_name="langchain")
    scene.call("sdk", "0.012", parent="framework", scope_name="openai", cache_read_tokens=800)
    outcome = scene.run()
    assert outcome.why() == {"framework": "nested", "sdk": None}

    scene = Scene()
    scene.call("native", "0.012", cache_write_5m_tokens=512, cache_write_1h_tokens=256)
    scene.call("wrapper", "0.011", parent="native", cache_write_5m_tokens=768, usage_note="ttl_assumed")
    assert scene.run().why() == {"native": None, "wrapper": "nested"}


def test_equally_rich_spans_are_chosen_between_by_their_id() -> None:
    for outer, inner in (("a", "b"), ("b", "a")):
        scene = Scene()
        scene.call(outer)
        scene.call(inner, parent=outer)
        assert scene.run().counted() == {"a"}


def test_three_levels_around_one_call_are_one_call() -> None:
    scene = Scene()
    scene.call("outer")
    scene.span("http", parent="outer")
    scene.call("middle", parent="http", reasoning_tokens=5)
    scene.call("inner", parent="middle")
    assert scene.run().counted() == {"middle"}


def test_a_call_around_several_calls_is_an_aggregate_of_them() -> None:
    scene = Scene()
    scene.call("loop", "0.03", cache_read_tokens=1, reasoning_tokens=1)
    scene.call("first", "0.01", parent="loop")
    scene.call("second", "0.02", parent="loop")
    assert scene.run().why() == {"loop": "descendant", "first": None, "second": None}


def test_a_retry_that_failed_is_kept_and_costs_nothing() -> None:
    scene = Scene()
    scene.call("framework", "0.01")
    scene.failed("attempt-1", parent="framework")
    scene.call("attempt-2", "0.01", parent="framework", reasoning_tokens=3)
    outcome = scene.run()
    assert outcome.why() == {"framework": "nested", "attempt-1": None, "attempt-2": None}
    assert outcome.cost("attempt-1")["status"] == "zero_rated"
    assert outcome.total() == Decimal("0.01")


def test_retries_of_the_application_are_each_billed() -> None:
    scene = Scene()
    scene.span("root")
    for attempt in range(3):
        scene.call(f"attempt-{attempt}", "0.01", parent="root", at=attempt * 20)
    assert scene.run().total() == Decimal("0.03")


def test_calls_of_which_neither_knows_usage_are_one_unknown() -> None:
    scene = Scene()
    scene.silent("framework")
    scene.silent("sdk", parent="framework")
    outcome = scene.run()
    assert outcome.why() == {"framework": "nested", "sdk": None}
    assert outcome.cost("sdk")["status"] == "unpriced"


def test_a_known_cost_is_preferred_to_an_unknown_one() -> None:
    scene = Scene()
    scene.call("alias", None, cache_read_tokens=10, reasoning_tokens=5, request_model="house-alias")
    scene.call("sdk", "0.01", parent="alias")
    assert scene.run().counted() == {"sdk"}


def test_a_ring_of_parents_neither_hangs_nor_loses_a_call() -> None:
    scene = Scene()
    scene.call("a", parent="c")
    scene.call("b", parent="a")
    scene.call("c", parent="b")
    scene.call("self", parent="self")
    assert scene.run().counted() == {"a", "b", "c", "self"}


def test_no_calls_at_all() -> None:
    scene = Scene()
    scene.span("root")
    scene.signal("event", customer="acme")
    outcome = scene.run()
    assert outcome.costs.is_empty()
    assert outcome.links.is_empty()
    assert outcome.margin("event")["cost_status"] == "no_calls"
