"""What new rows touch, and the difference to write."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from analytics.inherit import inherit, inherit_calls, inherit_signals
from analytics.touched import diff, touched, traces_of
from tests.analytics.scene import CALLS, SIGNALS, SPANS, Scene

ANSWER = "chatcmpl-b94582cc7f8349f6a431c5a8"


def test_new_rows_touch_their_traces_twins_and_scopes() -> None:
    scene = Scene()
    scene.span("root", trace="t1", customer="acme")
    scene.call("call", trace="t2", customer="acme", scope="7", response_id=ANSWER)
    scene.call("leaked", trace="t2", scope="8", response_id="chatcmpl-42")
    scene.signal("event", trace=None, customer="acme", product="bot", scope="9")
    spans = inherit(pl.DataFrame(scene.spans, schema=SPANS))
    calls = inherit_calls(pl.DataFrame(scene.calls, schema=CALLS), spans)
    signals = inherit_signals(pl.DataFrame(scene.signals, schema=SIGNALS), spans)
    found = touched(spans, calls, signals)
    assert set(found.trace_ids) == {"t1", "t2"}
    assert found.response_ids.to_list() == [ANSWER]
    assert set(found.scopes.rows()) == {("7", "acme", None), ("9", "acme", "bot")}


def test_a_cost_may_be_borne_in_the_trace_of_its_twin() -> None:
    scene = Scene()
    scene.call("framework", trace="request", response_id=ANSWER)
    scene.call("sdk", trace="stray", response_id=ANSWER, cache_read_tokens=8)
    scene.signal("event", trace="request")
    costs = scene.run().costs
    assert set(traces_of(costs.filter(pl.col("span_id") == "sdk"))) == {"stray", "request"}


def table(rows: list[tuple[int, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(key, value, index) for index, (key, value) in enumerate(rows)],
        schema={"key": pl.Int64, "value": pl.Int64, "written_at": pl.Int64},
        orient="row",
    )


def test_rows_that_differ_only_in_bookkeeping_are_left_alone() -> None:
    old = table([(1, 10), (2, None), (3, 30)])
    new = table([(3, 30), (2, None), (1, 11), (4, 40)])
    gone, fresh = diff(old, new, ["key"], ignore=["written_at"])
    assert gone["key"].to_list() == [1]
    assert sorted(fresh["key"]) == [1, 4]


rows = st.dictionaries(st.integers(0, 8), st.none() | st.integers(0, 2)).map(lambda found: list(found.items()))


@given(rows, rows)
def test_the_difference_turns_the_old_into_the_new(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> None:
    old, new = table(before), table(after)
    gone, fresh = diff(old, new, ["key"], ignore=["written_at"])
    written = pl.concat([old.join(gone, on="key", how="anti"), fresh])
    assert written.select("key", "value").sort("key").equals(new.select("key", "value").sort("key"))
