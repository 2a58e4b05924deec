"""Price books other than the shipped one: an earlier one that knew fewer models, a later one with higher prices."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl

from analytics.reprice_rows import NewPrices
from marginlake.catalogs import FOLDER
from marginlake.config import Config
from marginlake.new_prices import new_prices, under
from marginlake.rules import Rules, rules_from
from pricing_tables.catalog import CatalogData, load_catalog, write_catalog
from tests.marginlake.lakes import REVENUE

DEARER = ("openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5")
"""Models that cost twice as much in the later book."""

UNKNOWN = "gpt-4o-mini"
"""Models whose name begins so are missing from the earlier book."""


def earlier() -> str:
    """Id of the book that knew less."""
    return _books()[1][0]


def later() -> str:
    """Id of the book in which prices rose."""
    return _books()[1][1]


def rules_under(catalog_id: str) -> Rules:
    """The rules of a service with the settings of `lakes.rules` and this catalog."""
    return rules_from(settings(catalog_id), folder())


def prices_of(catalog_id: str) -> NewPrices:
    """What calls are priced by under this catalog."""
    return new_prices(settings(catalog_id), rules_under(catalog_id))


def settings(catalog_id: str) -> Config:
    return under(Config(revenue=REVENUE), catalog_id)


def folder() -> Path:
    """A data directory with nothing but the two books."""
    return _books()[0]


def put_books(data_dir: Path) -> None:
    """Put both books into a data directory, as if they had been imported."""
    shutil.copytree(folder() / FOLDER, data_dir / FOLDER)


@cache
def _books() -> tuple[Path, tuple[str, str]]:
    place = Path(tempfile.mkdtemp(prefix="marginlake-books-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    shipped = load_catalog().data
    ids = []
    for data, year in ((_knew_less(shipped), 2020), (_dearer(shipped), 2030)):
        written = write_catalog(
            data, place / FOLDER / data.catalog_id[:16], imported_at=datetime(year, 1, 1, tzinfo=UTC)
        )
        ids.append(written.catalog_id)
    return place, (ids[0], ids[1])


def _knew_less(shipped: CatalogData) -> CatalogData:
    unknown = pl.col("model").str.split("/").list.last().str.starts_with(UNKNOWN)
    return replace(
        shipped,
        source_version="earlier",
        rates=shipped.rates.filter(~unknown),
        models=shipped.models.filter(~unknown),
    )


def _dearer(shipped: CatalogData) -> CatalogData:
    rose = pl.col("model").is_in(DEARER)
    prices = [pl.col(name) for name in ("input_mtok", "output_mtok", "cache_read_mtok")]
    rates = shipped.rates.with_columns(
        pl.when(rose).then((price * 2).cast(pl.Decimal(38, 18))).otherwise(price).alias(name)
        for price, name in zip(prices, ("input_mtok", "output_mtok", "cache_read_mtok"), strict=True)
    )
    return replace(shipped, source_version="later", rates=rates)
