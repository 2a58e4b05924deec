"""Estimated usage beside reported usage: a guess displaces no figure."""

from tests.analytics.scene import Scene


def test_an_agents_own_figure_is_worth_more_than_the_estimate_of_its_call() -> None:
    scene = Scene()
    scene.aggregate("agent", "0.05")
    scene.call("call", "0.01", parent="agent", usage_source="estimated")
    outcome = scene.run()
    assert outcome.counted() == {"agent"}
    assert outcome.why() == {"agent": "aggregate_fallback", "call": "nested"}


def test_a_reported_call_around_several_estimated_ones_counts() -> None:
    scene = Scene()
    scene.call("outer", "0.05")
    for name in ("first", "second"):
        scene.call(name, "0.01", parent="outer", usage_source="estimated")
    assert scene.run().counted() == {"outer"}


def test_an_estimated_call_beside_a_reported_one_counts_on_its_own() -> None:
    scene = Scene()
    scene.aggregate("agent", "0.05")
    scene.call("reported", "0.03", parent="agent")
    scene.call("estimated", "0.01", parent="agent", usage_source="estimated")
    assert scene.run().counted() == {"reported", "estimated"}


def test_an_agent_without_figures_repeats_its_estimated_calls() -> None:
    scene = Scene()
    scene.silent("agent", role="aggregate")
    scene.call("call", "0.01", parent="agent", usage_source="estimated")
    assert scene.run().counted() == {"call"}


def test_an_estimated_call_inside_a_silent_one_is_that_call() -> None:
    scene = Scene()
    scene.silent("outer")
    scene.call("inner", "0.01", parent="outer", usage_source="estimated")
    assert scene.run().counted() == {"inner"}
