"""The declarations are what a lake has: columns, types, meanings; and every type keeps its values exactly."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal

import polars as pl
import pytest

from lake.connect import Lake
from lake.definitions import POLARS_TYPES
from lake.schema import TABLES, VIEWS
from scripts.build_tables_doc import PAGE, page
from tests.new_lakes import REALLY_OPEN


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake that the migrations made; only to be read."""
    with REALLY_OPEN(tmp_path_factory.mktemp("fresh"), threads=2) as opened:
        yield opened


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_fresh_lake_has_the_declared_columns(fresh: Lake, table: object) -> None:
    declared = TABLES[table.name]  # type: ignore[attr-defined]
    columns = fresh.read(
        f"SELECT column_name, data_type, NOT is_nullable AS required, comment FROM duckdb_columns() "
        f"WHERE database_name = 'lake' AND table_name = '{declared.name}' ORDER BY column_index"
    )
    spelled = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
    assert [(name, spelled.get(kind, kind), required, comment) for name, kind, required, comment in columns.rows()] == [
        (column.name, column.type, column.required, column.comment) for column in declared.columns
    ]
    assert fresh.read(f"FROM {declared.name} LIMIT 0").schema == declared.polars_schema


def test_every_table_and_view_says_what_it_is(fresh: Lake) -> None:
    tables = fresh.read("SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'lake'")
    assert dict(tables.rows()) == {name: table.comment for name, table in TABLES.items()}
    views = fresh.read("SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'lake' AND NOT internal")
    assert dict(views.rows()) == {name: view.comment for name, view in VIEWS.items()}


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_answers_on_an_empty_lake(fresh: Lake, view: str) -> None:
    assert fresh.read(f"FROM {view}").is_empty()


def test_money_is_never_a_float(fresh: Lake) -> None:
    columns = fresh.read(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'lake' AND NOT internal"
    )
    assert columns.filter(pl.col("data_type").is_in(["FLOAT", "DOUBLE"])).is_empty()
    money = columns.filter(pl.col("column_name").str.ends_with("_usd"))
    assert set(money["data_type"]) == {"DECIMAL(18,12)", "DECIMAL(38,12)"}


def test_lookups_and_keys_name_columns_of_their_table() -> None:
    for table in TABLES.values():
        named = {*table.key, *table.bookkeeping, *(lookup.column for lookup in table.lookups)}
        assert named <= set(table.column_names)
        assert not table.lookups or table.time_column in table.column_names


EXTREMES: dict[str, list[object]] = {
    "VARCHAR": ["", "tab\tline\nquote'\" \U0001f600 \u0000 end", None],
    "JSON": ["{}", '{"n":1e400,"t":"\\u0000ü"}', "null", None],
    "BOOLEAN": [True, False, None],
    "INTEGER": [2**31 - 1, -(2**31), None],
    "BIGINT": [2**63 - 1, -(2**63) + 1, 0, None],
    "UBIGINT": [2**64 - 1, 2**63, 0, None],
    "DATE": [date(1, 1, 1), date(9999, 12, 31), None],
    "TIME": [time(0), time(23, 59, 59, 999999), None],
    "TIMESTAMPTZ": [datetime(1600, 2, 29, 1, 2, 3, 4, UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), None],
    "DECIMAL(18,12)": [Decimal("999999.999999999999"), Decimal("-0.000000000001"), Decimal(0), None],
    "DECIMAL(38,12)": [Decimal("12345678901234567890123456.123456789012"), Decimal("-0.000000000001"), None],
    "DECIMAL(38,18)": [Decimal("12345678901234567890.123456789012345678"), None],
    "DECIMAL(18,6)": [Decimal("999999999999.999999"), Decimal("-0.000001"), None],
}


@pytest.mark.parametrize("kind", POLARS_TYPES)
def test_values_come_back_as_they_went_in(lake: Lake, kind: str) -> None:
    sent = pl.DataFrame({"value": EXTREMES[kind]}, schema={"value": POLARS_TYPES[kind]})
    with lake.durable_transaction() as connection:
        connection.execute(f"CREATE TABLE things (value {kind})")
        arrow = sent.to_arrow()
        connection.register("arrow", arrow)
        connection.execute("INSERT INTO things FROM arrow")
    received = lake.read("FROM things")
    assert received.schema == sent.schema
    assert received["value"].to_list() == EXTREMES[kind]


def test_the_table_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python scripts/build_tables_doc.py"
