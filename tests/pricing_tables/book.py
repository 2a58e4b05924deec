"""Price books of a few rates, written down in the test that uses them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from pricing_tables.catalog import MODEL_SCHEMA, PROVIDER_SCHEMA, RATE_SCHEMA, Catalog, CatalogData
from pricing_tables.units import PRICE_COLUMNS


def rate(model: str = "m", **fields: Any) -> dict[str, Any]:
    """A rate of `acme`'s model; prices may be written as text."""
    prices = {name: Decimal(value) for name, value in fields.items() if name in PRICE_COLUMNS}
    return {"provider": "acme", "model": f"acme/{model}", "tier_min": 0, **fields, **prices}


def book(*rates: dict[str, Any]) -> Catalog:
    """A catalog of the given rates and their models, matched by their names alone."""
    names = dict.fromkeys(row["model"].removeprefix("acme/") for row in rates)
    models = [
        {"provider": "acme", "model": name, "priority": rank, "name": name, "match": f'{{"equals": "{name}"}}'}
        for rank, name in enumerate(names)
    ]
    providers = [{"provider": name, "priority": 1, "name": name, "fallback_providers": "[]"} for name in _PROVIDERS]
    rows = [{**dict.fromkeys(RATE_SCHEMA), **row} for row in rates]
    data = CatalogData(
        "test",
        "1",
        "none",
        pl.DataFrame(rows, schema=RATE_SCHEMA),
        pl.DataFrame([{**dict.fromkeys(MODEL_SCHEMA), **row} for row in models], schema=MODEL_SCHEMA),
        pl.DataFrame([{**dict.fromkeys(PROVIDER_SCHEMA), **row} for row in providers], schema=PROVIDER_SCHEMA),
    )
    return Catalog(data.catalog_id, "test", "1", "none", datetime(2026, 1, 1, tzinfo=UTC), data)


_PROVIDERS = ("acme", "openai", "anthropic", "google", "mistral", "cohere", "deepseek", "x-ai")
