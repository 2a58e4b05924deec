"""Small releases of the price sources to build catalogs from, so that every rule can be seen on a few models."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.past import Dated, Past
from pricing_tables.importers.releases import FILES, GENAI_PRICES, LITELLM, Release

SAMPLE = Path(__file__).parent.parent / "data" / "prices" / "litellm_sample.json"
"""Entries of LiteLLM 1.110.2 as they are, without what says nothing of prices."""


def sample() -> Release:
    return Release(LITELLM, "1.110.2", {FILES[LITELLM][0]: SAMPLE.read_text(encoding="utf-8")})


def litellm(entries: Mapping[str, Mapping[str, Any]], version: str = "9.9.9") -> Release:
    return Release(LITELLM, version, {FILES[LITELLM][0]: json.dumps(entries)})


def chat(provider: str, price: str, output: str, **more: Any) -> dict[str, Any]:
    """An entry of LiteLLM's map: dollars per million tokens in, per token as the map has them."""
    tokens = {"input_cost_per_token": float(price) / 1e6, "output_cost_per_token": float(output) / 1e6}
    return {"litellm_provider": provider, "mode": "chat", **tokens, **more}


def genai(*models: str, provider: str = "openai", version: str = "8.8.8") -> Release:
    """A release of genai-prices with one provider; `models` are `ModelInfo(...)` calls as in its data module."""
    text = f"providers: list[Provider] = [Provider(id={provider!r}, name='P', models=[{', '.join(models)}])]\n"
    return Release(GENAI_PRICES, version, {FILES[GENAI_PRICES][0]: text})


def model(name: str, price: str, output: str, more: str = "") -> str:
    prices = f"ModelPrice(input_mtok=Decimal('{price}'), output_mtok=Decimal('{output}'))"
    return f"ModelInfo(id={name!r}, name='N', match=ClauseEquals(equals={name!r}), prices={prices}{more})"


def past(*releases: tuple[str, Release]) -> Past:
    """Releases with the days they came out, oldest first."""
    dated = [Dated(datetime.fromisoformat(day).replace(tzinfo=UTC), release) for day, release in releases]
    return Past({package: tuple(one for one in dated if one.release.package == package) for package in FILES})


def wheel(path: Path, release: Release) -> Path:
    """A wheel with the release's files."""
    name = release.package.replace("-", "_")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-{release.version}.dist-info/METADATA", f"Name: {name}\nVersion: {release.version}\n")
        for file, text in release.texts.items():
            archive.writestr(file, text)
    return path


def rates(data: CatalogData, model: str, **keys: Any) -> list[dict[str, Any]]:
    """The rates of a model with these keys (null where not named), without what is null."""
    wanted = {"processing": None, "service_tier": None, "region": None, **keys}
    rows = data.rates.filter(
        pl.col("model") == model, *(pl.col(name).eq_missing(pl.lit(value)) for name, value in wanted.items())
    )
    return [{name: value for name, value in row.items() if value is not None} for row in rows.to_dicts()]


def prices(row: Mapping[str, Any]) -> dict[str, float]:
    """The prices of a row, as numbers that are easy to read."""
    return {
        name: float(value)
        for name, value in row.items()
        if name.endswith(("mtok", "count", "hours", "mchars", "pages"))
    }
