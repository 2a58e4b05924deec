"""Which signal bears which cost: the cases that real SDKs produce."""

from decimal import Decimal

from tests.analytics.scene import Scene

CENT = Decimal("0.01")


def test_a_stale_scope_id_on_spans_without_a_customer_is_not_claimed() -> None:
    """After its block ended, an SDK keeps stamping the first scope id on later spans: no customer, another trace."""
    scene = Scene()
    scene.call("served", trace="t1", customer="acme", product="bot", scope="7")
    scene.call("leaked", trace="t2", scope="7")
    scene.signal("event", trace=None, customer="acme", product="bot", scope="7")
    outcome = scene.run()
    assert outcome.bearers("served") == {"event": ("scope", CENT)}
    assert outcome.bearers("leaked") == {}
    assert outcome.unclaimed() == CENT


def test_one_scope_id_drawn_by_two_customers_links_each_to_its_own() -> None:
    scene = Scene()
    scene.call("a", trace="t1", customer="acme", product="bot", scope="7")
    scene.call("b", trace="t2", customer="other", product="bot", scope="7")
    scene.call("c", trace="t3", customer="acme", product="another", scope="7")
    scene.call("d", trace="t4", customer="acme", scope="7")
    scene.signal("of-acme", trace=None, customer="acme", product="bot", scope="7")
    scene.signal("of-other", trace=None, customer="other", product="bot", scope="7")
    scene.signal("no-product", trace=None, customer="acme", scope="7")
    outcome = scene.run()
    assert outcome.bearers("a").keys() == {"of-acme"}
    assert outcome.bearers("b").keys() == {"of-other"}
    assert outcome.bearers("c") == {}
    assert outcome.bearers("d").keys() == {"no-product"}, "a missing product equals a missing product"


def test_the_order_of_signal_and_calls_does_not_matter() -> None:
    outcomes = []
    for signal_at in (-60_000, 0, 3_600_000):
        scene = Scene()
        scene.span("root", customer="acme")
        scene.call("call", parent="root", at=5)
        scene.signal("event", span="root", at=signal_at)
        outcomes.append(scene.run().bearers("call"))
    assert outcomes == [{"event": ("trace", CENT)}] * 3


def test_calls_after_the_last_signal_are_unclaimed_but_still_the_customers() -> None:
    scene = Scene()
    scene.span("root", customer="acme", product="bot")
    scene.call("before", parent="root", customer="acme", product="bot", scope="7")
    scene.call("after", parent="root", customer="acme", product="bot", scope="8")
    scene.signal("event", trace=None, customer="acme", product="bot", scope="7")
    outcome = scene.run()
    assert outcome.linked() == CENT
    assert outcome.unclaimed() == CENT
    assert outcome.costs["customer_id"].to_list() == ["acme", "acme"]


def test_scope_and_trace_links_in_one_trace_do_not_count_a_call_twice() -> None:
    """A trace-linked signal bears what no scope claimed."""
    scene = Scene()
    scene.span("root", customer="acme", product="bot")
    scene.call("claimed", parent="root", customer="acme", product="bot", scope="7")
    scene.call("free", parent="root", scope="8")
    scene.signal("by-scope", trace=None, customer="acme", product="bot", scope="7")
    scene.signal("by-trace", span="root")
    outcome = scene.run()
    assert outcome.bearers("claimed") == {"by-scope": ("scope", CENT)}
    assert outcome.bearers("free") == {"by-trace": ("trace", CENT)}
    assert outcome.linked() == outcome.total()


def test_several_cost_traced_signals_of_a_trace_split_to_the_last_picodollar() -> None:
    scene = Scene()
    scene.span("root", customer="acme")
    scene.call("call", "0.000000000011", parent="root")
    for name in ("c", "a", "b"):
        scene.signal(name, span="root")
    outcome = scene.run()
    assert outcome.bearers("call") == {
        "a": ("trace_split", Decimal("0.000000000004")),
        "b": ("trace_split", Decimal("0.000000000004")),
        "c": ("trace_split", Decimal("0.000000000003")),
    }


def test_two_claims_on_one_scope_split_it() -> None:
    scene = Scene()
    scene.call("call", customer="acme", scope="7")
    scene.signal("a", trace=None, customer="acme", scope="7")
    scene.signal("b", trace=None, customer="acme", scope="7")
    assert scene.run().bearers("call") == {
        "a": ("scope_split", Decimal("0.005")),
        "b": ("scope_split", Decimal("0.005")),
    }


def test_a_signal_that_is_not_cost_traced_bears_nothing() -> None:
    scene = Scene()
    scene.span("root", customer="acme")
    scene.call("call", parent="root")
    scene.signal("plain", span="root", traced=False)
    outcome = scene.run()
    assert outcome.bearers("call") == {}
    assert outcome.margin("plain")["cost_status"] == "untraced"


def test_processes_that_share_a_trace_share_its_signal() -> None:
    """Roots hang below a parent that never arrives; the trace id is what they have in common."""
    scene = Scene()
    scene.span("one", parent="fabricated", customer="acme")
    scene.span("two", parent="fabricated", customer="acme")
    scene.call("call-1", parent="one", at=0, lasts=50)
    scene.call("call-2", parent="two", at=3, lasts=40)
    scene.signal("event", span="one")
    outcome = scene.run()
    assert outcome.margin("event")["cost_usd"] == 2 * CENT


def test_a_call_of_another_customer_in_the_trace_is_not_borne() -> None:
    scene = Scene()
    scene.call("of-acme", customer="acme")
    scene.call("of-nobody")
    scene.call("of-other", customer="other")
    scene.signal("event", customer="acme")
    outcome = scene.run()
    assert set(outcome.links["cost_id"]) == {"cost_t1_of-acme", "cost_t1_of-nobody"}
    assert outcome.unclaimed() == CENT


def test_failed_and_unpriced_calls_are_linked_so_that_an_event_knows_them() -> None:
    scene = Scene()
    scene.span("root", customer="acme")
    scene.failed("failed", parent="root")
    scene.silent("stream", parent="root")
    scene.signal("event", span="root")
    outcome = scene.run()
    assert outcome.bearers("failed") == {"event": ("trace", Decimal(0))}
    assert outcome.bearers("stream") == {"event": ("trace", None)}


def test_aggregates_are_never_linked() -> None:
    scene = Scene()
    scene.span("root", customer="acme")
    scene.aggregate("agent", parent="root")
    scene.call("call", parent="agent")
    scene.signal("event", span="root")
    outcome = scene.run()
    assert outcome.bearers("agent") == {}
    assert outcome.linked() == CENT


def test_a_link_knows_the_trace_and_time_of_its_cost() -> None:
    scene = Scene()
    scene.call("call", customer="acme", at=5)
    scene.signal("event", customer="acme", at=9_000)
    outcome = scene.run()
    assert outcome.links.select("trace_id", "occurred_at").row(0) == ("t1", outcome.cost("call")["occurred_at"])
