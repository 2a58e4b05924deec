"""What changed between two catalogs: single prices added, removed or moved."""

from __future__ import annotations

from typing import Final

import polars as pl

from pricing_tables.catalog import KEY_SCHEMA, Catalog
from pricing_tables.units import PRICE_COLUMNS

_KEYS: Final = [name for name in KEY_SCHEMA if name != "valid_to"]


def diff(before: Catalog, after: Catalog) -> pl.DataFrame:
    """One row for each price that is not the same in both.

    Columns: change (added, removed, changed), what tells a rate from another (`KEY_SCHEMA` without valid_to), unit (a
    price column, see `units.PER`), old_price and new_price (Decimal(38,18) US dollars; null where there is none).
    Ordered by model, key and unit.
    """
    both = _prices(before).join(
        _prices(after), on=[*_KEYS, "unit"], how="full", coalesce=True, nulls_equal=True, suffix="_new"
    )
    old, new = pl.col("price"), pl.col("price_new")
    change = pl.when(old.is_null()).then(pl.lit("added")).when(new.is_null()).then(pl.lit("removed"))
    return (
        both.filter(old.ne_missing(new))
        .select(change.otherwise(pl.lit("changed")).alias("change"), *_KEYS, "unit", old_price=old, new_price=new)
        .sort([*_KEYS, "unit"], nulls_last=False)
    )


def _prices(catalog: Catalog) -> pl.DataFrame:
    """One row a price: the keys, unit, price."""
    return (
        catalog.data.rates.unpivot(list(PRICE_COLUMNS), index=_KEYS, variable_name="unit", value_name="price")
        .drop_nulls("price")
        .unique([*_KEYS, "unit"], keep="last", maintain_order=True)
    )
