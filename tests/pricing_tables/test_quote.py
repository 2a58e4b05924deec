"""Quotes: JSON lines in, JSON lines out, a bad line spoils only itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pricing_tables.catalog import Catalog
from pricing_tables.quote import quote

GOOD: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4o",
    "timestamp": "2026-11-15T12:00:00Z",
    "usage": {"input_tokens": 10_007, "cache_read_tokens": 7_001, "output_tokens": 333},
}


def test_a_quote_answers_exact_plain_decimals(catalog: Catalog) -> None:
    (answer,) = map(json.loads, quote([json.dumps(GOOD)], catalog))
    assert (answer["cost_usd"], answer["status"]) == ("0.01959625", "priced")
    assert answer["components"] == {
        "input": "0.007515",
        "cache_read": "0.00875125",
        "cache_write": "0",
        "output": "0.00333",
        "other": "0",
    }
    assert answer["rate_id"].startswith("rate_")


def test_a_tiny_cost_has_no_exponent(catalog: Catalog) -> None:
    line = {**GOOD, "model": "text-embedding-3-small", "usage": {"input_tokens": 1}}
    (answer,) = map(json.loads, quote([json.dumps(line)], catalog))
    assert answer["cost_usd"] == "0.00000002"


def test_an_unknown_model_answers_null(catalog: Catalog) -> None:
    (answer,) = map(json.loads, quote([json.dumps({**GOOD, "model": "gpt-99"})], catalog))
    assert (answer["cost_usd"], answer["status"], answer["components"]) == (None, "unpriced", None)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "not JSON"),
        ("[1]", "not a JSON object"),
        (json.dumps({**GOOD, "usage": {"input_token": 1}}), "unknown usage: input_token"),
        (json.dumps({**GOOD, "usage": {"input_tokens": 1.5}}), "usage.input_tokens must be a whole number"),
        (json.dumps({**GOOD, "usage": {"input_tokens": True}}), "usage.input_tokens must be a whole number"),
        (json.dumps({**GOOD, "usage": {"input_tokens": 10**30}}), "usage.input_tokens is out of range"),
        (json.dumps({**GOOD, "usage": None}), "usage must be an object"),
        (json.dumps({**GOOD, "timestamp": "yesterday"}), "timestamp is not an ISO 8601 time: yesterday"),
        (json.dumps({**GOOD, "timestamp": None}), "timestamp is missing"),
        (json.dumps({**GOOD, "model": ""}), "model is missing"),
        (json.dumps({**GOOD, "model": 4}), "model must be a string"),
        (json.dumps({**GOOD, "batch": "yes"}), "batch must be a boolean"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_answered(catalog: Catalog, line: str, why: str) -> None:
    good = json.dumps(GOOD)
    first, bad, last = map(json.loads, quote([good, line, good], catalog))
    assert first == last
    assert first["cost_usd"] == "0.01959625"
    assert (bad["cost_usd"], bad["status"]) == (None, "error")
    assert bad["error"].startswith(f"line 2: {why}")


def test_blank_lines_are_skipped_but_counted(catalog: Catalog) -> None:
    answers = list(quote(["", json.dumps(GOOD), "  ", "oops"], catalog))
    assert len(answers) == 2
    assert json.loads(answers[1])["error"].startswith("line 4: ")


def test_batches_do_not_change_the_answers(catalog: Catalog) -> None:
    lines = [json.dumps({**GOOD, "usage": {"input_tokens": n, "output_tokens": 1}}) for n in range(25)]
    assert list(quote(lines, catalog, batch_size=7)) == list(quote(lines, catalog))


def test_times_in_other_zones_mean_their_utc_moment(catalog: Catalog) -> None:
    deepseek = {**GOOD, "provider": "deepseek", "model": "deepseek-v4-flash"}
    lines = [{**deepseek, "timestamp": text} for text in ("2026-11-17T02:30:00Z", "2026-11-17T10:30:00+08:00")]
    peak, same = map(json.loads, quote([json.dumps(line) for line in lines], catalog))
    assert peak == same
