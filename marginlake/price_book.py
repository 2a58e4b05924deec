"""The catalog a batch was priced with, recorded in the lake, so that every priced row can be joined to its rate."""

import polars as pl

from lake.commit import Transaction
from pricing_tables.catalog import Catalog
from pricing_tables.rates import catalogs_frame, rates_frame


def record_catalog(tx: Transaction, catalog: Catalog) -> None:
    """Put the catalog and its rates into the lake, unless they are there."""
    wanted = pl.DataFrame({"catalog_id": [catalog.catalog_id]})
    if tx.semi("catalogs", ["catalog_id"], wanted, "catalog_id").is_empty():
        tx.append("catalogs", catalogs_frame(catalog))
        tx.append("rates", rates_frame(catalog))
