"""Price catalogs as immutable data: content-addressed, loaded from Parquet, never edited by hand.

A catalog is three frames (rates, models, providers) and a manifest. `catalog_id` is the SHA-256 of the frames'
canonical text and of the source's name and version: equal content has an equal id wherever and whenever imported.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from pricing_tables.cards import CardBook, build_cards
from pricing_tables.resolve import Resolver
from pricing_tables.units import PRICE_COLUMNS

DATA_DIR: Final = Path(__file__).parent / "data"

KEY_SCHEMA: Final[dict[str, pl.DataType]] = {
    "provider": pl.String(),
    "model": pl.String(),
    "processing": pl.String(),
    "service_tier": pl.String(),
    "condition": pl.String(),
    "valid_from": pl.Datetime("us", "UTC"),
    "valid_to": pl.Datetime("us", "UTC"),
    "window_start": pl.Time(),
    "window_end": pl.Time(),
    "tier_min": pl.Int64(),
    "region": pl.String(),
    "weekdays": pl.String(),
}
"""What tells one rate row from another. Null = any. `condition`: a request condition that no telemetry carries."""

RATE_SCHEMA: Final[dict[str, pl.DataType]] = {
    **KEY_SCHEMA,
    **{name: pl.Decimal(38, 18) for name in PRICE_COLUMNS},
    "standard_units": pl.String(),
    "note": pl.String(),
    "currency": pl.String(),
    "alias_of": pl.String(),
}
"""One row per price in force: US dollars per million tokens (`_mtok`), per thousand (`_k...`), per hour (`_hours`)."""

MODEL_SCHEMA: Final[dict[str, pl.DataType]] = {
    "provider": pl.String(),
    "model": pl.String(),
    "priority": pl.Int32(),
    "name": pl.String(),
    "deprecated": pl.Boolean(),
    "match": pl.String(),
}
"""Models of each provider in the source's order (the first match wins); `match` is the rule as JSON."""

PROVIDER_SCHEMA: Final[dict[str, pl.DataType]] = {
    "provider": pl.String(),
    "priority": pl.Int32(),
    "name": pl.String(),
    "model_match": pl.String(),
    "fallback_providers": pl.String(),
}
"""Providers in the source's order; `model_match` (JSON) finds a provider from a model name alone."""


class CatalogError(ValueError):
    """A catalog on disk is missing, damaged or not what its manifest says."""


@dataclass(frozen=True)
class CatalogData:
    """A catalog's content as an importer returns it, not yet dated or written."""

    source: str
    source_version: str
    licence: str
    rates: pl.DataFrame
    models: pl.DataFrame
    providers: pl.DataFrame

    @cached_property
    def catalog_id(self) -> str:
        """SHA-256 (hex) of the canonical content."""
        digest = hashlib.sha256()
        digest.update(json.dumps({"source": self.source, "source_version": self.source_version}).encode())
        for name, frame in (("rates", self.rates), ("models", self.models), ("providers", self.providers)):
            digest.update(f"\n{name}\n".encode())
            digest.update(_plain(frame).write_csv(null_value="\\N").encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Catalog:
    """A dated catalog ready to price with. `imported_at` is when we came to know these prices."""

    catalog_id: str
    source: str
    source_version: str
    licence: str
    imported_at: datetime
    data: CatalogData = field(repr=False)

    @cached_property
    def rates(self) -> pl.DataFrame:
        """`RATE_SCHEMA` plus `rate_id`, one row per price in force."""
        return self.data.rates.with_columns(_rate_ids(self.catalog_id, self.data.rates).alias("rate_id"))

    @cached_property
    def cards(self) -> CardBook:
        """The rates compiled to integer tables for the vectorised join."""
        return build_cards(self.rates)

    @cached_property
    def resolver(self) -> Resolver:
        """Model names to models of this catalog."""
        return Resolver(self.data.providers, self.data.models)


def write_catalog(data: CatalogData, directory: Path = DATA_DIR, *, imported_at: datetime | None = None) -> Catalog:
    """Write `data` as Parquet with its manifest; the same content keeps the date it was first imported at.

    Writing unchanged content again gives the same bytes. Errors: OSError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    known = _read_manifest(directory)
    if known is not None and known["catalog_id"] == data.catalog_id:
        imported_at = datetime.fromisoformat(known["imported_at"])
    imported_at = imported_at or datetime.now(UTC).replace(microsecond=0)
    for name, frame in (("rates", data.rates), ("models", data.models), ("providers", data.providers)):
        frame.write_parquet(directory / f"{name}.parquet", compression="zstd", statistics=False)
    manifest = {
        "catalog_id": data.catalog_id,
        "source": data.source,
        "source_version": data.source_version,
        "licence": data.licence,
        "imported_at": imported_at.isoformat(),
        "counts": {
            "providers": data.providers.height,
            "models": data.models.height,
            "rates": data.rates.height,
            "rates_with_start_date": data.rates["valid_from"].is_not_null().sum(),
            "rates_with_tier": (data.rates["tier_min"] > 0).sum(),
            "rates_with_variant": data.rates.select(
                pl.any_horizontal(pl.col("processing", "service_tier", "condition").is_not_null())
            )
            .to_series()
            .sum(),
        },
    }
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    (directory / "manifest.json").write_text(text, encoding="utf-8")
    return _catalog(data, imported_at)


@lru_cache(maxsize=8)
def load_catalog(directory: Path = DATA_DIR) -> Catalog:
    """The catalog in `directory` (default: the one shipped with the package). Cached per directory.

    Errors: `CatalogError` when files are missing, unreadable, or when their content is not what the manifest says.
    """
    manifest = _read_manifest(directory)
    if manifest is None:
        raise CatalogError(f"no price catalog in {directory}")
    try:
        data = CatalogData(
            source=manifest["source"],
            source_version=manifest["source_version"],
            licence=manifest["licence"],
            rates=pl.read_parquet(directory / "rates.parquet"),
            models=pl.read_parquet(directory / "models.parquet"),
            providers=pl.read_parquet(directory / "providers.parquet"),
        )
        imported_at = datetime.fromisoformat(manifest["imported_at"])
    except (OSError, KeyError, pl.exceptions.PolarsError) as error:
        raise CatalogError(f"price catalog in {directory} cannot be read: {error}") from error
    if data.catalog_id != manifest["catalog_id"]:
        raise CatalogError(f"price catalog in {directory} does not match its manifest")
    return _catalog(data, imported_at)


def _catalog(data: CatalogData, imported_at: datetime) -> Catalog:
    return Catalog(data.catalog_id, data.source, data.source_version, data.licence, imported_at, data)


def _read_manifest(directory: Path) -> dict[str, Any] | None:
    path = directory / "manifest.json"
    if not path.exists():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise CatalogError(f"{path} is not a manifest")
    return manifest


def _rate_ids(catalog_id: str, rates: pl.DataFrame) -> pl.Series:
    """Ids that are stable for a catalog and never shared by two catalogs, so a join on them gives one row a call."""
    keys = _plain(rates.select(list(KEY_SCHEMA))).select(pl.concat_str(pl.all().fill_null("\\N"), separator="\x1f"))
    ids = ["rate_" + hashlib.sha256(f"{catalog_id}\x1f{key}".encode()).hexdigest()[:24] for key in keys.to_series()]
    return pl.Series("rate_id", ids, dtype=pl.String)


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as text that does not depend on how a decimal or a time is stored or shown."""
    scaled = pl.selectors.decimal().cast(pl.Decimal(38, 18))
    return frame.with_columns(pl.selectors.temporal().to_physical(), scaled).cast(pl.String)
