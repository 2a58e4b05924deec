"""The price books a batch was priced with, recorded in the lake, so that every priced row can be joined to its rate."""

from collections.abc import Callable

import polars as pl

from lake.commit import Transaction
from lake.schema import TABLES
from pricing_tables.catalog import Catalog
from pricing_tables.own_book import OwnBook, own_rates
from pricing_tables.rates import catalogs_frame, rates_frame

_NOTHING_OWN = OwnBook()


def record_catalog(tx: Transaction, catalog: Catalog, own: OwnBook = _NOTHING_OWN) -> None:
    """Put the catalog, the operator's own prices and their rates into the lake, unless they are there."""
    _record(tx, catalog, lambda: rates_frame(catalog))
    if own.rated:
        _record(tx, own.catalog, lambda: own_rates(own))


def _record(tx: Transaction, catalog: Catalog, rates: Callable[[], pl.DataFrame]) -> None:
    wanted = pl.DataFrame({"catalog_id": [catalog.catalog_id]})
    if tx.semi("catalogs", ["catalog_id"], wanted, "catalog_id").is_empty():
        for table, rows in (("catalogs", catalogs_frame(catalog)), ("rates", rates())):
            known = [name for name in TABLES[table].column_names if name in rows.columns]
            tx.append(table, rows.select(known))
