"""Which price catalogs there are: the one shipped with the package and those imported into a data directory."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

import polars as pl

from pricing_tables.catalog import DATA_DIR, Catalog, CatalogError, load_catalog
from pricing_tables.fx import FxTable
from pricing_tables.overrides import price_with_rules
from pricing_tables.own_book import ID_PREFIX, OwnBook

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


@dataclass(frozen=True)
class Pricer:
    """Prices stored calls again: by the catalog that each names in `catalog_id`, else by `current`; and by own rules.

    Own prices are those of the rules as they are now. A column `customer_id`, where it is there, decides for rules of
    one customer. The answer has the calls' other columns and those of `price_with_rules`, in any order of rows.
    """

    data_dir: Path | None
    current: Catalog
    book: OwnBook
    fx: FxTable
    trust_reported: TrustReported

    @property
    def customers(self) -> frozenset[str]:
        """Customers with prices of their own."""
        return self.book.customers

    def __call__(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Price; raises CatalogChoiceError when a catalog that a call names is not there any more."""
        parts = [
            self.price(part.drop("catalog_id"), self._catalog(catalog_id))
            for (catalog_id,), part in calls.group_by("catalog_id", maintain_order=True)
        ]
        return pl.concat(parts) if parts else self.price(calls.drop("catalog_id"), self.current)

    def price(self, calls: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
        """Price calls (without `catalog_id`) by one catalog and the own rules; rows keep their order."""
        return price_with_rules(calls, catalog, self.book, self.fx, trust_reported=self.trust_reported)

    def quote(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Price calls by the current catalog and the own rules; what a sender reports is left aside."""
        return price_with_rules(calls, self.current, self.book, self.fx, trust_reported="never")

    def _catalog(self, catalog_id: object) -> Catalog:
        named = str(catalog_id or "")
        if named in ("", self.current.catalog_id) or named.startswith(ID_PREFIX):
            return self.current
        return choose(self.data_dir, named)


@lru_cache(maxsize=32)
def _load(folder: Path) -> Catalog:
    return load_catalog(folder)


__all__ = ["Catalog", "CatalogChoiceError", "CatalogError", "Pricer", "available", "choose", "folders"]
