"""Spans that the Paid SDK stamped outside every block carry what an earlier block left."""

import polars as pl
import pytest

from analytics.leaked import BLOCK, leaked
from tests.analytics.scene import SPANS, Scene

STAMPED = "paid.trace.ChatCompletion"


def leaks(scene: Scene) -> set[str]:
    spans = pl.DataFrame(scene.spans, schema=SPANS)
    return set(spans.filter(leaked(spans))["span_id"])


def test_a_stamped_root_that_is_no_block_leaks_and_so_does_all_below_it() -> None:
    scene = Scene()
    scene.span("below", parent="stray", scope="7", name=STAMPED)
    scene.span("stray", scope="7", name="paid.trace.work")
    scene.span("unstamped", parent="stray", name=STAMPED)
    assert leaks(scene) == {"stray", "below"}


def test_below_a_block_nothing_leaks_however_far() -> None:
    scene = Scene()
    scene.span("call", parent="step", scope="7", name=STAMPED)
    scene.span("step", parent="block", scope="7", name="paid.trace.work")
    scene.span("block", parent="request", scope="7", name=BLOCK)
    scene.span("request", name="GET /chat")
    assert leaks(scene) == set()


def test_below_the_application_s_own_root_a_stamped_span_leaks_unless_a_block_is_between() -> None:
    scene = Scene()
    scene.span("request", name="GET /chat")
    scene.span("block", parent="request", scope="7", name=BLOCK)
    scene.span("inside", parent="block", scope="7", name=STAMPED)
    scene.span("after", parent="request", scope="7", name=STAMPED)
    assert leaks(scene) == {"after"}


def test_while_an_ancestor_is_missing_a_span_is_believed() -> None:
    scene = Scene()
    scene.span("call", parent="on its way", scope="7", name=STAMPED)
    assert leaks(scene) == set()


@pytest.mark.parametrize("name", ["chat", "Paid.trace.chat", "trace.paid.trace.chat"])
def test_scopes_of_others_than_the_sdk_never_leak(name: str) -> None:
    scene = Scene()
    scene.span("root", scope="7", name=name)
    scene.span("call", parent="root", scope="7", name=name)
    assert leaks(scene) == set()


def test_a_ring_of_parents_is_believed() -> None:
    scene = Scene()
    scene.span("a", parent="b", scope="7", name=STAMPED)
    scene.span("b", parent="a", scope="7", name=STAMPED)
    assert leaks(scene) == set()


def test_one_trace_says_nothing_of_another() -> None:
    scene = Scene()
    scene.span("stray", trace="t1", scope="7", name=STAMPED)
    scene.span("call", trace="t2", parent="stray", scope="7", name=STAMPED)
    assert leaks(scene) == {"stray"}
