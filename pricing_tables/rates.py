"""The price book as tables for SQL: `rates` and `catalogs` of the lake, and listings for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from pricing_tables.cards import WEEKDAYS
from pricing_tables.catalog import Catalog
from pricing_tables.units import PRICE_COLUMNS

_WHEN = ("valid_from", "valid_to", "window_start", "window_end")
_RARE = ("region", "weekdays", "currency", "alias_of")


def rates_frame(catalog: Catalog) -> pl.DataFrame:
    """One row per price in force, joinable by `rate_id` (unique over all catalogs).

    Columns: rate_id, catalog_id, provider, model, service_tier, processing, condition (null = any), valid_from and
    valid_to (UTC, half open, null = open), window_start and window_end (daily, UTC; an end of 00:00 is the end of the
    day), tier_min (first total input token count that gets this row), then one Decimal(38,18) column per unit in US
    dollars: `_mtok` per million tokens, `_mchars` per million characters, `_k...` per thousand, `_hours` per hour
    (null = not priced apart), standard_units (units for which a variant has no price of its own), note, region (null =
    any other), weekdays ('mon,tue', UTC; null = every day), currency (null = US dollars), alias_of, recorded_at.
    """
    return catalog.rates.select(
        "rate_id",
        pl.lit(catalog.catalog_id).alias("catalog_id"),
        "provider",
        "model",
        "service_tier",
        "processing",
        "condition",
        *_WHEN,
        "tier_min",
        *PRICE_COLUMNS,
        "standard_units",
        "note",
        *_RARE,
        pl.lit(catalog.imported_at, dtype=pl.Datetime("us", "UTC")).alias("recorded_at"),
    )


def catalogs_frame(catalog: Catalog) -> pl.DataFrame:
    """One row: catalog_id, source, source_version, licence, imported_at, models (count), rates (count)."""
    return pl.DataFrame(
        {
            "catalog_id": [catalog.catalog_id],
            "source": [catalog.source],
            "source_version": [catalog.source_version],
            "licence": [catalog.licence],
            "imported_at": [catalog.imported_at],
            "models": [catalog.data.models.height],
            "rates": [catalog.data.rates.height],
        },
        schema_overrides={"imported_at": pl.Datetime("us", "UTC")},
    )


def list_models(catalog: Catalog, provider: str | None = None, at: datetime | None = None) -> list[dict[str, Any]]:
    """The base price of every model (of `provider`, if given) in force at `at` (UTC; None = the last known).

    One row a model: provider, model, name, input_mtok, cache_read_mtok, cache_write_mtok, output_mtok (Decimal US
    dollars per million tokens or None), tiers (number of context tiers), valid_from.
    """
    standard = pl.all_horizontal(pl.col("processing", "service_tier", "condition", "region").is_null())
    rates = catalog.rates.filter(standard & _in_force(at))
    if provider is not None:
        rates = rates.filter(pl.col("provider") == provider)
    names = catalog.data.models.select(pl.concat_str("provider", "model", separator="/").alias("model"), "name")
    base = (
        rates.sort("tier_min", "window_start", maintain_order=True)
        .group_by("provider", "model", maintain_order=True)
        .agg(
            pl.col("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok").first(),
            pl.col("tier_min").n_unique().alias("tiers"),
            pl.col("valid_from").first(),
        )
        .join(names.unique("model", keep="first"), on="model", how="left")
        .sort("provider", "model")
    )
    order = ["provider", "model", "name", "input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok"]
    return base.select(*order, "tiers", "valid_from").to_dicts()


def show(catalog: Catalog, model: str, at: datetime | None = None) -> list[dict[str, Any]]:
    """Every rate row of one model (`provider/model` as in `costs.model`, or any name that resolves to one).

    Rows as in `rates_frame`, without the units that the model does not price and without region, weekdays, currency
    and alias_of where no row has any; all periods when `at` is None. An empty list when the catalog has no such model.
    """
    known = catalog.rates.filter(pl.col("model") == model)
    if known.is_empty():
        provider, _, name = model.partition("/")
        found = catalog.resolver.resolve(provider if name else None, None, name or model)
        if found.rated_as is None:
            return []
        known = catalog.rates.filter(pl.col("model") == found.rated_as)
    if at is not None:
        known = known.filter(_in_force(at))
    priced = [name for name in (*_RARE, *PRICE_COLUMNS) if known[name].null_count() < known.height]
    keys = ["rate_id", "provider", "model", "processing", "service_tier", "condition", *_WHEN, "tier_min"]
    return known.select(*keys, *priced, "standard_units", "note").to_dicts()


def _in_force(at: datetime | None) -> pl.Expr:
    if at is None:
        return pl.col("valid_to").is_null()
    begun = pl.col("valid_from").is_null() | (pl.col("valid_from") <= at)
    clock, start, end = at.time(), pl.col("window_start"), pl.col("window_end")
    midnight = pl.time(0, 0)
    inside = start.is_null() | ((start <= clock) & ((end > clock) | (end == midnight)))
    today = pl.col("weekdays").is_null() | pl.col("weekdays").str.contains(WEEKDAYS[at.weekday()], literal=True)
    return begun & (pl.col("valid_to").is_null() | (pl.col("valid_to") > at)) & inside & today
