"""Results in plain DuckDB tables of the lake's names, to run the lake's invariants on."""

import duckdb
import polars as pl

from analytics.invariants import INVARIANTS
from lake.schema import TABLES
from tests.analytics.scene import SIGNALS, SPANS, Outcome, Scene


def lake_of(scene: Scene, outcome: Outcome) -> duckdb.DuckDBPyConnection:
    """A database with spans, costs, signals, cost_links, event_margins, and the rates that the costs name."""
    tables = {
        "spans": pl.DataFrame(scene.spans, schema=SPANS),
        "signals": pl.DataFrame(scene.signals, schema=SIGNALS),
        # the scene prices nothing itself: give every priced row a rate, so that the rule can be checked
        "costs": outcome.costs.with_columns(rate_id=pl.when(pl.col("status") == "priced").then(pl.lit("rate_1"))),
        "cost_links": outcome.links,
        "event_margins": outcome.margins,
        "rates": pl.DataFrame({"rate_id": ["rate_1"]}),
        **{name: TABLES[name].polars_schema.to_frame() for name in ("margin_rollup", "rolled_days")},
    }
    database = duckdb.connect()
    for name, frame in tables.items():
        database.register("incoming", frame.to_arrow())
        database.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
        database.unregister("incoming")
    return database


def broken(database: duckdb.DuckDBPyConnection) -> dict[str, list[object]]:
    """The violations of every invariant that does not hold."""
    found = {invariant.name: database.execute(invariant.sql).fetchall() for invariant in INVARIANTS}
    return {name: rows for name, rows in found.items() if rows}
