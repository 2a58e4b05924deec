"""The catalog a batch was priced with, recorded in the lake, so that every priced row can be joined to its rate."""

import polars as pl

from lake.commit import Transaction
from lake.schema import TABLES
from pricing_tables.catalog import Catalog
from pricing_tables.rates import catalogs_frame, rates_frame


def record_catalog(tx: Transaction, catalog: Catalog) -> None:
    """Put the catalog and its rates into the lake, unless they are there."""
    wanted = pl.DataFrame({"catalog_id": [catalog.catalog_id]})
    if tx.semi("catalogs", ["catalog_id"], wanted, "catalog_id").is_empty():
        for table, rows in (("catalogs", catalogs_frame(catalog)), ("rates", rates_frame(catalog))):
            tx.append(table, rows.select(TABLES[table].column_names))
