"""Rebuild the shipped price catalog from the installed `genai-prices` (extra `prices`). No network is used.

Usage: python scripts/build_catalog.py
"""

from __future__ import annotations

from pricing_tables.catalog import DATA_DIR, write_catalog
from pricing_tables.importers.genai_prices import import_genai_prices


def main() -> None:
    """Import, write `pricing_tables/data`, say what is in it."""
    catalog = write_catalog(import_genai_prices(), DATA_DIR)
    data = catalog.data
    print(f"{catalog.source} {catalog.source_version}: {data.models.height} models, {data.rates.height} rates")
    print(f"catalog {catalog.catalog_id}, known since {catalog.imported_at.isoformat()}")


if __name__ == "__main__":
    main()
