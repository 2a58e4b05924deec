"""Rebuild the shipped price catalog from the releases in a cache directory (`scripts/fetch_releases.py`). No network.

Usage: python scripts/build_catalog.py CACHE

The same releases give the same bytes. A choice in `importers/choices.toml` that matches nothing is an error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pricing_tables.catalog import DATA_DIR, write_catalog
from pricing_tables.importers.build import build_strictly
from pricing_tables.importers.past import pinned, read_cache
from pricing_tables.importers.releases import GENAI_PRICES, LITELLM


def main(cache: Path) -> None:
    """Build, write `pricing_tables/data`, say what is in it."""
    past = read_cache(cache, pinned())
    litellm = past.newest(LITELLM)
    data = build_strictly(past.newest(GENAI_PRICES).release, litellm.release, litellm.day, past)
    catalog = write_catalog(data, DATA_DIR)
    print(f"{catalog.source} {catalog.source_version}: {data.models.height} models, {data.rates.height} rates")
    print(f"catalog {catalog.catalog_id}, known since {catalog.imported_at.isoformat()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
