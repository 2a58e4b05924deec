"""The cookbook's answers, worked out a second time in Python from the tables of the demo's lake."""

import os
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extensions
import polars as pl
import pytest

from lake.extensions import REQUIRED
from lake.read import query
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "docs" / "sql.md"
NONE = Decimal(0)


def asked(question: str) -> str:
    """The query below the question that begins so."""
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(f"\n{question}") == 1, question
    return page.split(f"\n{question}")[1].split("```sql\n")[1].split("```")[0]


def rows(lake: Path, sql: str) -> list[dict[str, Any]]:
    return query(lake, sql).to_dicts()


def test_there_are_many_questions_each_with_one_query() -> None:
    page = PAGE.read_text(encoding="utf-8")
    questions = [line for line in page.splitlines() if line.endswith(("?", ").")) or "? (" in line]
    assert len(blocks(PAGE, "sql")) >= 35
    assert len(questions) >= 25


IN_MONTH = "date_trunc('month', (occurred_at AT TIME ZONE 'UTC')::DATE) = (SELECT max(month) FROM margin_monthly)"
"""Of the month that the page asks about: the demo's day and a half may begin in the one before."""

COSTS_OF_THE_MONTH = f"""
SELECT coalesce(c.customer_id, m.customer_id) AS customer_id, coalesce(c.product_id, m.product_id) AS product_id,
       coalesce(l.cost_usd, c.cost_usd) AS cost_usd
FROM billable_costs AS c LEFT JOIN cost_links AS l USING (cost_id) LEFT JOIN event_margins AS m USING (signal_id)
WHERE c.cost_usd IS NOT NULL AND {IN_MONTH.replace("occurred_at", "coalesce(m.occurred_at, c.occurred_at)")}
"""


@pytest.mark.parametrize("product", [None, "support-copilot"])
def test_margins_of_the_month_are_sums_of_costs_and_revenues(demo_lake: Path, product: str | None) -> None:
    question = "What did each customer earn us" if product is None else "And each product?"
    answer = rows(demo_lake, asked(question))
    costs = rows(demo_lake, COSTS_OF_THE_MONTH)
    key = "customer_id" if product is None else "product_id"
    for row in answer:
        assert row["cost"] == sum((cost["cost_usd"] for cost in costs if cost[key] == row[key]), start=NONE)
    assert sum(row["events"] for row in answer) == len(query(demo_lake, f"FROM signals WHERE {IN_MONTH}"))


def test_the_ten_worst_are_the_smallest_known_margins(demo_lake: Path) -> None:
    margins = sorted(row["margin_usd"] for row in rows(demo_lake, "FROM event_margins WHERE margin_usd IS NOT NULL"))
    assert [row["margin_usd"] for row in rows(demo_lake, asked("Which ten events"))] == margins[:10]


def test_unresolved_tickets_are_paid_for_by_the_resolved_ones(demo_lake: Path) -> None:
    (row,) = rows(demo_lake, asked("What does a successful outcome cost"))
    tickets = rows(demo_lake, "SELECT data FROM signals WHERE event_name = 'ticket_resolved'")
    assert row["tickets"] == len(tickets)
    assert row["resolved"] == sum('"resolved":true' in each["data"].replace(" ", "") for each in tickets)
    assert 0 < row["resolved"] < row["tickets"]
    assert abs(row["cost_per_resolved_ticket"] - row["cost"] / row["resolved"]) <= Decimal("0.000001")


