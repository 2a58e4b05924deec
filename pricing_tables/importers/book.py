"""A catalog under construction: rate rows by model, models and providers, and which of its models a name means."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from pricing_tables.catalog import KEY_SCHEMA, MODEL_SCHEMA, PROVIDER_SCHEMA, RATE_SCHEMA, CatalogData
from pricing_tables.importers.litellm_prices import STANDARD
from pricing_tables.importers.rows import Row, context_of, in_force
from pricing_tables.resolve import Resolver


@dataclass
class Book:
    """`rows`: canonical model id (`provider/model`) -> its rate rows. Mutable; only builders hold one."""

    rows: dict[str, list[Row]]
    models: list[dict[str, Any]]
    providers: list[dict[str, Any]]
    resolver: Resolver = field(init=False)

    def __post_init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Let names mean the models added since."""
        self.resolver = Resolver(
            pl.DataFrame(self.providers, schema=PROVIDER_SCHEMA), pl.DataFrame(self.models, schema=MODEL_SCHEMA)
        )

    def find(self, provider: str, name: str) -> tuple[str, str] | None:
        """(canonical model, model whose rates apply) that a provider's own name means; None when unknown."""
        found = self.resolver.resolve(provider, None, name)
        if found.model is None or found.rated_as is None or not found.model.startswith(f"{provider}/"):
            return None
        return found.model, found.rated_as

    def standard(self, model: str, moment: datetime) -> dict[int, Row]:
        """Standard rows of a model in force at `moment`, by `tier_min`; nothing for models with daily windows."""
        rows = [
            row
            for row in in_force(self.rows.get(model, ()), moment)
            if context_of(row) == STANDARD and row["region"] is None and row["condition"] is None
        ]
        return {} if any(row["window_start"] for row in rows) else {row["tier_min"]: row for row in rows}

    def add_model(self, row: dict[str, Any], rates: Iterable[Row]) -> str:
        """Add a model (a row of `MODEL_SCHEMA`; its priority is set) and its rates; returns its canonical id."""
        if row["provider"] not in {provider["provider"] for provider in self.providers}:
            blank = {"name": row["provider"], "model_match": None, "fallback_providers": "[]"}
            self.providers.append({**blank, "provider": row["provider"], "priority": len(self.providers)})
        self.models.append({**row, "priority": len(self.models)})
        model = f"{row['provider']}/{row['model']}"
        self.rows[model] = [{**rate, "model": model, "provider": row["provider"]} for rate in rates]
        return model

    def add_names(self, model: str, names: Iterable[str]) -> None:
        """Let more exact names of its provider mean a model."""
        for row in self.models:
            if f"{row['provider']}/{row['model']}" == model:
                extra = [{"equals": name} for name in names]
                row["match"] = json.dumps({"or": [json.loads(row["match"]), *extra]}, separators=(",", ":"))

    def drop_names(self, provider: str, names: frozenset[str]) -> None:
        """Take exact names out of all rules of a provider: another model is to have them."""
        for row in self.models:
            if row["provider"] == provider:
                rule = _without(json.loads(row["match"]), names)
                row["match"] = json.dumps(rule, ensure_ascii=False, separators=(",", ":"))

    def data(self, source: str, version: str, licence: str) -> CatalogData:
        """The finished catalog, rows in the order of providers, models and keys."""
        rates = pl.DataFrame([row for rows in self.rows.values() for row in rows], schema=RATE_SCHEMA)
        order = pl.DataFrame({"provider": [row["provider"] for row in self.providers]}).with_row_index("rank")
        keys = [name for name in KEY_SCHEMA if name not in ("provider", "model")]
        rates = rates.join(order, on="provider", maintain_order="left").sort(
            "rank", "model", *keys, nulls_last=False, maintain_order=True
        )
        return CatalogData(
            source=source,
            source_version=version,
            licence=licence,
            rates=rates.select(list(RATE_SCHEMA)),
            models=pl.DataFrame(self.models, schema=MODEL_SCHEMA),
            providers=pl.DataFrame(self.providers, schema=PROVIDER_SCHEMA),
        )


def open_book(data: CatalogData) -> Book:
    """A book that begins with a catalog's content."""
    rows: dict[str, list[Row]] = {}
    for row in data.rates.to_dicts():
        rows.setdefault(row["model"], []).append(row)
    return Book(rows, data.models.to_dicts(), data.providers.to_dicts())


def _without(rule: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    ((kind, value),) = rule.items()
    if kind == "or":
        return {"or": [part for part in value if part.get("equals", "").lower() not in names]}
    return rule
