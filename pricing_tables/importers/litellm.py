"""LiteLLM's price map (MIT) as a catalog: read out of a wheel, an installed package or a file, never imported.

The map has no dates: every price is "now", as of the release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import polars as pl

from pricing_tables.catalog import MODEL_SCHEMA, PROVIDER_SCHEMA, RATE_SCHEMA, CatalogData
from pricing_tables.importers.litellm_keys import Key, read_key
from pricing_tables.importers.litellm_prices import EntryPrices, read_prices
from pricing_tables.importers.regions import uplifted
from pricing_tables.importers.releases import LITELLM, Release, SourceError, installed
from pricing_tables.importers.rows import Row, rate_rows

REACHED: Final = frozenset({"x-ai"})
"""Providers whose higher tier begins at the threshold itself (xAI: "once its prompt reaches")."""


@dataclass(frozen=True)
class Entry:
    """One priced entry: its key in the map, what the key names, its prices."""

    text: str
    key: Key
    prices: EntryPrices
    deprecated: bool

    def rows(self, provider: str, model: str, note: str) -> list[Row]:
        """The entry's rate rows under a model of a catalog."""
        return rate_rows(provider, model, self.prices, note, reached=self.key.provider in REACHED)


def read_entries(release: Release) -> list[Entry]:
    """The priced entries of a release, plain names before regional ones, the most telling key of a name first.

    Errors: SourceError when the file is not such a map.
    """
    entries = []
    for text, raw in _map(release).items():
        key = read_key(text, raw.get("litellm_provider"))
        try:
            prices = None if key is None else read_prices(raw, free=key.name.endswith(":free"))
        except (AttributeError, TypeError, KeyError, ValueError, ArithmeticError) as error:
            raise SourceError(f"{release.name}: the entry {text} has a shape not known here ({error})") from None
        if key is not None and prices is not None:
            entries.append(Entry(text, key, prices, "deprecation_date" in raw))
    return sorted(entries, key=lambda entry: (entry.key.region is not None, entry.key.rank))


def read_aliases(release: Release) -> dict[str, str]:
    """Keys of the map that stand for another key of it (`-latest` names)."""
    aliases = {text: raw.get("alias_of") for text, raw in _map(release).items()}
    return {text: target for text, target in aliases.items() if isinstance(target, str)}


def import_litellm(release: Release | None = None) -> CatalogData:
    """A release's map (default: the installed one) as a catalog by itself. Errors: SourceError."""
    release = release or installed(LITELLM)
    book: dict[tuple[str, str], list[Row]] = {}
    models: list[dict[str, Any]] = []
    for entry in read_entries(release):
        name = (entry.key.provider, entry.key.name)
        if name in book:
            continue
        rows = entry.rows(*name, f"{release.name}: {entry.text}")
        book[name] = rows + uplifted(rows, entry.prices.uplifts)
        models.append(model_row(entry, len(models)))
        bare = (entry.key.provider, entry.key.bare)
        if entry.key.region is not None and bare in book:
            book[bare] += [
                {**row, "model": "/".join(bare), "region": entry.key.region} for row in rows if not row["region"]
            ]
    providers = [provider_row(name, rank) for rank, name in enumerate(sorted({name for name, _ in book}))]
    return CatalogData(
        source=LITELLM,
        source_version=release.version,
        licence="MIT",
        rates=pl.DataFrame([row for rows in book.values() for row in rows], schema=RATE_SCHEMA),
        models=pl.DataFrame(models, schema=MODEL_SCHEMA),
        providers=pl.DataFrame(providers, schema=PROVIDER_SCHEMA),
    )


def model_row(entry: Entry, priority: int) -> dict[str, Any]:
    """A row of `MODEL_SCHEMA` that only the entry's own name matches; a fine-tune's, the names of its jobs."""
    rule: dict[str, Any] = {"equals": entry.key.name}
    if entry.key.name.startswith("ft:"):
        rule = {"or": [rule, {"starts_with": f"{entry.key.name}:"}]}
    return {
        "provider": entry.key.provider,
        "model": entry.key.name,
        "priority": priority,
        "name": entry.key.name.rpartition("/")[2],
        "deprecated": entry.deprecated,
        "match": json.dumps(rule, ensure_ascii=False, separators=(",", ":")),
    }


def provider_row(provider: str, priority: int) -> dict[str, Any]:
    """A row of `PROVIDER_SCHEMA` for a provider of which only the name is known."""
    empty = {"model_match": None, "fallback_providers": "[]"}
    return {"provider": provider, "priority": priority, "name": provider, **empty}


def _map(release: Release) -> dict[str, Mapping[str, Any]]:
    try:
        raw = json.loads(release.main, parse_float=Decimal)
    except ValueError as error:
        raise SourceError(f"{release.name}: not JSON ({error})") from None
    if not isinstance(raw, dict) or not all(isinstance(entry, Mapping) for entry in raw.values()):
        raise SourceError(f"{release.name}: not a map of prices")
    return raw
