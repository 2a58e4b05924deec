"""A catalog from whatever releases are at hand now: files that were named, or the installed packages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.build import SOURCE, build, lay_over
from pricing_tables.importers.choices import read_choices
from pricing_tables.importers.genai_prices import import_genai_prices
from pricing_tables.importers.litellm import import_litellm
from pricing_tables.importers.releases import GENAI_PRICES, LITELLM, Release, SourceError, installed, read_release


def fresh(source: str, files: Sequence[Path], older: CatalogData | None) -> tuple[CatalogData, list[str]]:
    """(content, remarks for people) of `source`: genai-prices, litellm, or all.

    `all` lays both into one and keeps what the `older` merged catalog knows; without LiteLLM its prices are taken from
    there. Errors: SourceError when a source is not at hand or cannot be read.
    """
    given = {release.package: release for release in map(read_release, files)}
    if source != "all":
        if given.keys() - {source}:
            raise SourceError(f"--source {source} needs a file of {source}, not of {', '.join(given)}")
        release = given.get(source) or _installed(source)
        return (import_genai_prices if source == GENAI_PRICES else import_litellm)(release), []
    if older is None:
        raise SourceError("no catalog to lay the sources over")
    genai = given.get(GENAI_PRICES) or _installed(GENAI_PRICES)
    moment = datetime.combine(datetime.now(UTC).date(), time(0), UTC)
    try:
        litellm = given.get(LITELLM) or installed(LITELLM)
    except SourceError:
        remark = "litellm is not at hand (--file takes its wheel): its prices stay those of the shipped catalog"
        if older.source == SOURCE and older.source_version.startswith(f"{genai.version}+"):
            return older, []
        return lay_over(genai, older, moment), [remark]
    if (older.source, older.source_version) == (SOURCE, f"{genai.version}+{litellm.version}"):
        return older, []
    return build(genai, litellm, moment, choices=read_choices(), older=older)


def _installed(package: str) -> Release:
    try:
        return installed(package)
    except SourceError:
        wanted = "pip install 'marginlake[prices]'" if package == GENAI_PRICES else f"pip install {package}"
        raise SourceError(f"the package {package} is not installed: {wanted}, or --file WHEEL") from None
