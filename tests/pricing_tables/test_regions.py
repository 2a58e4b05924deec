"""Where a call was served may have a price of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pricing_tables.catalog import Catalog
from pricing_tables.price import price_calls
from pricing_tables.regions import spellings
from tests.pricing_tables.book import book, rate
from tests.pricing_tables.conftest import Pricer, call, frame

BOOK = book(
    rate(input_mtok="1", output_mtok="10"),
    rate(input_mtok="1.1", output_mtok="11", region="eu"),
    rate(input_mtok="1.3", output_mtok="13", region="eu-west-2"),
    rate(input_mtok="0.5", output_mtok="5", processing="batch"),
    rate(input_mtok="0.65", output_mtok="6.5", processing="batch", region="eu-west-2"),
    rate("everywhere", input_mtok="2", output_mtok="2"),
    rate("only-eu", input_mtok="3", output_mtok="3", region="eu"),
)


def one(catalog: Catalog, model: str = "m", **fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": 1_000_000, "output_tokens": 0}
    (row,) = price_calls(frame(call("acme", model, **usage, **fields)), catalog).to_dicts()
    return row


@pytest.mark.parametrize(
    ("region", "cost", "note"),
    [
        (None, "1", None),
        ("eu-west-2", "1.3", None),
        ("EU-West-2", "1.3", None),
        ("eu-west-1", "1.1", None),
        ("eu", "1.1", None),
        ("europe-west4", "1.1", None),
        ("us-east-1", "1", "standard rate used: no us-east-1 rate"),
        ("us", "1", "standard rate used: no us rate"),
    ],
)
def test_the_closest_region_with_a_rate_counts(region: str | None, cost: str, note: str | None) -> None:
    row = one(BOOK, region=region)
    assert (row["cost_usd"], row["rate_note"]) == (Decimal(cost), note)


@pytest.mark.parametrize(
    ("region", "tier", "cost", "note"),
    [
        ("eu-west-2", "batch", "0.65", None),
        ("eu-west-1", "batch", "0.5", "standard rate used: no eu-west-1 rate"),
        ("eu-west-1", "flex", "1.1", "standard rate used: no flex rate"),
        ("us", "flex", "1", "standard rate used: no flex rate; standard rate used: no us rate"),
    ],
)
def test_kind_of_request_comes_before_region_and_nothing_is_silent(
    region: str, tier: str, cost: str, note: str | None
) -> None:
    row = one(BOOK, region=region, service_tier=tier)
    assert (row["cost_usd"], row["rate_note"]) == (Decimal(cost), note)


def test_a_model_without_regional_rates_costs_the_same_everywhere_and_needs_no_note() -> None:
    assert {
        (row["cost_usd"], row["rate_note"]) for row in (one(BOOK, "everywhere", region=r) for r in ("eu", None))
    } == {(Decimal(2), None)}


def test_a_model_sold_only_in_a_region_has_no_price_elsewhere() -> None:
    assert one(BOOK, "only-eu", region="eu-central-1")["cost_usd"] == 3
    for region, where in ((None, "calls that name no region"), ("us", "region us")):
        row = one(BOOK, "only-eu", region=region)
        assert (row["status"], row["cost_usd"]) == ("unpriced", None)
        assert row["rate_note"] == f"no rate for {where}: acme/only-eu"


def test_before_a_region_had_its_own_rate_the_standard_one_held() -> None:
    since = datetime(2026, 6, 1, tzinfo=UTC)
    catalog = book(
        rate(input_mtok="1", output_mtok="1"), rate(input_mtok="2", output_mtok="2", region="eu", valid_from=since)
    )
    before = one(catalog, region="eu", occurred_at=datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC))
    after = one(catalog, region="eu", occurred_at=since)
    assert (before["cost_usd"], before["rate_note"]) == (1, "standard rate used: no eu rate")
    assert (after["cost_usd"], after["rate_note"]) == (2, None)


def test_the_rate_names_its_region() -> None:
    used = one(BOOK, region="eu-west-1")["rate_id"]
    assert BOOK.rates.filter(pl.col("rate_id") == used)["region"].to_list() == ["eu"]


def test_a_government_region_is_not_the_country_around_it() -> None:
    assert spellings("us-gov-west-1") == ["us-gov-west-1", "us-gov"]
    assert spellings("us-east-1") == ["us-east-1", "us"]
    assert spellings("asia-northeast1")[:2] == ["asia-northeast1", "asia"]
    assert spellings(" ") == []


def test_regions_change_nothing_where_the_book_has_none(price: Pricer) -> None:
    usage = {"input_tokens": 1_000, "output_tokens": 10}
    here = price.one("openai", "gpt-4o", region="eu-west-1", **usage)
    assert {**here, "region": None} == price.one("openai", "gpt-4o", **usage)
