"""The choices of `choices.toml` applied to a book: cases where the sources disagree and one is clearly right."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from pricing_tables.importers.book import Book
from pricing_tables.importers.litellm import Entry
from pricing_tables.importers.litellm_prices import STANDARD
from pricing_tables.importers.merge import agrees
from pricing_tables.importers.releases import SourceError
from pricing_tables.importers.rows import Row, cell, clip, context_of

CHOICES: Final = Path(__file__).with_name("choices.toml")


Choices = Mapping[str, Sequence[Mapping[str, Any]]]
"""Kind of choice (take, fill, tier, alias) -> its entries."""


class ChoiceError(SourceError):
    """A choice that matches nothing: the case it decides is gone, or it was misspelled."""


@dataclass(frozen=True)
class Sources:
    """LiteLLM's entries by release version and key; `newest` is the one merged."""

    newest: str
    entries: Mapping[str, Mapping[str, Entry]]


def read_choices(path: Path = CHOICES) -> Choices:
    """The choices by kind (take, fill, tier, alias), in file order."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def apply_choices(book: Book, choices: Choices, sources: Sources, moment: datetime) -> list[str]:
    """Apply every choice but the aliases; returns those that match nothing, one line each.

    A choice that needs a release is passed over where `sources` has no other at all.
    """
    unmatched = []
    kinds: dict[str, Callable[[Book, Mapping[str, Any], Mapping[str, Entry], datetime], bool]] = {
        "tier": _tier,
        "take": _take,
        "fill": _fill,
    }
    for kind, apply in kinds.items():
        for choice in choices.get(kind, ()):
            release = choice.get("release", sources.newest)
            entries = sources.entries.get(release, {})
            if "keys" in choice and not entries:
                if len(sources.entries) > 1:
                    unmatched.append(f"choice {kind}: no release {release} at hand")
                continue
            unmatched += [
                f"choice {kind} matches nothing: {part['key'] or part['model']}"
                for part in _parts(choice)
                if not apply(book, part, entries, moment)
            ]
    return unmatched


def apply_aliases(book: Book, choices: Choices) -> list[str]:
    """Give every moving name rows of its own, copied from what it stood for at the time; returns the unmatched ones.

    To be done last: the copies are of the finished rows.
    """
    unmatched = []
    for choice in choices.get("alias", ()):
        if all(target["model"] in book.rows for target in choice["targets"]):
            add_alias(book, choice["name"], [(t["model"], instant(t.get("since"))) for t in choice["targets"]])
        else:
            unmatched.append(f"choice alias matches nothing: {choice['name']}")
    return unmatched


def add_alias(book: Book, name: str, targets: Sequence[tuple[str, datetime | None]]) -> None:
    """Add the model `name` (`provider/name`), priced as each of `targets` (model, since) in turn."""
    provider, _, model = name.partition("/")
    rows: list[Row] = []
    for place, (target, since) in enumerate(targets):
        until = targets[place + 1][1] if place + 1 < len(targets) else None
        rows += [{**row, "alias_of": target} for row in clip(book.rows[target], since, until)]
    book.models = [row for row in book.models if (row["provider"], row["model"]) != (provider, model)]
    book.drop_names(provider, frozenset({model.lower()}))
    rule = f'{{"equals":"{model}"}}'
    book.add_model({"provider": provider, "model": model, "name": model, "deprecated": False, "match": rule}, rows)


def instant(day: date | None) -> datetime | None:
    """Midnight UTC of a day."""
    return None if day is None else datetime.combine(day, time(0), UTC)


def _parts(choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One choice a key."""
    return [{**choice, "key": key} for key in choice.get("keys", [None])]


def _take(book: Book, choice: Mapping[str, Any], entries: Mapping[str, Entry], moment: datetime) -> bool:
    entry = entries.get(choice["key"])
    found = None if entry is None else book.find(entry.key.provider, entry.key.name)
    if entry is None or found is None:
        return False
    provider, name = entry.key.provider, entry.key.name
    since, until = instant(choice.get("since")), instant(choice.get("until"))
    model = f"{provider}/{name}"
    taken = clip(entry.rows(provider, name, choice["why"]), since, until)
    kept = book.rows[found[1]]
    kept = [{**row, "model": model} for row in clip(kept, None, since) if since] + [
        {**row, "model": model} for row in clip(kept, until, None) if until
    ]
    if model in book.rows:
        book.rows[model] = kept + taken
        return True
    book.drop_names(provider, frozenset({name.lower()}))
    rule = f'{{"equals":"{name}"}}'
    row = {"provider": provider, "model": name, "name": name, "deprecated": entry.deprecated, "match": rule}
    book.add_model(row, kept + taken)
    book.refresh()
    return True


def _fill(book: Book, choice: Mapping[str, Any], entries: Mapping[str, Entry], moment: datetime) -> bool:
    entry = entries.get(choice["key"])
    found = None if entry is None else book.find(entry.key.provider, entry.key.name)
    if entry is None or found is None or not agrees(book.standard(found[1], moment), entry):
        return False
    prices = {unit: entry.prices.base()[unit] for unit in choice["units"] if unit in entry.prices.base()}
    since = instant(choice.get("since"))
    rows = book.rows[found[1]]
    if len(prices) < len(choice["units"]) or any(row[unit] is not None for row in rows for unit in prices):
        return False
    filled = []
    for row in clip(rows, since, None):
        filled.append({**row, **prices, "note": choice["why"]})
        if context_of(row) != STANDARD:
            taken = {*(row["standard_units"] or "").split(","), *prices} - {""}
            filled[-1]["standard_units"] = ",".join(sorted(taken))
    book.rows[found[1]] = (clip(rows, None, since) if since else []) + filled
    return True


def _tier(book: Book, choice: Mapping[str, Any], entries: Mapping[str, Entry], moment: datetime) -> bool:
    model = choice["model"]
    since, until = instant(choice.get("since")), instant(choice["until"])
    rows = book.rows.get(model, [])
    if choice["key"] is None:
        before = clip(rows, None, until)
        found = any(row["tier_min"] for row in before)
    else:
        entry = entries.get(choice["key"])
        if entry is None or not agrees(book.standard(model, moment), entry):
            return False
        before = clip(rows, None, until)
        tiers = [
            _tier_row(row, entry, at, choice["why"])
            for row in before
            for kind, at in entry.prices.cells
            if at and kind == STANDARD and context_of(row) == STANDARD and not row["tier_min"]
        ]
        found = bool(tiers)
        before += clip(tiers, since, None)
    after = [row for row in clip(rows, until, None) if not row["tier_min"]]
    book.rows[model] = before + after
    return found


def _tier_row(row: Row, entry: Entry, threshold: int, why: str) -> Row:
    """The row for inputs above a threshold, at the entry's prices there."""
    standard, _ = cell(entry.prices, STANDARD, threshold)
    return {**row, **standard, "tier_min": threshold + 1, "note": why}
