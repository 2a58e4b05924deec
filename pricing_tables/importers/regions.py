"""Rows for regional endpoints that cost a factor more than the global one, worked out exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from pricing_tables.importers.rows import Row, scaled

VERTEX_PLACES: Final = (
    "africa",
    "asia",
    "australia",
    "eu",
    "europe",
    "me",
    "northamerica",
    "southamerica",
    "us",
)
"""What the names of all Vertex AI locations but `global` begin with."""


def uplifted(rows: Iterable[Row], uplifts: Mapping[str, Decimal]) -> list[Row]:
    """For each region with a factor, a copy of every row that has no region, its token prices times the factor."""
    rows = [row for row in rows if row["region"] is None]
    places = {
        place: factor
        for region, factor in uplifts.items()
        for place in (VERTEX_PLACES if region == "vertex" else (region,))
    }
    return [
        scaled(row, factor, place, f"{_base(row)}; {place} endpoint: {factor.normalize():f} times")
        for place, factor in places.items()
        for row in rows
    ]


def _base(row: Row) -> str:
    return str(row["note"] or "list price")
