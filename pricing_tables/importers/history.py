"""What only older releases know: models that are gone, prices that moved, special prices before they were dated.

A price that differs between releases may have moved, or been wrong. So:

- dates that the newest genai-prices has of its own are never touched;
- a move of a model that genai-prices knows counts only where LiteLLM had the old price at that time too, and where the
  same units are priced before and after;
- a move of a model that only LiteLLM knows counts only where the old price stood in two samples at least, and where it
  moved by less than the factor ten and not by the ten per cent of a regional price; fine-tunes were listed at their
  base's price for long and never count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from pricing_tables.importers.book import Book
from pricing_tables.importers.litellm import Entry, model_row
from pricing_tables.importers.litellm_prices import STANDARD
from pricing_tables.importers.past import Dated, Past
from pricing_tables.importers.rows import Row, clip, context_of, in_force, price_columns
from pricing_tables.match import equal_names

_SLIP: Final = 10
"""A price that changes by this factor was written wrong before or after: vendors do not move prices so far at once."""

_EXPERIMENT: Final = re.compile(r"-exp(?:-|$)")
"""Google's experiments were free of charge; the releases list them at the price of what came after."""

_REGIONAL: Final = Decimal("1.1")

Base = tuple[Decimal, Decimal]
"""(input, output) price below every tier."""


@dataclass
class _Seen:
    """What one sample of releases says of a model."""

    dated: Dated
    rows: list[Row]
    match: dict[str, Any] = field(default_factory=dict)

    @property
    def units(self) -> set[str]:
        """What is priced apart, but for caches, which sources learn of late."""
        return {name for row in self.rows if _is_base(row) for name in price_columns(row) if "cache" not in name}

    @property
    def base(self) -> Base | None:
        return next((_base(row) for row in self.rows if _is_base(row)), None)


def add_history(book: Book, past: Past) -> None:
    """Add to the book what the older releases know and the newest do not."""
    genai = _genai_timelines(past)
    litellm = _litellm_timelines(past)
    meanings = {
        (provider, name): found[1]
        for provider, name in litellm
        if (found := book.find(provider, name)) is not None and found[0] == found[1]
    }
    witnesses: dict[str, list[_Seen]] = {}
    for key, model in meanings.items():
        witnesses.setdefault(model, []).extend(litellm[key])
    _special_prices(book, witnesses)
    _confirmed_moves(book, genai, witnesses)
    _litellm_moves(book, litellm, meanings)
    _gone(book, genai)
    book.refresh()
    _gone(book, {f"{provider}/{name}": seen for (provider, name), seen in litellm.items()})
    book.refresh()


def _genai_timelines(past: Past) -> dict[str, list[_Seen]]:
    """Canonical model -> what each release of genai-prices that has it says, as of the day it came out."""
    timelines: dict[str, list[_Seen]] = {}
    for dated, data in past.genai:
        models = {f"{row['provider']}/{row['model']}": row for row in data.models.to_dicts()}
        rows: dict[str, list[Row]] = {}
        for row in data.rates.to_dicts():
            rows.setdefault(row["model"], []).append(row)
        for model, own in rows.items():
            current = [row for row in in_force(own, dated.day) if context_of(row) == STANDARD]
            current = [{**row, "valid_from": None, "valid_to": None} for row in current]
            timelines.setdefault(model, []).append(_Seen(dated, current, models[model]))
    return timelines


def _litellm_timelines(past: Past) -> dict[tuple[str, str], list[_Seen]]:
    """(provider, name) -> what each release of LiteLLM that has it says."""
    timelines: dict[tuple[str, str], list[_Seen]] = {}
    for dated, entries in past.litellm:
        for key, entry in {(entry.key.provider, entry.key.name): entry for entry in reversed(entries)}.items():
            timelines.setdefault(key, []).append(_seen(dated, entry))
    return timelines


def _seen(dated: Dated, entry: Entry) -> _Seen:
    rows = entry.rows(entry.key.provider, entry.key.name, f"{dated.release.name}: {entry.text}")
    return _Seen(dated, rows, model_row(entry, 0))


def _confirmed_moves(book: Book, genai: dict[str, list[_Seen]], witnesses: dict[str, list[_Seen]]) -> None:
    for model, seen in genai.items():
        rows = book.rows.get(model)
        if rows is None or any(row["valid_from"] is not None for row in rows if context_of(row) == STANDARD):
            continue
        confirmed = [
            one
            for one in seen
            if one.base is not None
            and one.units == seen[-1].units
            and any(w.base == one.base for w in _around(witnesses.get(model, []), one.dated))
        ]
        confirmed += seen[-1:] if seen[-1] not in confirmed else []
        _lay(book, model, confirmed)


def _around(witnesses: Iterable[_Seen], dated: Dated) -> Iterator[_Seen]:
    """The samples of the month around a release."""
    return (witness for witness in witnesses if abs((witness.dated.day - dated.day).days) <= 31)


