"""Older releases of the sources: what their prices were, and when each release came out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Final

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.genai_prices import import_genai_prices
from pricing_tables.importers.litellm import Entry, read_entries
from pricing_tables.importers.releases import FILES, GENAI_PRICES, LITELLM, Release, SourceError

RELEASES: Final = Path(__file__).with_name("releases.toml")


@dataclass(frozen=True)
class Dated:
    """A release and the day (UTC midnight) it came out."""

    day: datetime
    release: Release


@dataclass(frozen=True)
class Past:
    """All pinned releases, oldest first; the last of each source is the newest."""

    releases: Mapping[str, tuple[Dated, ...]]

    @cached_property
    def genai(self) -> list[tuple[Dated, CatalogData]]:
        """Each release of genai-prices as a catalog by itself."""
        return [(dated, import_genai_prices(dated.release)) for dated in self.releases[GENAI_PRICES]]

    @cached_property
    def litellm(self) -> list[tuple[Dated, list[Entry]]]:
        """Each release of LiteLLM as its priced entries, those for single regions left out."""
        return [
            (dated, [entry for entry in read_entries(dated.release) if entry.key.region is None])
            for dated in self.releases[LITELLM]
        ]

    def litellm_entries(self) -> dict[str, dict[str, Entry]]:
        """Entries by version and key."""
        return {dated.release.version: {entry.text: entry for entry in entries} for dated, entries in self.litellm}

    def newest(self, package: str) -> Dated:
        """The newest pinned release of a package."""
        return self.releases[package][-1]


def pinned(path: Path = RELEASES) -> Iterator[tuple[str, str, datetime]]:
    """(package, version, day it came out) of every release that the shipped catalog is made from, oldest first."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for package in FILES:
        for version, day in sorted(table[package].items(), key=lambda item: item[1]):
            yield package, version, datetime.combine(day, time(0), UTC)


def cache_name(package: str, version: str, file: str) -> str:
    """Where a release's file lies in a cache directory."""
    return f"{package}-{version}/{Path(file).name}"


def read_cache(directory: Path, wanted: Iterable[tuple[str, str, datetime]]) -> Past:
    """The releases from a directory laid out as `cache_name` says. Errors: SourceError when one is missing."""
    releases: dict[str, list[Dated]] = {package: [] for package in FILES}
    for package, version, day in wanted:
        texts = {}
        for file in FILES[package]:
            path = directory / cache_name(package, version, file)
            if path.is_file():
                texts[file] = path.read_text(encoding="utf-8")
        if FILES[package][0] not in texts:
            raise SourceError(f"{package} {version} is not in the cache")
        releases[package].append(Dated(day, Release(package, version, texts)))
    return Past({package: tuple(found) for package, found in releases.items()})
