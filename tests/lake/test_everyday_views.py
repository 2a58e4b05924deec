"""Caches, failures, model mixes, worst events, unclaimed costs, price changes: exact, once each, unknown is unknown.

Views are plain SQL: most tests ask them in an in-memory DuckDB, which is made much sooner than a lake.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.connect import Lake
from lake.schema import TABLES, VIEWS
from lake.view_columns import meaning
from scripts.build_tables_doc import columns_of_views
from tests.examples import examples
from tests.lake.rows import after, cost, frame, link, margin, span

RATE = {"rate_id": "r1", "catalog_id": "book", "provider": "openai", "model": "gpt-5"}
PRICES = {"input_mtok": Decimal(2), "cache_read_mtok": Decimal("0.2"), "output_mtok": Decimal(10)}


class Tables:
    """The declared tables and views in an in-memory DuckDB."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'")
        for definition in (*TABLES.values(), *VIEWS.values()):
            self.connection.execute(definition.create_sql()[0])

    def read(self, sql: str) -> pl.DataFrame:
        return self.connection.sql(sql).pl()


@pytest.fixture
def tables() -> Iterator[Tables]:
    made = Tables()
    yield made
    made.connection.close()


def put(into: Tables, **tables: Sequence[dict[str, Any]]) -> None:
    for table, rows in tables.items():
        for row in rows:
            arrow = frame(table, [row]).to_arrow()
            into.connection.register("arrow", arrow)
            into.connection.execute(f"INSERT INTO {table} BY NAME FROM arrow")


def cached(
    number: int, *, read: int = 0, written: int = 0, read_usd: str = "0", write_usd: str = "0", **said: Any
) -> dict[str, Any]:
    return cost(number, "1", rate_id="r1", cache_read_tokens=read, cache_write_5m_tokens=written,
                cache_read_cost_usd=Decimal(read_usd), cache_write_cost_usd=Decimal(write_usd), **said)  # fmt: skip


# Caches


def test_a_cache_saves_what_its_tokens_would_have_cost_as_input_less_what_they_did_cost(tables: Tables) -> None:
    calls = [cached(1, read=1_000_000, read_usd="0.2"), cached(2, written=1_000_000, write_usd="2.5")]
    put(tables, rates=[RATE | PRICES], costs=[*calls, cost(3, "1", rate_id="r1", input_tokens=5)])
    row = tables.read("FROM cache_savings").row(0, named=True)
    assert (row["calls"], row["unknown_calls"]) == (2, 0)
    assert (row["cache_read_tokens"], row["cache_write_tokens"]) == (1_000_000, 1_000_000)
    assert (row["full_rate_usd"], row["charged_usd"]) == (Decimal(4), Decimal("2.7"))
    assert row["saved_usd"] == Decimal("1.3")


@pytest.mark.parametrize(
    "call",
    [
        cached(1, read=1_000_000, read_usd="0.1", price_rule="half off"),
        cached(1, read=1_000_000, read_usd="0.3"),  # some of it was audio
        cached(1, written=1_000_000, write_usd="1.2", price_rule="half off"),
        cost(1, None, rate_id=None, cache_read_tokens=1_000_000),
    ],
    ids=["discounted", "other than listed", "discounted writing", "unpriced"],
)
def test_what_a_cache_saved_is_unknown_where_the_rate_does_not_say_it(tables: Tables, call: dict[str, Any]) -> None:
    put(tables, rates=[RATE | PRICES], costs=[call])
    assert tables.read(
        "SELECT calls, unknown_calls, full_rate_usd, charged_usd, saved_usd FROM cache_savings"
    ).rows() == [(1, 1, None, None, None)]


@settings(max_examples=examples(15))
@given(st.lists(st.tuples(st.integers(1, 400_000), st.integers(1, 99_999)), min_size=1, max_size=6))
def test_savings_are_exact(calls: list[tuple[int, int]]) -> None:
    """Against Python's decimals, for prices with four decimals."""
    tables, expected = Tables(), Decimal(0)
    for number, (tokens, price) in enumerate(calls):
        listed, full = Decimal(price) / 10_000, Decimal(price) / 1_000
        charged = (listed * tokens / 10**6).quantize(Decimal("1e-12"))
        expected += full * tokens / 10**6 - charged
        rate = RATE | {"rate_id": str(number), "input_mtok": full, "cache_read_mtok": listed}
        put(tables, rates=[rate], costs=[cached(number, read=tokens, read_usd=str(charged)) | {"rate_id": str(number)}])
    assert tables.read("SELECT sum(saved_usd) FROM cache_savings").item() == expected
    tables.connection.close()


# Failures


def test_a_failed_call_is_a_retry_when_its_span_asks_the_same_model_again(tables: Tables) -> None:
    asked = {"request_model": "gpt-5", "parent_span_id": "a"}
    put(
        tables,
        costs=[
            cost(1, "0.03", failed=True, **asked),
            cost(2, "0.10", failed=False, at=after(seconds=1), **asked),
            cost(3, "0.01", failed=True, at=after(seconds=2), **asked),  # the last one: given up
            cost(4, None, failed=True, request_model="gpt-5", parent_span_id="b"),  # alone in its span
        ],
    )
    row = tables.read("FROM errors_and_retries").row(0, named=True)
    assert (row["calls"], row["failed_calls"], row["retried_calls"], row["failed_unpriced_calls"]) == (4, 3, 1, 1)
    assert (row["failed_cost_usd"], row["retried_cost_usd"]) == (Decimal("0.04"), Decimal("0.03"))
    assert row["failed_pct"] == 75


