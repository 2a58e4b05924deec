"""Own prices for tests: entries as a settings file has them, and calls priced under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from pricing_tables.catalog import Catalog, load_catalog
from pricing_tables.fx import FxTable
from pricing_tables.overrides import price_with_rules
from pricing_tables.own_book import OwnBook, parse_book
from pricing_tables.price import COMPONENTS, TrustReported
from tests.pricing_tables.conftest import CALL_SCHEMA, call

Entry = Mapping[str, Any]
OWN_SCHEMA = {**CALL_SCHEMA, "region": pl.String, "duration_ns": pl.Int64, "customer_id": pl.String}
PARTS = [f"{name}_cost_usd" for name in COMPONENTS]


def own_frame(*calls: dict[str, Any]) -> pl.DataFrame:
    """Calls with the columns that own rules ask about."""
    return pl.DataFrame(list(calls), schema=OWN_SCHEMA)


class Own:
    """Prices calls under some entries and returns plain rows."""

    def __init__(
        self,
        *overrides: Entry,
        alias: Sequence[Entry] = (),
        fx: Sequence[Entry] = (),
        trust: TrustReported = "fallback",
        catalog: Catalog | None = None,
    ) -> None:
        self.book: OwnBook
        self.fx: FxTable
        self.book, self.fx = parse_book(overrides, alias, fx)
        self.trust = trust
        self.catalog = catalog or load_catalog()

    def frame(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Priced calls."""
        return price_with_rules(calls, self.catalog, self.book, self.fx, trust_reported=self.trust)

    def __call__(self, *calls: dict[str, Any]) -> list[dict[str, Any]]:
        """Priced rows; money is checked to add up."""
        rows = self.frame(own_frame(*calls)).to_dicts()
        for row in rows:
            if row["status"] == "priced":
                assert sum(row[part] for part in PARTS) == row["cost_usd"]
        return rows

    def one(self, provider: str | None, model: str | None, **fields: Any) -> dict[str, Any]:
        """One priced row."""
        (row,) = self(call(provider, model, **fields))
        return row

    def cost(self, provider: str | None, model: str | None, **fields: Any) -> Decimal | None:
        """What one call costs."""
        cost: Decimal | None = self.one(provider, model, **fields)["cost_usd"]
        return cost
