"""Every panel over the lake is asked of the demo's lake, as Grafana would ask it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dashboards.grafana import DASHBOARDS
from dashboards.macros import expand
from lake.connect import attach, connect
from scripts.build_dashboards import built

EMPTY_IN_THE_DEMO = {"Our price and what senders report", "Value delivered"}
"""None of its spans says what it costs, and not every customer has events with a value."""

READABLE = ("VARCHAR", "BIGINT", "INTEGER", "BOOLEAN", "DECIMAL", "DATE", "TIMESTAMP", "DOUBLE")
"""Beginnings of the types that the DuckDB data source turns into fields of Grafana; HUGEINT is not among them."""

BOARDS = {name: json.loads(built()[f"grafana/{name}.json"]) for name in DASHBOARDS}
PANELS = [
    pytest.param(board, panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", [])
    if "rawSql" in target
]
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def lake(demo_lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that nothing was set on: the plugin runs its initial SQL on the first of its connections only."""
    with connect() as first:
        attach(first, demo_lake, read_only=True)
        connection = first.cursor()
        connection.execute("SET SESSION TimeZone = 'Pacific/Kiritimati'")
        yield connection


def choices(lake: duckdb.DuckDBPyConnection, board: dict[str, Any]) -> dict[str, list[str]]:
    """What is chosen when the dashboard opens: all values, or the first one."""
    found = {}
    for variable in board.get("templating", {}).get("list", []):
        values = [value for (value,) in lake.execute(variable["query"]).fetchall()]
        assert values, variable["name"]
        found[variable["name"]] = values if variable.get("includeAll") else values[:1]
    return found


def asked(lake: duckdb.DuckDBPyConnection, board: dict[str, Any], panel: dict[str, Any]) -> duckdb.DuckDBPyRelation:
    since, until = NOW - timedelta(days=30), NOW + timedelta(hours=1)
    return lake.sql(expand(panel["targets"][0]["rawSql"], since, until, choices(lake, board)))


def test_there_are_panels() -> None:
    assert len(PANELS) >= 35


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_has_an_answer_that_it_can_show(
    lake: duckdb.DuckDBPyConnection, board: dict[str, Any], panel: dict[str, Any]
) -> None:
    relation = asked(lake, board, panel)
    assert [str(kind) for kind in relation.types if not str(kind).startswith(READABLE)] == []
    answer = relation.pl()
    assert answer.height > 0 or panel["title"] in EMPTY_IN_THE_DEMO
    if panel["type"] == "stat":
        assert answer.shape == (1, 1)
        assert answer.item() is not None or panel["title"] in EMPTY_IN_THE_DEMO
    elif panel["type"] == "timeseries":
        assert answer.columns[0] == "time"
        assert answer["time"].is_sorted()
        texts = [name for name, kind in answer.schema.items() if kind == pl.String]
        assert len(texts) == len(panel.get("transformations", [])), "long rows are made to series, wide ones are series"
    for override in panel["fieldConfig"]["overrides"]:
        assert override["matcher"]["options"] in answer.columns


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_is_well_before_anything_happened(
    lake: duckdb.DuckDBPyConnection, board: dict[str, Any], panel: dict[str, Any]
) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    lake.execute(expand(panel["targets"][0]["rawSql"], long_ago, long_ago, choices(lake, board))).fetchall()


def test_the_figures_on_top_are_those_of_the_lake(lake: duckdb.DuckDBPyConnection) -> None:
    board = BOARDS["margin-overview"]
    shown = {panel["title"]: asked(lake, board, panel).pl() for panel in board["panels"] if "targets" in panel}
    revenue, cost, unpriced = lake.execute(
        "SELECT (SELECT sum(revenue_usd) FROM lake.event_margins), sum(cost_usd), "
        "count(*) FILTER (WHERE cost_usd IS NULL) FROM lake.billable_costs"
    ).fetchall()[0]
    assert shown["Revenue"].item() == revenue
    assert shown["Cost"].item() == cost
    assert shown["Unpriced calls"].item() == unpriced
    assert shown["Known margin"].item() == revenue - cost
    assert shown["Customers"]["Cost"].sum() == cost
    assert shown["Customers"]["Known margin"].sum() == revenue - cost
    assert shown["Cost by product and day"]["cost"].sum() == cost
    assert shown["Revenue, cost and known margin by day"]["Known margin"].sum() == revenue - cost


def test_one_customers_dashboard_shows_that_customer_only(lake: duckdb.DuckDBPyConnection) -> None:
    board = BOARDS["customer"]
    shown = {panel["title"]: asked(lake, board, panel).pl() for panel in board["panels"] if "targets" in panel}
    revenue, cost = lake.execute(
        "SELECT revenue_usd, cost_usd FROM lake.margin_by_customer WHERE customer_id = ?",
        choices(lake, board)["customer"],
    ).fetchall()[0]
    assert shown["Bill"]["Revenue"].sum() == revenue > 0
    assert shown["Known margin"].item() == revenue - cost
    assert shown["Models"]["Cost"].sum() == cost


# What Grafana makes of a query


def test_the_time_range_is_written_to_the_second_in_utc() -> None:
    since = datetime(2026, 11, 1, 12, 30, 15, 999_999, tzinfo=UTC)
    assert expand("SELECT 1 WHERE $__timeFilter(c.occurred_at)", since, since + timedelta(days=1), {}) == (
        "SELECT 1 WHERE c.occurred_at >= '2026-11-01T12:30:15Z' AND c.occurred_at <= '2026-11-02T12:30:15Z'"
    )


def test_values_of_variables_cannot_leave_their_quotes() -> None:
    sql = expand("SELECT 1 WHERE x IN (${name:sqlstring})", NOW, NOW, {"name": ["a", "b'); DROP TABLE costs; --"]})
    assert sql == "SELECT 1 WHERE x IN ('a', 'b''); DROP TABLE costs; --')"


@pytest.mark.parametrize("sql", ["SELECT $__timeFrom()", "SELECT '$customer'", "SELECT ${customer}"])
def test_other_macros_are_refused(sql: str) -> None:
    with pytest.raises(ValueError, match="not known here"):
        expand(sql, NOW, NOW, {"customer": ["acme"]})
