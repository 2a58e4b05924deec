"""LiteLLM's prices laid into a book of genai-prices': what the primary source lacks, never what it says otherwise.

- A model that the book does not know is added under its exact name.
- A model that it knows, at the same price, gets what it lacks: kinds of request (batch, flex, priority), one-hour cache
  writes, audio and image tokens, searches, regions and their uplifts.
- At another price nothing is taken over: `choices` decides such cases by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from pricing_tables.importers.book import Book
from pricing_tables.importers.litellm import Entry, model_row
from pricing_tables.importers.litellm_prices import STANDARD
from pricing_tables.importers.regions import uplifted
from pricing_tables.importers.rows import CONTEXTS, Row, cell, context_columns, context_of, price_columns

_FILLED: Final = (
    "input_audio_mtok",
    "output_audio_mtok",
    "cache_audio_read_mtok",
    "input_image_mtok",
    "output_image_mtok",
    "cache_image_read_mtok",
    "web_searches_kcount",
)
"""Prices taken over where the book has none for a model that it prices per token."""


@dataclass
class Merged:
    """What a merge did: keys that were added, that agreed and that differ (key, book's model)."""

    added: list[str] = field(default_factory=list)
    agreed: list[str] = field(default_factory=list)
    differ: list[tuple[str, str]] = field(default_factory=list)


def merge(book: Book, entries: Iterable[Entry], release: str, moment: datetime) -> Merged:
    """Lay `entries` (plain names before regional ones) into the book; `moment` is when their prices are read."""
    done = Merged()
    entries = list(entries)
    plain = [entry for entry in entries if entry.key.region is None]
    for entry in plain:
        _plain(book, entry, release, moment, done)
    book.refresh()
    for entry in entries:
        if entry.key.region is not None:
            _regional(book, entry, release, moment, done)
    _uplifts(book, plain, moment)
    book.refresh()
    return done


def agrees(rows: Mapping[int, Row], entry: Entry) -> bool:
    """Do standard rows of the book and an entry have the same input and output price for short inputs?"""
    base = entry.prices.base()
    row = rows.get(0)
    return row is not None and all(
        (row[name] or Decimal(0)) == (base.get(name) or Decimal(0)) for name in ("input_mtok", "output_mtok")
    )


def _plain(book: Book, entry: Entry, release: str, moment: datetime, done: Merged) -> None:
    provider, name = entry.key.provider, entry.key.name
    found = book.find(provider, name)
    note = f"{release}: {entry.text}"
    if found is None:
        if f"{provider}/{name}" not in book.rows:
            book.add_model(model_row(entry, 0), entry.rows(provider, name, note))
            done.added.append(entry.text)
        return
    model, rated_as = found
    rows = book.standard(rated_as, moment)
    if not agrees(rows, entry):
        done.differ.append((entry.text, model))
        return
    done.agreed.append(entry.text)
    if model != rated_as:
        if not _says_more(entry):
            return
        _own_rows(book, model, rated_as)
        rows = book.standard(model, moment)
    _fill_units(rows, entry, release)
    _fill_contexts(book, model, rows, entry, note)


def _says_more(entry: Entry) -> bool:
    return bool(entry.prices.uplifts) or any(context != STANDARD for context, _ in entry.prices.cells)


def _own_rows(book: Book, model: str, rated_as: str) -> None:
    """Give a reseller's model rows of its own, at the maker's price that it was billed at until now."""
    if model in book.rows:
        return
    maker = rated_as.partition("/")[0]
    provider, _, name = model.partition("/")
    theirs = next(row for row in book.models if f"{row['provider']}/{row['model']}" == rated_as)
    rows = [
        {**row, "note": f"{maker} rate: {provider} charges the same"}
        for row in book.rows[rated_as]
        if context_of(row) == STANDARD and row["region"] is None and row["condition"] is None
    ]
    book.add_model({**theirs, "provider": provider, "model": name}, rows)
    book.refresh()


def _fill_units(rows: Mapping[int, Row], entry: Entry, release: str) -> None:
    """Prices of single units that the book lacks, tier by tier, where the tiers are the same."""
    tiers = {at + (1 if at else 0) for _, at in entry.prices.cells}
    for tier_min, row in rows.items():
        if tier_min and tier_min not in tiers:
            continue
        theirs, _ = cell(entry.prices, STANDARD, max(tier_min - 1, 0))
        names: list[str] = [
            name for name in _FILLED if name in theirs and row[name] is None and row["input_mtok"] is not None
        ]
        if "cache_write_1h_mtok" in theirs and row["cache_write_1h_mtok"] is None:
            same = theirs.get("cache_write_mtok") == row["cache_write_mtok"] is not None
            names += ["cache_write_1h_mtok"] if same else []
        if names:
            row.update({name: theirs[name] for name in names})
            row["note"] = "; ".join(filter(None, (row["note"], f"{', '.join(sorted(names))}: {release}")))


def _fill_contexts(book: Book, model: str, rows: Mapping[int, Row], entry: Entry, note: str) -> None:
    """Kinds of request that the book lacks altogether for a model, for as long as today's standard price holds."""
    known = {context_of(row) for row in book.rows[model] if row["region"] is None}
    for context in CONTEXTS:
        if context in known or not any(kind == context for kind, _ in entry.prices.cells):
            continue
        for tier_min, standard in rows.items():
            threshold = max(tier_min - 1, 0)
            _, own = cell(entry.prices, context, threshold)
            theirs, _ = cell(entry.prices, STANDARD, threshold)
            # A special price goes with a standard price: where that is another one, it does not hold.
            own = {name: price for name, price in own.items() if theirs.get(name) == standard[name]}
            taken = price_columns(standard).keys() - own.keys()
            special = {**context_columns(context), "standard_units": ",".join(sorted(taken)), "note": note}
            if own:
                book.rows[model].append({**standard, **own, **special})


def _regional(book: Book, entry: Entry, release: str, moment: datetime, done: Merged) -> None:
    """A price for one place: rows of the model for that region, and a model of its own for the name that spells it."""
    provider, name = entry.key.provider, entry.key.name
    note = f"{release}: {entry.text}"
    spelled, base = book.find(provider, name), book.find(provider, entry.key.bare)
    if spelled is not None and agrees(book.standard(spelled[1], moment), entry):
        if spelled[0] == spelled[1]:
            standard = book.standard(spelled[1], moment)
            _fill_units(standard, entry, release)
            _fill_contexts(book, spelled[1], standard, entry, note)
        done.agreed.append(entry.text)
        return
    if base is not None and _cheaper_than_regional(book, base[1], entry, moment):
        done.differ.append((entry.text, base[1]))
        return
    rows = entry.rows(provider, name, note)
    if f"{provider}/{name}" not in book.rows:
        book.drop_names(provider, frozenset({name.lower()}))
        book.add_model(model_row(entry, 0), rows)
        done.added.append(entry.text)
    if base is None:
        return
    model, rated_as = base
    if model != rated_as:
        _own_rows(book, model, rated_as)
    region = entry.key.region
    if not any(row["region"] == region for row in book.rows[model]):
        book.rows[model] += [{**row, "model": model, "region": region} for row in rows]


def _cheaper_than_regional(book: Book, model: str, entry: Entry, moment: datetime) -> bool:
    """Bedrock's in-region price is never below the price that the book calls regional; the map lists the global one."""
    row = book.standard(model, moment).get(0)
    if not model.startswith("aws/regional.") or row is None or row["input_mtok"] is None:
        return False
    return bool(entry.prices.base().get("input_mtok", Decimal(0)) < row["input_mtok"])


def _uplifts(book: Book, entries: Iterable[Entry], moment: datetime) -> None:
    """Rows for regional endpoints of models whose price the book and the entry agree on."""
    for entry in entries:
        found = book.find(entry.key.provider, entry.key.name) if entry.prices.uplifts else None
        if found is None or found[0] != found[1] or not agrees(book.standard(found[1], moment), entry):
            continue
        rows = book.rows[found[0]]
        known = {row["region"] for row in rows}
        rows += [row for row in uplifted(rows, entry.prices.uplifts) if row["region"] not in known]
