"""Identity comes from the span itself, else from its nearest ancestor."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.inherit import inherit, inherit_signals
from tests.analytics.scene import SIGNALS, SPANS, Scene


def inherited(scene: Scene) -> dict[str, tuple[str | None, str | None, str | None]]:
    spans = inherit(pl.DataFrame(scene.spans, schema=SPANS))
    rows = spans.select("span_id", "customer_id", "product_id", "cost_scope").iter_rows()
    return {span: (customer, product, scope) for span, customer, product, scope in rows}


def test_customer_and_product_come_each_from_the_nearest_that_knows_it() -> None:
    scene = Scene()
    scene.span("call", parent="tool")
    scene.span("tool", parent="agent", customer="inner")
    scene.span("agent", parent="root")
    scene.span("root", customer="outer", product="bot")
    assert inherited(scene)["call"] == ("inner", "bot", None)


def test_a_scope_is_only_what_the_span_itself_carries() -> None:
    scene = Scene()
    scene.span("root", customer="acme", scope="7")
    scene.span("call", parent="root")
    assert inherited(scene) == {"root": ("acme", None, "7"), "call": ("acme", None, None)}


def test_nothing_comes_from_another_trace_or_from_below() -> None:
    scene = Scene()
    scene.span("root", trace="a")
    scene.span("child", trace="a", parent="root", customer="acme")
    scene.span("stranger", trace="b", parent="child")
    assert inherited(scene)["root"] == (None, None, None)
    assert inherited(scene)["stranger"] == (None, None, None)


def test_a_missing_parent_ends_the_search() -> None:
    scene = Scene()
    scene.span("root", customer="acme")
    scene.span("call", parent="lost")
    assert inherited(scene)["call"] == (None, None, None)


@pytest.mark.parametrize("ring", [1, 2, 7])
def test_a_ring_of_parents_does_not_hang(ring: int) -> None:
    scene = Scene()
    for place in range(ring):
        scene.span(f"s{place}", parent=f"s{(place + 1) % ring}", customer="acme" if place == 0 else None)
    scene.span("below", parent="s0")
    assert set(inherited(scene).values()) == {("acme", None, None)}


def test_a_chain_of_ten_thousand_spans_is_climbed() -> None:
    scene = Scene()
    scene.span("s0", customer="acme")
    for depth in range(1, 10_000):
        scene.span(f"s{depth}", parent=f"s{depth - 1}")
    assert inherited(scene)["s9999"] == ("acme", None, None)


def test_signals_inherit_from_their_span_and_from_its_parent_while_it_has_not_arrived() -> None:
    scene = Scene()
    scene.span("root", customer="acme", product="bot")
    scene.span("mark", parent="root")
    scene.signal("arrived", span="mark", parent="root")
    scene.signal("ahead", span="not-here-yet", parent="root")
    scene.signal("own", span="mark", customer="other")
    scene.signal("api", trace=None, customer="acme")
    spans = inherit(pl.DataFrame(scene.spans, schema=SPANS))
    signals = inherit_signals(pl.DataFrame(scene.signals, schema=SIGNALS), spans)
    assert signals.select("signal_id", "customer_id", "product_id").rows() == [
        ("arrived", "acme", "bot"),
        ("ahead", "acme", "bot"),
        ("own", "other", "bot"),
        ("api", "acme", None),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_agrees_with_walking_up_one_step_at_a_time(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 12))
    names = [f"s{place}" for place in range(size)]
    parents = data.draw(st.lists(st.sampled_from([None, "lost", *names]), min_size=size, max_size=size))
    customers = data.draw(st.lists(st.sampled_from([None, None, "a", "b"]), min_size=size, max_size=size))
    scene = Scene()
    for name, parent, customer in zip(names, parents, customers, strict=True):
        scene.span(name, parent=parent, customer=customer)
    expected = {}
    for name in names:
        at: str | None = name
        for _ in range(size + 1):
            if at not in names or customers[names.index(at)] is not None:
                break
            at = parents[names.index(at)]
        expected[name] = customers[names.index(at)] if at in names else None
    assert {span: found[0] for span, found in inherited(scene).items()} == expected


def test_what_a_leaked_span_says_is_not_believed_and_nothing_is_inherited_from_it() -> None:
    scene = Scene()
    scene.span("stray", customer="old", product="bot", scope="7", name="paid.trace.work")
    scene.span("call", parent="stray")
    scene.signal("billed", span="stray", customer="old", product="its own")
    spans = inherit(pl.DataFrame(scene.spans, schema=SPANS))
    assert inherited(scene) == {"stray": (None, None, None), "call": (None, None, None)}
    signals = inherit_signals(pl.DataFrame(scene.signals, schema=SIGNALS), spans)
    assert signals.select("customer_id", "product_id").row(0) == (None, "its own")
