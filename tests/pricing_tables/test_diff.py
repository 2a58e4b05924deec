"""What changed between two catalogs."""

from __future__ import annotations

from pathlib import Path

from pricing_tables.catalog import Catalog, write_catalog
from pricing_tables.diff import diff
from pricing_tables.importers.genai_prices import import_genai_prices
from tests.pricing_tables.releases import genai, model


def catalog(folder: Path, *models: str) -> Catalog:
    return write_catalog(import_genai_prices(genai(*models)), folder)


def test_added_removed_and_changed_prices(tmp_path: Path) -> None:
    old = catalog(tmp_path / "old", model("gone", "1", "2"), model("moved", "3", "4"), model("same", "5", "6"))
    new = catalog(tmp_path / "new", model("moved", "2.5", "4"), model("same", "5", "6"), model("fresh", "7", "8"))
    rows = diff(old, new).select("change", "model", "unit", "old_price", "new_price").rows()
    assert [(*row[:3], *(price and float(price) for price in row[3:])) for row in rows] == [
        ("added", "openai/fresh", "input_mtok", None, 7),
        ("added", "openai/fresh", "output_mtok", None, 8),
        ("removed", "openai/gone", "input_mtok", 1, None),
        ("removed", "openai/gone", "output_mtok", 2, None),
        ("changed", "openai/moved", "input_mtok", 3, 2.5),
    ]


def test_a_catalog_does_not_differ_from_itself(catalog: Catalog) -> None:
    assert diff(catalog, catalog).is_empty()


def test_the_other_way_round_swaps_the_sides(tmp_path: Path) -> None:
    old, new = catalog(tmp_path / "old", model("m", "1", "2")), catalog(tmp_path / "new", model("m", "3", "2"))
    (row,), (back,) = diff(old, new).to_dicts(), diff(new, old).to_dicts()
    assert (row["old_price"], row["new_price"]) == (back["new_price"], back["old_price"]) == (1, 3)
