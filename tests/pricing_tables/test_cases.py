"""Agreed prices: every case was computed alike by at least two independent price sources."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pricing_tables.catalog import Catalog
from pricing_tables.quote import quote
from scripts.build_disagreements_doc import PAGE, page

DATA = Path(__file__).parent.parent / "data" / "prices"
ASKED = ("provider", "model", "timestamp", "usage", "service_tier", "batch")

CANNOT_ANSWER: dict[str, str] = {}
"""Case id -> why the catalog in use has no such price. Empty: the catalog holds the history of all of them."""


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def ask(cases: list[dict[str, Any]], catalog: Catalog) -> list[dict[str, Any]]:
    lines = [json.dumps({key: case[key] for key in ASKED if key in case}) for case in cases]
    return [json.loads(line) for line in quote(lines, catalog)]


def test_every_agreed_case_is_exact_to_the_last_decimal(catalog: Catalog) -> None:
    cases = [case for case in read("cases.jsonl") if case["id"] not in CANNOT_ANSWER]
    assert len(cases) == 231 - len(CANNOT_ANSWER)
    answers = ask(cases, catalog)
    wrong = {
        case["id"]: (case["provider"], case["model"], case["expected_cost_usd"], answer)
        for case, answer in zip(cases, answers, strict=True)
        if answer["cost_usd"] != case["expected_cost_usd"]
    }
    assert wrong == {}


def test_components_of_every_agreed_case_sum_to_its_cost(catalog: Catalog) -> None:
    for answer in ask(read("cases.jsonl"), catalog):
        assert sum(map(Decimal, answer["components"].values())) == Decimal(answer["cost_usd"])


def test_where_sources_disagree_the_answer_is_a_priced_decimal_or_an_explained_null(catalog: Catalog) -> None:
    cases = read("disagree.jsonl")
    for case, answer in zip(cases, ask(cases, catalog), strict=True):
        if answer["status"] == "priced":
            assert Decimal(answer["cost_usd"]) >= 0, case["id"]
            assert answer["rate_id"]
        else:
            assert answer["status"] == "unpriced", case["id"]
            assert answer["cost_usd"] is None
            assert answer["rate_note"]


def test_a_bare_bedrock_id_is_a_regional_call(catalog: Catalog) -> None:
    # Four of five sources price it as global; Amazon bills the in-region rate, ten per cent more.
    (case,) = [case for case in read("disagree.jsonl") if case["id"] == "pd0003"]
    (answer,) = ask([case], catalog)
    assert answer["cost_usd"] == case["answers"]["genai-prices==0.2.3"]


def test_the_page_of_disagreements_is_current(catalog: Catalog) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(catalog), "run scripts/build_disagreements_doc.py"


def test_clear_judgements_are_followed_wherever_the_name_says_enough(catalog: Catalog) -> None:
    """Where one source is judged right, its answer is ours; a region that only LiteLLM's key names cannot be known."""
    cases = [case for case in read("disagree.jsonl") if case["judged_right"] in ("genai-prices", "litellm")]
    known = [case for case in cases if not case["litellm_key"].startswith("bedrock/")]
    wrong = []
    for case, answer in zip(known, ask(known, catalog), strict=True):
        right = "genai-prices" if case["judged_right"] == "genai-prices" else "litellm"
        costs = {cost for source, cost in case["answers"].items() if source.startswith(right)}
        # Off-peak weekends need an engine that knows days of the week.
        if answer["cost_usd"] not in costs and case["id"] != "pd0013":
            wrong.append((case["id"], case["model"], costs, answer["cost_usd"]))
    assert wrong == []


@pytest.mark.parametrize("name", ["cases.jsonl", "disagree.jsonl"])
def test_a_quote_does_not_depend_on_the_other_lines(name: str, catalog: Catalog) -> None:
    cases = read(name)[::9]
    together = ask(cases, catalog)
    alone = [ask([case], catalog)[0] for case in cases]
    assert together == alone
