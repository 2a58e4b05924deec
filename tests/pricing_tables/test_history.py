"""What older releases add: models that are gone, prices that moved; and what is taken for a correction instead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.build import build, build_strictly
from pricing_tables.importers.choices import ChoiceError
from pricing_tables.importers.releases import GENAI_PRICES, LITELLM, Release
from tests.pricing_tables.releases import chat, genai, litellm, model, past, rates

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def built(*releases: tuple[str, Release]) -> CatalogData:
    known = past(*releases)
    newest = known.newest(GENAI_PRICES).release, known.newest(LITELLM).release
    return build(*newest, NOW, choices={}, past=known)[0]


def steps(data: CatalogData, name: str) -> list[tuple[float, str | None]]:
    """(input price, first day) of each period."""
    rows = sorted(rates(data, name), key=lambda row: str(row.get("valid_from", "")))
    return [
        (float(row["input_mtok"]), f"{row['valid_from']:%Y-%m-%d}" if "valid_from" in row else None) for row in rows
    ]


def sample(price: str, version: str, other: str | None = None) -> tuple[Release, Release]:
    return genai(model("m", price, "9"), version=version), litellm({"m": chat("openai", other or price, "9")}, version)


def test_a_move_that_both_sources_saw_begins_with_the_release_that_first_shows_it() -> None:
    old, new = sample("2", "1.0"), sample("1", "2.0")
    data = built(("2026-01-10", old[0]), ("2026-01-12", old[1]), ("2026-06-10", new[0]), ("2026-06-12", new[1]))
    assert steps(data, "openai/m") == [(2, None), (1, "2026-06-10")]
    (before,) = [row for row in rates(data, "openai/m") if "valid_from" not in row]
    assert before["note"] == "genai-prices 1.0; the next price is first seen in genai-prices 2.0"


def test_what_only_one_source_saw_was_a_correction() -> None:
    old, new = sample("2", "1.0", other="1"), sample("1", "2.0")
    data = built(("2026-01-10", old[0]), ("2026-01-12", old[1]), ("2026-06-10", new[0]), ("2026-06-12", new[1]))
    assert steps(data, "openai/m") == [(1, None)]


def test_dates_of_the_newest_release_are_never_touched() -> None:
    dated = (
        "ModelInfo(id='m', name='N', match=ClauseEquals(equals='m'), prices=["
        "ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('3'), output_mtok=Decimal('9'))),"
        "ConditionalPrice(constraint=StartDateConstraint(start_date=datetime.date(2026, 5, 1)),"
        " prices=ModelPrice(input_mtok=Decimal('1'), output_mtok=Decimal('9')))])"
    )
    old = sample("2", "1.0")
    new = genai(dated, version="2.0"), litellm({"m": chat("openai", "1", "9")}, "2.0")
    data = built(("2026-01-10", old[0]), ("2026-01-12", old[1]), ("2026-06-10", new[0]), ("2026-06-12", new[1]))
    assert steps(data, "openai/m") == [(3, None), (1, "2026-05-01")]


def litellm_only(*prices: str, name: str = "n") -> CatalogData:
    days = [f"2026-{month:02}-01" for month in range(1, 1 + len(prices))]
    releases = [
        (day, litellm({name: chat("openai", price, "9")}, str(at)))
        for at, (day, price) in enumerate(zip(days, prices, strict=True))
    ]
    return built(("2026-01-01", genai(model("m", "1", "9"))), *releases)


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        (("4", "4", "3", "3"), [(4, None), (3, "2026-03-01")]),
        (("4", "3", "3", "3"), [(3, None)]),  # seen once only
        (("400", "400", "3", "3"), [(3, None)]),  # written in another unit
        (("3", "3", "3.3", "3.3"), [(3.3, None)]),  # the price of a region
    ],
)
def test_moves_that_only_litellm_saw(prices: tuple[str, ...], expected: list[tuple[float, str | None]]) -> None:
    assert steps(litellm_only(*prices), "openai/n") == expected


def test_a_fine_tune_that_was_listed_at_its_bases_price_never_moved() -> None:
    assert steps(litellm_only("4", "4", "3", "3", name="ft:n"), "openai/ft:n") == [(3, None)]


def test_models_that_are_gone_keep_their_last_price() -> None:
    old = genai(model("m", "1", "9"), model("old-one", "7", "9"), version="1.0")
    before = litellm({"older": chat("openai", "8", "9"), "some-exp-0325": chat("openai", "8", "9")}, "1.0")
    data = built(
        ("2026-01-10", old),
        ("2026-01-12", before),
        ("2026-06-10", genai(model("m", "1", "9"))),
        ("2026-06-12", litellm({})),
    )
    assert steps(data, "openai/old-one") == [(7, None)]
    (row,) = rates(data, "openai/older")
    assert row["note"] == "gone since; last in litellm 1.0"
    # Experiments were free; the price listed was that of what came after.
    assert rates(data, "openai/some-exp-0325") == []


def test_a_special_price_holds_from_the_first_release_that_shows_it() -> None:
    variant = (
        ", price_variants=[PriceVariant(when={'processing': 'batch'}, prices=ModelPrice(input_mtok=Decimal('0.5'),"
        " output_mtok=Decimal('1')), constraint=StartDateConstraint(start_date=datetime.date(2026, 10, 14)))]"
    )
    special: dict[str, Any] = {"input_cost_per_token_batches": 5e-7, "output_cost_per_token_batches": 1e-6}
    data = built(
        ("2026-01-12", litellm({"m": chat("openai", "1", "2")}, "1")),
        ("2026-03-12", litellm({"m": chat("openai", "1", "2", **special)}, "2")),
        ("2026-10-20", litellm({"m": chat("openai", "1", "2", **special)}, "3")),
        ("2026-10-20", genai(model("m", "1", "2", variant))),
    )
    batch = rates(data, "openai/m", processing="batch")
    assert sorted(f"{row['valid_from']:%Y-%m-%d}" for row in batch) == ["2026-03-12", "2026-10-14"]
    assert {row.get("note") for row in batch} == {None, "first seen in litellm 2"}


def test_the_same_releases_give_the_same_catalog() -> None:
    first, again = (litellm_only("4", "4", "3", "3") for _ in range(2))
    assert first.catalog_id == again.catalog_id


def test_the_build_of_the_shipped_catalog_fails_on_a_choice_that_matches_nothing() -> None:
    known = past(("2026-01-01", genai(model("m", "1", "9"))), ("2026-01-01", litellm({}, "1.83.14")))
    newest = known.newest(GENAI_PRICES).release, known.newest(LITELLM).release
    with pytest.raises(ChoiceError, match="matches nothing"):
        build_strictly(*newest, NOW, known)
