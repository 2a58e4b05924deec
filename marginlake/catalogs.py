"""Which price catalogs there are: the one shipped with the package and those imported into a data directory."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

import polars as pl

from pricing_tables.catalog import DATA_DIR, Catalog, CatalogError, load_catalog
from pricing_tables.price import price_calls

FOLDER = "catalogs"
TrustReported = Literal["never", "fallback", "prefer"]


class CatalogChoiceError(ValueError):
    """No catalog of that id; the message names those there are."""


def folders(data_dir: Path | None) -> list[Path]:
    """Directories that hold a catalog: the shipped one first."""
    imported = sorted((data_dir / FOLDER).iterdir()) if data_dir and (data_dir / FOLDER).is_dir() else []
    return [DATA_DIR, *(folder for folder in imported if folder.is_dir() and not folder.name.startswith("."))]


def available(data_dir: Path | None) -> list[Catalog]:
    """All catalogs, the newest last. Raises CatalogError when one is damaged."""

    def age(catalog: Catalog) -> tuple[datetime, str]:
        return (catalog.imported_at, catalog.catalog_id)

    unique = {catalog.catalog_id: catalog for catalog in map(_load, folders(data_dir))}
    return sorted(unique.values(), key=age)


def choose(data_dir: Path | None, wanted: str | None) -> Catalog:
    """The catalog whose id starts with `wanted`, or the newest. Raises CatalogChoiceError or CatalogError."""
    catalogs = available(data_dir)
    if wanted is None:
        return catalogs[-1]
    found = [catalog for catalog in catalogs if catalog.catalog_id.startswith(wanted)]
    if len(found) != 1:
        known = ", ".join(catalog.catalog_id[:12] for catalog in catalogs)
        reason = "no catalog" if not found else "more than one catalog"
        raise CatalogChoiceError(f"{reason} with an id that starts with {wanted!r}; there are: {known}")
    return found[0]


def pricer(
    data_dir: Path | None, current: Catalog, trust_reported: TrustReported
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Prices stored calls again by the catalog that each names in `catalog_id`; those that name none by `current`."""

    def price(calls: pl.DataFrame) -> pl.DataFrame:
        parts = []
        for (catalog_id,), part in calls.group_by("catalog_id", maintain_order=True):
            catalog = current if catalog_id in (None, current.catalog_id) else choose(data_dir, str(catalog_id))
            parts.append(price_calls(part.drop("catalog_id"), catalog, trust_reported=trust_reported))
        return pl.concat(parts) if parts else price_calls(calls.drop("catalog_id"), current)

    return price


@lru_cache(maxsize=32)
def _load(folder: Path) -> Catalog:
    return load_catalog(folder)


__all__ = ["Catalog", "CatalogChoiceError", "CatalogError", "available", "choose", "folders", "pricer"]