def test_a_trace_is_needed_to_tell_a_retry(tables: Tables) -> None:
    untraced = {"trace_id": None, "parent_span_id": None, "request_model": "gpt-5"}
    put(tables, costs=[cost(1, "0.1", failed=True) | untraced, cost(2, "0.1", at=after(seconds=1)) | untraced])
    assert tables.read("SELECT failed_calls, retried_calls FROM errors_and_retries").rows() == [(1, 0)]


def test_failures_of_unknown_cost_did_not_cost_nothing(tables: Tables) -> None:
    put(tables, costs=[cost(1, None, failed=True), cost(2, "1", failed=False, provider="x-ai")])
    rows = tables.read("SELECT provider, failed_cost_usd FROM errors_and_retries ORDER BY provider").rows()
    assert rows == [("openai", None), ("x-ai", 0)]


# Events


def test_a_cost_that_two_events_show_in_full_counts_once(tables: Tables) -> None:
    call = cost(1, "0.000000000003")
    shown = {"cost_usd": Decimal("0.000000000003"), "margin_usd": Decimal("0.999999999997"), "cost_repeated": True}
    put(
        tables,
        costs=[call],
        cost_links=[link(call, "s1", "0.000000000002"), link(call, "s2", "0.000000000001")],
        event_margins=[
            margin("s1", revenue="1", model_calls=1, **shown),
            margin("s2", revenue="1", model_calls=1, **shown),
        ],
    )
    assert tables.read("SELECT sum(cost_usd) FROM event_costs").item() == Decimal("0.000000000003")
    assert tables.read("SELECT cost_usd, margin_usd FROM margin_by_model_mix").rows() == [
        (Decimal("0.000000000003"), Decimal("1.999999999997"))
    ]
    assert tables.read("SELECT signal_id, margin_usd FROM worst_events LIMIT 1").rows() == [
        ("s1", Decimal("0.999999999998"))
    ]


def test_the_mix_names_the_models_that_answered(tables: Tables) -> None:
    calls = [cost(1, "0.2"), cost(2, "0.1", model="ada"), cost(3, "0.1"), cost(4, "0", model="down", failed=True)]
    put(
        tables,
        costs=calls,
        cost_links=[link(call, "s1", str(call["cost_usd"])) for call in calls],
        event_margins=[
            margin("s1", revenue="1", cost_usd=Decimal("0.4"), margin_usd=Decimal("0.6")),
            margin("s2", revenue="1", cost_usd=Decimal(0), margin_usd=Decimal(1), cost_status="no_calls"),
            margin("s3", revenue=None, cost_usd=Decimal(0), cost_status="no_calls"),
        ],
    )
    rows = tables.read(
        "SELECT models, signals, cost_usd, margin_usd, margin_pct FROM margin_by_model_mix ORDER BY 2"
    ).rows()
    assert rows == [("ada + gpt-5", 1, Decimal("0.4"), Decimal("0.6"), 60), (None, 2, 0, None, None)]
    assert tables.read("SELECT signal_id FROM worst_events")["signal_id"].to_list() == ["s1", "s2"]


def test_unclaimed_cost_is_that_of_the_service_that_sent_it(tables: Tables) -> None:
    borne, stray = cost(1, "0.5"), cost(2, "0.25", customer_id="acme")
    put(
        tables,
        spans=[span(number, service_name="api") for number in (1, 2)],
        costs=[borne, stray, cost(3, None), cost(4, "9") | {"status": "aggregate", "cost_usd": None}],
        cost_links=[link(borne, "s1", "0.5")],
    )
    rows = tables.read("FROM unclaimed_by_service ORDER BY service_name").rows()
    assert [row[1:] for row in rows] == [
        ("api", "openai", "gpt-5", 1, 0, 0, Decimal("0.25")),
        (None, "openai", "gpt-5", 1, 1, 1, None),
    ]


# Prices


def test_a_price_change_is_a_dated_rate_that_differs_from_the_one_before(tables: Tables) -> None:
    def dated(rate_id: str, since: int | None, **prices: Decimal) -> dict[str, Any]:
        valid_from = None if since is None else datetime(2026, since, 1, tzinfo=UTC)
        return RATE | PRICES | {"rate_id": rate_id, "valid_from": valid_from} | prices

    put(
        tables,
        rates=[
            dated("first", None),
            dated("dearer", 3, input_mtok=Decimal(3)),
            dated("same", 6, input_mtok=Decimal(3)),
            dated("batch", 6, input_mtok=Decimal(1)) | {"processing": "batch"},
        ],
        costs=[cost(1, "0.5", rate_id="dearer"), cost(2, "0.25", rate_id="dearer")],
    )
    (row,) = tables.read("FROM price_changes").rows(named=True)
    assert (row["previous_rate_id"], row["rate_id"], row["changed_at"].month) == ("first", "dearer", 3)
    assert (row["input_mtok_before"], row["input_mtok"]) == (2, 3)
    assert (row["calls"], row["cost_usd"]) == (2, Decimal("0.75"))


# Meanings


def test_every_column_of_a_view_is_explained() -> None:
    missing = [f"{view}.{name}" for view, names in columns_of_views().items() for name, _ in names
               if not meaning(view, name)]  # fmt: skip
    assert missing == [], "say in lake/view_columns.py what they mean"


def test_ducklake_keeps_no_comments_on_columns_of_views(lake: Lake) -> None:
    """The day it does, they belong there and not only into docs/tables.md."""
    with pytest.raises(duckdb.BinderException, match="not a table"):
        lake.cursor().execute("COMMENT ON COLUMN coverage.day IS 'Day, UTC.'")