def test_the_95th_percentile_is_a_cost_that_occurred(demo_lake: Path) -> None:
    costs = defaultdict(list)
    for row in rows(demo_lake, "FROM event_margins WHERE cost_status = 'complete'"):
        costs[row["event_name"]].append(row["cost_usd"])
    answer = {row["event_name"]: row for row in rows(demo_lake, asked("What do events cost in the middle"))}
    assert answer.keys() == costs.keys()
    for name, values in costs.items():
        rank = -(-95 * len(values) // 100)  # nearest rank
        assert answer[name]["p95"] == sorted(values)[rank - 1]
        assert answer[name]["dearest"] == max(values)


def test_caches_saved_what_the_rates_say(demo_lake: Path) -> None:
    used = rows(
        demo_lake,
        "SELECT c.*, r.input_mtok FROM billable_costs AS c JOIN rates AS r USING (rate_id) WHERE c.cost_usd > 0",
    )
    saved: dict[str, Decimal] = defaultdict(Decimal)
    for call in used:
        names = ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
        if tokens := sum(call[name] or 0 for name in names):
            saved[call["model"]] += call["input_mtok"] * tokens / 10**6
            saved[call["model"]] -= call["cache_read_cost_usd"] + call["cache_write_cost_usd"]
    answer = rows(demo_lake, asked("What did prompt caches save"))
    assert {row["model"]: row["saved"] for row in answer if row["saved"] is not None} == saved
    assert len(saved) >= 8


def test_failures_that_broke_off_were_paid_for(demo_lake: Path) -> None:
    failed = rows(demo_lake, "FROM billable_costs WHERE failed")
    answer = rows(demo_lake, asked("What did errors and retries cost"))
    assert sum(row["failed"] for row in answer) == len(failed)
    assert sum(row["paid_for_failures"] for row in answer) == sum(row["cost_usd"] for row in failed) > 0
    assert sum(row["tried_again"] for row in answer) == len(failed), "the demo tries every failed call again"
    by_error = rows(demo_lake, asked("Which errors were they"))
    assert {row["error"] for row in by_error} == {"RateLimitError", "APIConnectionError"}


def test_a_bill_ends_with_its_total(demo_lake: Path) -> None:
    *lines, total = rows(demo_lake, asked("What goes on one customer's bill"))
    assert total["product_id"] is None
    assert (total["amount"] or 0) == sum(line["amount"] for line in lines if line["amount"] is not None)
    assert {line["revenue_rule"] for line in lines if line["event_name"] == "chat_answered"} <= {"pro"}


def test_each_plan_earns_its_price_of_a_credit(demo_lake: Path) -> None:
    prices = {"starter": Decimal("0.02"), "pro": Decimal("0.015"), "business": Decimal("0.008")}
    answer = rows(demo_lake, asked("How do the customers of each plan do"))
    assert {row["plan"]: row["revenue"] / row["events"] for row in answer} == prices
    assert {row["plan"]: row["customers"] for row in answer} == {"starter": 4, "pro": 1, "business": 1}


def test_a_dearer_price_costs_the_difference(demo_lake: Path) -> None:
    """mistral-medium-latest: 0.40, 0.04 and 2 dollars until June 2026, 1.50, 0.15 and 7.50 since."""
    answer = {row["model"]: row for row in rows(demo_lake, asked("What do the calls since a change"))}
    model = "mistral/mistral-medium-latest"
    expected = NONE
    for call in rows(demo_lake, f"FROM billable_costs WHERE model = '{model}'"):
        read = call["cache_read_tokens"] or 0
        expected += Decimal("1.10") * (call["input_tokens"] - read) + Decimal("0.11") * read
        expected += Decimal("5.5") * call["output_tokens"]
    assert answer[model]["dearer_by"] == expected / 10**6
    assert model in {row["model"] for row in rows(demo_lake, asked("Which prices of models in use"))}


def test_shares_add_up(demo_lake: Path) -> None:
    mixes = rows(demo_lake, "SELECT sum(cost_usd) AS cost FROM margin_by_model_mix")[0]["cost"]
    assert mixes == rows(demo_lake, "SELECT sum(cost_usd) AS cost FROM cost_links")[0]["cost"]
    unclaimed = sum(row["cost"] for row in rows(demo_lake, asked("Which cost does no event bear")))
    assert unclaimed == rows(demo_lake, "SELECT sum(cost_usd) AS cost FROM unclaimed_costs")[0]["cost"]


def test_the_past_is_what_it_was(demo_lake: Path) -> None:
    (row,) = rows(demo_lake, asked("What did it say at one of them"))
    assert row["cost_a_second_ago"] == row["cost_now"]
    assert (row["cost_at_snapshot_3"] or 0) <= row["cost_now"]


def test_python_programs_of_the_page_run(demo_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, plain = blocks(PAGE, "python")
    monkeypatch.chdir(demo_lake.parent)
    known: dict[str, Any] = {}
    exec(ours, known)
    assert known["by_event"].schema["margin_usd"] == pl.Decimal(38, 12)
    assert str(known["frame"].dtypes["margin_usd"]) == "decimal128(18, 12)[pyarrow]"
    assert len(known["frame"]) == len(known["margins"])
    assert known["total"] == query(demo_lake, "SELECT sum(cost_usd) FROM billable_costs").item()

    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))  # where DuckDB installs extensions: here from packages
    for name in REQUIRED:
        duckdb_extensions.import_extension(name)
    exec(plain, known)
    assert sorted(known["margins"]["customer_id"].drop_nulls()) == sorted(
        query(demo_lake, "SELECT customer_id FROM margin_by_customer")["customer_id"].drop_nulls()
    )
    assert isinstance(known["duck"], duckdb.DuckDBPyConnection)