def _litellm_moves(
    book: Book, litellm: dict[tuple[str, str], list[_Seen]], meanings: dict[tuple[str, str], str]
) -> None:
    for (provider, name), model in meanings.items():
        own = book.rows[model]
        if model == f"{provider}/{name}" and all((row["note"] or "").startswith("litellm") for row in own):
            _lay(book, model, _steady(litellm[provider, name]))


def _steady(seen: Sequence[_Seen]) -> list[_Seen]:
    """The samples whose price stood for two samples at least, without what was merely written wrong."""
    runs: list[list[_Seen]] = []
    for one in seen:
        if runs and runs[-1][-1].base == one.base:
            runs[-1].append(one)
        else:
            runs.append([one])
    kept = [run for run in runs[:-1] if len(run) > 1] + runs[-1:]
    if seen[-1].match["model"].startswith("ft:") or any(
        _slip(before[0].base, after[0].base) for before, after in pairwise(kept)
    ):
        return [kept[-1][-1]]
    return [one for run in kept for one in run]


def _slip(before: Base | None, after: Base | None) -> bool:
    if before is None or after is None:
        return before != after
    return any(
        old and new and (not old / _SLIP < new < old * _SLIP or new == old * _REGIONAL or old == new * _REGIONAL)
        for old, new in zip(before, after, strict=True)
    )


def _lay(book: Book, model: str, seen: Sequence[_Seen]) -> None:
    """Put the prices of older samples before the rows of a model, each until the release that first shows another."""
    rows = book.rows[model]
    current = next((_base(row) for row in rows if _is_base(row)), None)
    if not seen or seen[-1].base != current:
        return
    moves = [(before, after) for before, after in pairwise(seen) if before.base != after.base]
    if not moves:
        return
    laid: list[Row] = []
    since: datetime | None = None
    for before, after in moves:
        until = after.dated.day
        note = f"{before.dated.release.name}; the next price is first seen in {after.dated.release.name}"
        laid += clip([{**row, "model": model, "note": note} for row in before.rows], since, until)
        since = until
    book.rows[model] = laid + clip(rows, since, None)


def _special_prices(book: Book, witnesses: dict[str, list[_Seen]]) -> None:
    """Batch, flex and priority prices from the first release on that shows what genai-prices dates later."""
    for model, seen in witnesses.items():
        rows = book.rows[model]
        for context in ("batch", "flex", "priority"):
            own = [row for row in rows if context_of(row) == context and row["region"] is None]
            first = min((row["valid_from"] for row in own if row["valid_from"] is not None), default=None)
            if first is None or any(row["valid_from"] is None or row["window_start"] for row in own):
                continue
            begun = [row for row in own if row["valid_from"] == first]
            known = _known_since(rows, begun, context, first, sorted(seen, key=lambda one: one.dated.day))
            if known is not None:
                note = f"first seen in {known.dated.release.name}"
                rows += [{**row, "valid_from": known.dated.day, "valid_to": first, "note": note} for row in begun]


def _known_since(
    rows: Sequence[Row], begun: Sequence[Row], context: str, first: datetime, seen: Sequence[_Seen]
) -> _Seen | None:
    """The earliest sample from which on, until `first`, both standard and special price were what they are then."""
    standard = [row for row in in_force(rows, first) if _is_base(row)]
    special = next((_base(row) for row in begun if row["tier_min"] == 0), None)
    if not standard or special is None:
        return None
    since = standard[0]["valid_from"]
    earliest = None
    for one in reversed(seen):
        if one.dated.day >= first:
            continue
        theirs = next((_base(row) for row in one.rows if context_of(row) == context and not row["tier_min"]), None)
        if (since is not None and one.dated.day < since) or one.base != _base(standard[0]) or theirs != special:
            break
        earliest = one
    return earliest


def _gone(book: Book, timelines: dict[str, list[_Seen]]) -> None:
    """Models that no name means any more, at the prices that older releases had for them."""
    for model, seen in timelines.items():
        provider = model.partition("/")[0]
        last = seen[-1]
        rule = json.loads(last.match["match"])
        names = {last.match["model"], *equal_names(rule)}
        known = model in book.rows or any(book.find(provider, name) for name in names)
        if known or _EXPERIMENT.search(last.match["model"]) or not any(price_columns(row) for row in last.rows):
            continue
        match = json.dumps({"or": [{"equals": name} for name in sorted(names)]}, ensure_ascii=False)
        row = {**last.match, "deprecated": True, "match": match}
        note = f"gone since; last in {last.dated.release.name}"
        book.add_model(row, [{**rate, "note": note} for rate in last.rows])
        _lay(book, model, _steady(seen))


def _is_base(row: Row) -> bool:
    plain = context_of(row) == STANDARD and row["region"] is None and row["condition"] is None
    return plain and row["tier_min"] == 0 and row["window_start"] is None and row["weekdays"] is None


def _base(row: Row) -> Base:
    return row["input_mtok"] or Decimal(0), row["output_mtok"] or Decimal(0)
