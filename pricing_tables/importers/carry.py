"""What an older catalog knows laid under a newer one: models that are gone, history, special prices and regions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.book import Book, open_book
from pricing_tables.importers.rows import Row, clip, context_of, in_force, price_columns

_INSTANT = timedelta(microseconds=1)


def carry(book: Book, older: CatalogData, moment: datetime, chosen: frozenset[str] = frozenset()) -> None:
    """Carry over into `book` what `older` knows besides.

    - A model with rows of the notes `chosen` (choices that cannot be made anew here) keeps its rows as they are.
    - A model that the book does not know keeps its rows and names.
    - Where every row of the book says what the older rows say, the older ones stay: they know more.
    - Else, at the same price at `moment`, kinds of request and regions that only the older rows have are added, and
      special prices before the book's own begin.
    - A model that only LiteLLM prices and whose price moved keeps the old one until `moment`.
    """
    known = open_book(older)
    models = {f"{row['provider']}/{row['model']}": row for row in known.models}
    for model, rows in known.rows.items():
        if any(row["note"] in chosen and not row["alias_of"] for row in rows):
            if model not in book.rows:
                _add(book, models[model], rows)
            book.rows[model] = rows
        elif model not in book.rows:
            if _still_apart(book, models[model], rows):
                _add(book, models[model], rows)
        elif all(_said(row, rows, moment) for row in book.rows[model]):
            book.rows[model] = rows
        elif all(_from_litellm(row) for row in (*rows, *book.rows[model])):
            book.rows[model] = clip(rows, None, moment) + clip(book.rows[model], moment, None)
        elif _same_now(book, model, rows, moment):
            book.rows[model] += _besides(book.rows[model], rows)
    book.refresh()


def _add(book: Book, model: dict[str, Any], rows: Sequence[Row]) -> None:
    book.drop_names(model["provider"], frozenset({model["model"].lower()}))
    book.add_model(model, rows)


def _still_apart(book: Book, model: dict[str, Any], rows: Sequence[Row]) -> bool:
    """Is a model of the older catalog still one by itself, and not another's name in the book?"""
    found = book.find(model["provider"], model["model"])
    # A model that LiteLLM prices apart, or that a reseller sells at the maker's price, is still found under another.
    return found is None or found[0] == f"{model['provider']}/{model['model']}" or all(map(_from_litellm, rows))


def _said(row: Row, older: Sequence[Row], moment: datetime) -> bool:
    """Does an older row have all prices of this one, for the same calls?"""
    at = row["valid_from"] or (row["valid_to"] - _INSTANT if row["valid_to"] else moment)
    place = ("tier_min", "window_start", "window_end", "weekdays")
    prices = price_columns(row).items()
    return any(
        _kind(row) == _kind(other)
        and all(row[name] == other[name] for name in place)
        and prices <= price_columns(other).items()
        for other in in_force(older, at)
    )


def _same_now(book: Book, model: str, older: Sequence[Row], moment: datetime) -> bool:
    rows = book.standard(model, moment)
    return bool(rows) and all(_said({**row, "valid_from": moment}, older, moment) for row in rows.values())


def _besides(rows: Sequence[Row], older: Sequence[Row]) -> list[Row]:
    """Rows of `older` of kinds that `rows` lack, and special prices from before theirs begin."""
    added: list[Row] = []
    for kind in dict.fromkeys(map(_kind, older)):
        own = [row for row in rows if _kind(row) == kind]
        theirs = [row for row in older if _kind(row) == kind]
        begins = [row["valid_from"] for row in own]
        if not own:
            added += theirs
        elif None not in begins:
            added += clip(theirs, None, min(begins))
    return added


def _from_litellm(row: Row) -> bool:
    return bool((row["note"] or "").startswith("litellm"))


def _kind(row: Row) -> tuple[str, str | None, str | None]:
    return context_of(row), row["region"], row["condition"]
