"""The rules of money over random traffic: nested agents, twins, scopes, many signals, broken traces, unknown prices."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.revenue_rules import RevenueRule
from tests.analytics.lakelike import broken, lake_of
from tests.analytics.scene import Outcome, Scene

TRACES = ("t1", "t2", "t3")
ANSWERS = (None, None, "chatcmpl-b94582cc7f8349f6a431c5a8", "chatcmpl-991d64f26ecc40a7990c7b2d", "chatcmpl-42")
RULES = (
    RevenueRule("acme", customer_id="acme", unit_price_usd=Decimal("0.000000000007")),
    RevenueRule("event", event_name="report", credits=Decimal(3), credit_value_usd=Decimal("0.058")),
)
PROFILE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

customers = st.sampled_from([None, None, "acme", "other"])
products = st.sampled_from([None, "bot"])
scopes = st.sampled_from([None, None, "7", "8"])
dollars = st.integers(0, 10**13).map(lambda picodollars: str(Decimal(picodollars) / 10**12))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A few traces of spans whose parents are anywhere: above, missing, in a ring; and signals of every kind."""
    scene = Scene()
    kinds: dict[str, Callable[..., None]] = {
        "call": scene.call, "unpriced": scene.call, "aggregate": scene.aggregate,
        "silent": scene.silent, "failed": scene.failed, "span": scene.span,
    }  # fmt: skip
    size = draw(st.integers(1, 12))
    names = [f"s{number}" for number in range(size)]
    homes = [draw(st.sampled_from(TRACES)) for _ in names]
    for name, home in zip(names, homes, strict=True):
        family = [other for other, trace in zip(names, homes, strict=True) if trace == home]
        kind = draw(st.sampled_from(["call", "call", "call", "unpriced", "aggregate", "silent", "failed", "span"]))
        told: dict[str, Any] = {
            "trace": home,
            "parent": draw(st.sampled_from([None, "lost", *family])),
            "at": draw(st.integers(0, 20)),
            "customer": draw(customers),
            "product": draw(products),
            "scope": draw(scopes),
        }
        if kind != "span":
            told |= {
                "lasts": draw(st.integers(0, 20)),
                "scope_name": draw(st.sampled_from(["one", "two", "langchain"])),
                "usage_note": draw(st.sampled_from([None, None, "stream_record", "stream_request"])),
                "response_id": draw(st.sampled_from(ANSWERS)),
            }
        if kind in ("call", "unpriced", "aggregate"):
            told |= {
                "cost": None if kind == "unpriced" else draw(dollars),
                "input_tokens": draw(st.integers(10, 12)),
                "output_tokens": draw(st.integers(0, 2)),
                "cache_read_tokens": draw(st.sampled_from([None, 5])),
            }
        kinds[kind](name, **told)
    for number in range(draw(st.integers(0, 6))):
        scene.signal(
            f"e{number}", trace=draw(st.sampled_from([None, *TRACES])), span=draw(st.sampled_from([None, *names])),
            customer=draw(customers), product=draw(products), scope=draw(scopes), traced=draw(st.booleans()),
            event=draw(st.sampled_from(["chat_message", "report"])), quantity=draw(st.sampled_from([None, "1", "2.5"])),
        )  # fmt: skip
    return scene


@PROFILE
@given(scenes())
def test_linked_and_unclaimed_cost_are_all_of_the_cost(scene: Scene) -> None:
    outcome = scene.run(RULES)
    assert outcome.linked() + outcome.unclaimed() == outcome.total()
    per_cost = outcome.links.group_by("cost_id").agg(pl.col("cost_usd").cast(pl.Decimal(38, 12)).sum().alias("linked"))
    whole = per_cost.join(outcome.costs.select("cost_id", "cost_usd"), on="cost_id")
    assert (whole["linked"] == whole["cost_usd"].cast(pl.Decimal(38, 12)).fill_null(0)).all()


@PROFILE
@given(scenes())
def test_every_invariant_of_the_lake_holds(scene: Scene) -> None:
    assert broken(lake_of(scene, scene.run(RULES))) == {}


@PROFILE
@given(scenes(), st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing(scene: Scene, order: int) -> None:
    for told, shuffled in zip(scene.run(RULES).tables(), scene.run(RULES, shuffle=order).tables(), strict=True):
        assert told.equals(shuffled)


@PROFILE
@given(scenes())
def test_nothing_that_counts_is_inside_another_that_counts(scene: Scene) -> None:
    outcome = scene.run()
    counted = _with_usage(outcome)
    parents = {(span["trace_id"], span["span_id"]): span["parent_span_id"] for span in scene.spans}
    for trace, span in counted:
        above, steps = parents[trace, span], 0
        ancestors = set()
        while (trace, above) in parents and steps <= len(parents):
            ancestors.add((trace, above))
            above, steps = parents[trace, above], steps + 1
        if steps <= len(parents):  # a ring of parents has no inside
            assert not ancestors & counted


@PROFILE
@given(scenes())
def test_an_answer_is_counted_once(scene: Scene) -> None:
    costs = scene.run().costs.filter(pl.col("status") != "aggregate")
    answers = costs.filter(pl.col("response_id").str.len_bytes() > 16)["response_id"]
    assert answers.n_unique() == len(answers)


@PROFILE
@given(scenes())
def test_usage_never_vanishes(scene: Scene) -> None:
    """Whatever is put together, some row that knows usage still counts."""
    outcome = scene.run()
    if outcome.costs["usage_source"].is_in(["reported"]).any():
        assert _with_usage(outcome)


@PROFILE
@given(scenes())
def test_the_totals_of_customers_are_sums_of_costs(scene: Scene) -> None:
    outcome = scene.run()
    by_customer = outcome.costs.group_by("customer_id").agg(pl.col("cost_usd").cast(pl.Decimal(38, 12)).sum())
    assert by_customer["cost_usd"].sum() == outcome.total()
    known = {row["span_id"]: Decimal(row["cost_usd"] or 0) for row in scene.calls}
    assert outcome.total() == sum((known[span] for span in outcome.counted()), Decimal(0))


@PROFILE
@given(scenes(), scenes())
def test_traces_that_share_nothing_are_settled_apart_as_together(scene: Scene, other: Scene) -> None:
    """What lets a caller look only at the traces that new rows touch."""
    alone = scene.run(RULES).tables()
    together = Scene([*scene.spans], [*scene.calls], [*scene.signals])
    for kind in ("spans", "calls", "signals"):
        for row in getattr(other, kind):
            moved = dict(row) | {key: f"x-{row[key]}" for key in _OWN & row.keys() if row[key] is not None}
            getattr(together, kind).append(moved)
    everything = together.run(RULES).tables()
    for part, whole, key in zip(alone, everything, ("cost_id", "cost_id", "signal_id"), strict=True):
        assert part.equals(whole.join(part, on=key, how="semi", maintain_order="left"))


_OWN = {"trace_id", "span_id", "parent_span_id", "signal_id", "response_id", "own_cost_scope", "cost_scope", "process"}


def _with_usage(outcome: Outcome) -> set[tuple[str, str]]:
    counted = outcome.costs.filter((pl.col("status") != "aggregate") & (pl.col("usage_source") == "reported"))
    return set(counted.select("trace_id", "span_id").iter_rows())
