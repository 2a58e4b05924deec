"""The whole catalog from its sources: genai-prices first, LiteLLM for what it lacks, choices, history, moving names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.book import Book, open_book
from pricing_tables.importers.carry import carry
from pricing_tables.importers.choices import (
    ChoiceError,
    Choices,
    Sources,
    add_alias,
    apply_aliases,
    apply_choices,
    read_choices,
)
from pricing_tables.importers.genai_prices import import_genai_prices
from pricing_tables.importers.history import add_history
from pricing_tables.importers.litellm import Entry, read_aliases, read_entries
from pricing_tables.importers.litellm_keys import read_key
from pricing_tables.importers.merge import merge
from pricing_tables.importers.past import Past
from pricing_tables.importers.releases import Release

SOURCE: Final = "genai-prices+litellm"


def build(
    genai: Release,
    litellm: Release,
    moment: datetime,
    *,
    choices: Choices,
    past: Past | None = None,
    older: CatalogData | None = None,
) -> tuple[CatalogData, list[str]]:
    """One catalog from a release of each source and what was known before; also the choices that matched nothing.

    `moment`: when LiteLLM's undated prices are read against genai-prices' dated ones (UTC). What was known before comes
    from the sources' `past` releases, or from an `older` catalog. The same input gives the same catalog. Errors:
    SourceError.
    """
    book = open_book(import_genai_prices(genai))
    entries = read_entries(litellm)
    releases = {} if past is None else past.litellm_entries()
    sources = Sources(litellm.version, {**releases, litellm.version: _by_key(entries)})
    unmatched = apply_choices(book, choices, sources, moment)
    merge(book, entries, litellm.name, moment)
    if past is not None:
        add_history(book, past)
    if older is not None:
        carry(book, older, moment)
    unmatched += apply_aliases(book, choices)
    _moving_names(book, _by_key(entries), litellm)
    return book.data(SOURCE, f"{genai.version}+{litellm.version}", "MIT"), unmatched


def lay_over(genai: Release, older: CatalogData, moment: datetime) -> CatalogData:
    """A release of genai-prices over an older merged catalog, for when LiteLLM is not at hand. Errors: SourceError."""
    book = open_book(import_genai_prices(genai))
    choices = read_choices()
    apply_choices(book, choices, Sources("", {}), moment)
    carry(book, older, moment, frozenset(choice["why"] for kind in choices.values() for choice in kind))
    apply_aliases(book, choices)
    return book.data(SOURCE, f"{genai.version}+{older.source_version.rpartition('+')[2]}", "MIT")


def build_strictly(genai: Release, litellm: Release, moment: datetime, past: Past) -> CatalogData:
    """As `build`, for the shipped catalog: a choice that matches nothing is an error (ChoiceError)."""
    data, unmatched = build(genai, litellm, moment, choices=read_choices(), past=past)
    if unmatched:
        raise ChoiceError("; ".join(unmatched))
    return data


def _by_key(entries: Sequence[Entry]) -> dict[str, Entry]:
    return {entry.text: entry for entry in entries}


def _moving_names(book: Book, entries: dict[str, Entry], litellm: Release) -> None:
    """Names that LiteLLM says stand for another (`alias_of`), where the book does not know them."""
    for text, target in sorted(read_aliases(litellm).items()):
        entry = entries.get(target)
        if entry is None:
            continue
        own = read_key(text, entry.key.provider)
        meant = book.find(entry.key.provider, entry.key.name)
        if own is None or meant is None or meant[0] not in book.rows or book.find(own.provider, own.name) is not None:
            continue
        add_alias(book, f"{own.provider}/{own.name}", [(meant[0], None)])
