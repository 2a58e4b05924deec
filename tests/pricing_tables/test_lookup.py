"""How a batch is looked up: kinds of names, slices, dated names, other currencies."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_tables.catalog import Catalog
from pricing_tables.lookup import distinct_rows
from pricing_tables.price import price_calls
from tests.pricing_tables.book import book, rate
from tests.pricing_tables.conftest import NOON, call, frame

names = st.lists(
    st.tuples(st.sampled_from([None, "", "a", "b", "a-name-longer-than-twelve"]), st.sampled_from([None, True, False])),
    min_size=1,
    max_size=30,
)


@pytest.mark.parametrize("hashed", [pl.Expr.hash, lambda column: column.hash() * 0], ids=["hash", "all hashes alike"])
@given(rows=names)
@settings(max_examples=50, deadline=None)
def test_equal_rows_and_only_those_get_the_same_number(rows: list[tuple[str | None, bool | None]], hashed: Any) -> None:
    data = pl.DataFrame(rows, schema={"name": pl.String, "batch": pl.Boolean}, orient="row")
    first, kind = distinct_rows(data, hashed)
    assert data[first][kind].equals(data)
    assert len(first) == len(set(rows))


def test_a_batch_priced_in_slices_is_the_same(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    models = [("openai", "gpt-4o"), ("openai", "gpt-99"), ("azure", "gpt-4.1"), ("deepseek", "deepseek-v4-flash")]
    calls = frame(
        *(
            call(*models[i % 4], input_tokens=100 * i, output_tokens=i, occurred_at=NOON + timedelta(hours=i))
            for i in range(50)
        )
    )
    whole = price_calls(calls, catalog)
    monkeypatch.setattr("pricing_tables.price._SLICE", 7)
    assert price_calls(calls, catalog).equals(whole)


def test_pricing_again_changes_nothing(catalog: Catalog) -> None:
    calls = frame(call("azure", "gpt-4.1", input_tokens=10, output_tokens=1), call("openai", "gpt-99", input_tokens=1))
    once = price_calls(calls, catalog)
    assert price_calls(once, catalog).equals(once)


def test_a_dated_name_is_the_model_it_stood_for_at_the_time() -> None:
    moved = datetime(2026, 10, 1, tzinfo=UTC)
    catalog = book(
        rate("m-2025", input_mtok="1", output_mtok="1"),
        rate("m-2026", input_mtok="2", output_mtok="2"),
        rate("m-latest", input_mtok="1", output_mtok="1", valid_to=moved, alias_of="acme/m-2025"),
        rate("m-latest", input_mtok="2", output_mtok="2", valid_from=moved, alias_of="acme/m-2026"),
    )
    usage = {"input_tokens": 10**6, "output_tokens": 0}
    calls = [
        call("acme", "m-latest", occurred_at=moved - timedelta(microseconds=1), **usage),
        call("acme", "m-latest", occurred_at=moved, **usage),
        call("acme", "m-2026", occurred_at=moved, **usage),
    ]
    assert price_calls(frame(*calls), catalog).select("model", "match", "cost_usd", "rate_note").rows() == [
        ("acme/m-2025", "alias", Decimal(1), None),
        ("acme/m-2026", "alias", Decimal(2), None),
        ("acme/m-2026", "exact", Decimal(2), None),
    ]


def test_a_reseller_bills_a_dated_name_as_its_own_model(catalog: Catalog) -> None:
    rates = catalog.data.rates.with_columns(
        alias_of=pl.when(pl.col("model") == "openai/gpt-audio").then(pl.lit("openai/gpt-audio-2025-08-28"))
    )
    dated = dataclasses.replace(catalog, data=dataclasses.replace(catalog.data, rates=rates))
    calls = frame(*(call(provider, "gpt-audio", input_tokens=1, output_tokens=1) for provider in ("openai", "azure")))
    assert price_calls(calls, dated)["model"].to_list() == ["openai/gpt-audio-2025-08-28", "azure/gpt-audio-2025-08-28"]


def test_a_price_in_another_currency_is_never_taken_for_dollars() -> None:
    catalog = book(rate(input_mtok="2", output_mtok="2", currency="EUR"), rate("d", input_mtok="3", currency="USD"))
    usage = {"input_tokens": 10**6, "output_tokens": 0}
    calls = frame(call("acme", "m", **usage), call("acme", "d", **usage))
    refused, dollars = price_calls(calls, catalog).to_dicts()
    assert (refused["status"], refused["cost_usd"]) == ("unpriced", None)
    assert refused["rate_note"] == "priced in EUR, not converted"
    assert dollars["cost_usd"] == 3
    # Whoever converts asks for the amount in euros.
    euros, dollars = price_calls(calls, catalog, foreign=True).to_dicts()
    assert (euros["cost_usd"], dollars["cost_usd"]) == (2, 3)
