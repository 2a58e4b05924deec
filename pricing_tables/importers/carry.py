"""What an older catalog knows laid under a newer one: models that are gone, history and special prices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.book import Book, open_book
from pricing_tables.importers.rows import Row, clip, context_of, price_columns


def carry(book: Book, older: CatalogData, moment: datetime, chosen: frozenset[str] = frozenset()) -> None:
    """Carry over into `book` what `older` knows besides.

    - A model with rows of the notes `chosen` (choices that cannot be made anew here) keeps its rows as they are.
    - A model that the book does not know keeps its rows and names.
    - A model at the same standard prices at `moment` keeps its rows where the book has no dates of its own, and gets
      the kinds of request and regions that only they have.
    - A model that only LiteLLM prices and whose price moved keeps the old one until `moment`.
    """
    known = open_book(older)
    models = {f"{row['provider']}/{row['model']}": row for row in known.models}
    for model, rows in known.rows.items():
        if any(row["note"] in chosen and not row["alias_of"] for row in rows):
            if model not in book.rows:
                book.drop_names(models[model]["provider"], frozenset({models[model]["model"].lower()}))
                book.add_model(models[model], rows)
            book.rows[model] = rows
        elif model not in book.rows:
            if not _known_otherwise(book, models.get(model)):
                book.add_model(models[model], rows)
        elif _prices(book, model, moment) == _prices(known, model, moment):
            _extend(book, model, rows)
        elif all(_from_litellm(row) for row in (*rows, *book.rows[model])):
            book.rows[model] = clip(rows, None, moment) + clip(book.rows[model], moment, None)
    book.refresh()


def _known_otherwise(book: Book, row: dict[str, Any] | None) -> bool:
    """Is this model of the older catalog another one's name in the book?"""
    return row is None or book.find(row["provider"], row["model"]) is not None


def _prices(book: Book, model: str, moment: datetime) -> dict[int, dict[str, Any]]:
    return {tier: price_columns(row) for tier, row in book.standard(model, moment).items()}


def _from_litellm(row: Row) -> bool:
    return bool((row["note"] or "").startswith("litellm"))


def _extend(book: Book, model: str, older: Iterable[Row]) -> None:
    rows = book.rows[model]
    older = list(older)
    if not any(row["valid_from"] or row["valid_to"] for row in rows):
        kinds = {_kind(row) for row in older}
        book.rows[model] = older + [row for row in rows if _kind(row) not in kinds]
        return
    kinds = {_kind(row) for row in rows}
    rows += [row for row in older if _kind(row) not in kinds]


def _kind(row: Row) -> tuple[str, str | None, str | None]:
    return context_of(row), row["region"], row["condition"]
