"""The judge itself: it finds what is wrong with rows that were spoilt on purpose, and the table it feeds is current."""

from dataclasses import replace
from decimal import Decimal

import polars as pl

from scripts.build_dialects_table import PAGE, with_table
from tests.captures.judge import Capture, capture, miscounted, misnamed, mispriced, misread

GOOD = "openinference-langchain_anthropic_stream"


def spoilt(name: str = GOOD, **columns: object) -> Capture:
    """A capture whose billable rows have other values."""
    one = capture(name)
    billable = ~pl.col("status").is_in(["aggregate", "zero_rated"])
    changed = [
        pl.when(billable).then(pl.lit(value, dtype=one.costs.schema[column])).otherwise(column).alias(column)
        for column, value in columns.items()
    ]
    return replace(one, costs=one.costs.with_columns(changed))


def test_a_call_counted_twice_is_found() -> None:
    one = capture(GOOD)
    twice = replace(one, costs=one.costs.with_columns(status=pl.lit("priced"), cost_usd=pl.lit(Decimal("0.0054444"))))
    assert miscounted(twice) == ["2 billable calls, truly 1"]


def test_a_wrong_count_is_found() -> None:
    assert misread(spoilt(output_tokens=90)) == ["output: [90], truly [89]"]


def test_a_loss_that_is_not_admitted_is_found() -> None:
    name = "otel-openai-v2_chat"
    assert misread(capture(name)) == []
    assert any("does not say so" in line for line in misread(spoilt(name, usage_note=None)))


def test_a_wrong_name_is_found() -> None:
    assert misnamed(spoilt(provider="aws")) == ["provider aws, truly {'anthropic'}"]
    assert misnamed(spoilt(response_model="claude-3-haiku")) != []
    assert misnamed(spoilt(service_tier="priority")) != []


def test_a_wrong_cost_is_found() -> None:
    assert mispriced(spoilt(cost_usd=Decimal("0.0048684"))) == ["costs 0.004868400000, truly 0.005444400000"]


def test_a_price_without_usage_and_a_missing_price_without_a_reason_are_found() -> None:
    name = "otel-openai-v2_stream_nousage"
    assert mispriced(spoilt(name, cost_usd=Decimal("0.01"))) != []
    assert mispriced(spoilt(name, rate_note=None)) != []


def test_the_table_in_the_docs_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "run: python -m scripts.build_dialects_table"
