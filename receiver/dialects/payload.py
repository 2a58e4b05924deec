"""Look into attributes whose value is itself a document: JSON, or the ``repr`` of a Python dict.

Documents may be cut off by attribute limits or be no JSON at all: then every field is null. Nothing is evaluated.
"""

from typing import Final

import polars as pl

LARGEST_REPR: Final = 16_384
"""Longer Python reprs are left alone: a usage object is a few hundred characters."""

LARGEST_COUNT: Final = 2**53


def field(document: pl.Expr, path: str) -> pl.Expr:
    """String at a JSON path such as ``usage.input_tokens`` or ``[0].id``; objects come back as JSON text."""
    return document.str.json_path_match("$" + path if path.startswith("[") else "$." + path)


def first_field(document: pl.Expr, *paths: str) -> pl.Expr:
    """The first path that has a value."""
    return pl.coalesce([field(document, path) for path in paths])


def count(text: pl.Expr) -> pl.Expr:
    """Int64 of a JSON number, null unless it is a non-negative whole number."""
    number = text.cast(pl.Float64, strict=False)
    whole = number.is_between(0, LARGEST_COUNT) & (number == number.floor())
    return pl.when(whole).then(number).cast(pl.Int64, strict=False)


def count_field(document: pl.Expr, *paths: str) -> pl.Expr:
    """The first path that holds a valid count, as Int64."""
    return pl.coalesce([count(field(document, path)) for path in paths])


def amount(text: pl.Expr) -> pl.Expr:
    """Decimal(18, 6) of an amount such as seconds, null where the text is no number or negative."""
    number = text.str.strip_chars().cast(pl.Decimal(18, 6), strict=False)
    return pl.when(number >= 0).then(number)


def json_object(text: pl.Expr) -> pl.Expr:
    """The text where it can be a JSON object or list, else null (spares the parser plain answers)."""
    return pl.when(text.str.starts_with("{") | text.str.starts_with("[")).then(text)


TIERS: Final = ("flex", "priority")
"""Service tiers that LangChain and LangSmith put before the names of a usage's parts."""

_LANGCHAIN: Final = "generations[0][0].message.kwargs.response_metadata"


def tiered(prefix: str, part: str) -> tuple[str, ...]:
    """Paths under which a part of a usage can be: by its name, or by its tier and its name."""
    return (prefix + part, *(f"{prefix}{tier}_{part}" for tier in TIERS))


def tier_of(usage: pl.Expr, prefix: str) -> pl.Expr:
    """The service tier that a usage's parts are named after, null where they have no such name."""
    return pl.coalesce([pl.when(field(usage, prefix + tier).is_not_null()).then(pl.lit(tier)) for tier in TIERS])


def langchain_answer(document: pl.Expr) -> pl.Expr:
    """What LangChain notes about a model's answer (JSON object with id, model_name, ...), null for other documents."""
    return field(pl.when(document.str.starts_with('{"generations"')).then(document), _LANGCHAIN)


def unquoted(text: pl.Expr) -> pl.Expr:
    """A string that some exporters JSON-encode once more (``"gpt-5"`` with its quotes), without the quotes."""
    return text.str.strip_chars().str.strip_chars('"')


def repr_to_json(text: pl.Expr) -> pl.Expr:
    """JSON of a Python dict's ``repr`` that holds only numbers, short words, None and booleans; else null.

    Swapping the quotes is enough for usage objects; a repr with other content fails to parse later and reads as null.
    """
    short = pl.when(text.str.len_bytes() <= LARGEST_REPR).then(text)
    return (
        short.str.replace_all("'", '"', literal=True)
        .str.replace_all(r"\bNone\b", "null")
        .str.replace_all(r"\bTrue\b", "true")
        .str.replace_all(r"\bFalse\b", "false")
    )
