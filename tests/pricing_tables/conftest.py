"""The shipped catalog and a small way to say a call."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pricing_tables.catalog import Catalog, load_catalog
from pricing_tables.price import TrustReported, price_calls

COUNTS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "image_output_tokens",
    "search_requests",
    "requests",
)
CALL_SCHEMA = {
    "provider": pl.String,
    "request_model": pl.String,
    "response_model": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "service_tier": pl.String,
    "batch": pl.Boolean,
    **dict.fromkeys(COUNTS, pl.Int64),
    "images": pl.Int64,
    "audio_seconds": pl.Decimal(18, 6),
    "video_seconds": pl.Decimal(18, 6),
    "characters": pl.Int64,
    "pages": pl.Int64,
    "region": pl.String,
    "usage_source": pl.String,
    "failed": pl.Boolean,
    "reported_cost_usd": pl.Decimal(18, 12),
}
NOON = datetime(2026, 11, 15, 12, tzinfo=UTC)


def call(provider: str | None, model: str | None, **fields: Any) -> dict[str, Any]:
    """A call that reports usage, in November 2026 unless said otherwise."""
    usual = {"usage_source": "reported", "failed": False, "occurred_at": NOON}
    return {**usual, "provider": provider, "response_model": model, **fields}


def frame(*calls: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(calls), schema=CALL_SCHEMA)


class Pricer:
    """Prices calls with the shipped catalog and returns plain rows."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def __call__(self, *calls: dict[str, Any], trust: TrustReported = "fallback") -> list[dict[str, Any]]:
        return price_calls(frame(*calls), self.catalog, trust_reported=trust).to_dicts()

    def one(
        self, provider: str | None, model: str | None, trust: TrustReported = "fallback", **f: Any
    ) -> dict[str, Any]:
        return self(call(provider, model, **f), trust=trust)[0]

    def cost(self, provider: str, model: str, **fields: Any) -> Decimal | None:
        cost: Decimal | None = self.one(provider, model, **fields)["cost_usd"]
        return cost


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def price(catalog: Catalog) -> Pricer:
    return Pricer(catalog)
