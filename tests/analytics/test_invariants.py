"""The invariants hold on what the stages make, and each of them notices what it is there for."""

import duckdb
import polars as pl
import pytest

from analytics.invariants import INVARIANTS
from tests.analytics.lakelike import broken, lake_of
from tests.analytics.scene import Scene


@pytest.fixture
def lake() -> duckdb.DuckDBPyConnection:
    scene = Scene()
    scene.span("root", customer="acme", product="bot")
    scene.aggregate("agent", "0.03", parent="root")
    scene.call("a", "0.010000000001", parent="agent", at=1)
    scene.call("b", None, parent="agent", at=30)
    scene.failed("c", parent="agent", at=60)
    scene.call("d", "0.02", trace="t2", customer="acme")
    scene.signal("one", span="root")
    scene.signal("two", span="root")
    scene.signal("three", trace="t9")
    scene.signal("four", trace=None)
    return lake_of(scene, scene.run())


def test_all_hold(lake: duckdb.DuckDBPyConnection) -> None:
    assert broken(lake) == {}


@pytest.mark.parametrize(
    ("damage", "noticed"),
    [
        ("DELETE FROM cost_links WHERE signal_id = 'one'", "conservation"),
        ("UPDATE cost_links SET cost_usd = cost_usd + 0.000000000001 WHERE cost_id LIKE '%_a'", "links_add_up"),
        ("UPDATE cost_links SET cost_usd = 0 WHERE cost_usd IS NULL", "links_add_up"),
        ("DELETE FROM costs WHERE span_id = 'b'", "links_have_ends"),
        ("DELETE FROM signals WHERE signal_id = 'one'", "links_have_ends"),
        ("INSERT INTO spans SELECT * FROM spans WHERE span_id = 'root'", "no_duplicates"),
        ("INSERT INTO event_margins SELECT * FROM event_margins WHERE signal_id = 'four'", "no_duplicates"),
        ("DELETE FROM rates", "priced_has_rate"),
        ("UPDATE costs SET rate_id = NULL WHERE span_id = 'd'", "priced_has_rate"),
        ("UPDATE costs SET cost_usd = 0.03 WHERE span_id = 'agent'", "aggregates_without_money"),
        ("UPDATE costs SET dedup = NULL WHERE span_id = 'agent'", "aggregates_without_money"),
        ("UPDATE costs SET cost_usd = 0 WHERE span_id = 'b'", "unknown_is_null"),
        ("UPDATE costs SET output_cost_usd = 1 WHERE span_id = 'd'", "parts_add_up"),
        ("DELETE FROM event_margins WHERE signal_id = 'three'", "margins_match_signals"),
        ("UPDATE event_margins SET cost_usd = 1 WHERE signal_id = 'one'", "margins_match_links"),
        ("UPDATE event_margins SET unpriced_calls = 0 WHERE signal_id = 'one'", "margins_match_links"),
        ("UPDATE event_margins SET margin_usd = 1 WHERE signal_id = 'one'", "margin_is_revenue_less_cost"),
        ("UPDATE cost_links SET event_at = NULL WHERE signal_id = 'one'", "links_have_times"),
        ("INSERT INTO rolled_days VALUES (DATE '2026-11-23', now(), NULL)", "rolled_days_hold"),
        ("INSERT INTO rolled_days VALUES (DATE '2026-11-24', NULL, NULL)", "rolled_days_hold"),
    ],
)
def test_damage_is_noticed(lake: duckdb.DuckDBPyConnection, damage: str, noticed: str) -> None:
    lake.execute(damage)
    assert noticed in broken(lake)


def test_every_invariant_says_what_it_is_about() -> None:
    assert len({invariant.name for invariant in INVARIANTS}) == len(INVARIANTS)
    assert all(invariant.explanation.endswith(".") for invariant in INVARIANTS)


def test_an_empty_lake_is_sound() -> None:
    scene = Scene()
    lake = lake_of(scene, scene.run())
    assert broken(lake) == {}
    assert lake.sql("SELECT count(*) FROM costs").fetchone() == (0,)
    assert isinstance(lake.sql("SELECT * FROM costs").pl(), pl.DataFrame)
