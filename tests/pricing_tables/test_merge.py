"""Two sources in one catalog: genai-prices says, LiteLLM adds what it lacks."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.book import Book, open_book
from pricing_tables.importers.choices import Sources, apply_aliases, apply_choices, read_choices
from pricing_tables.importers.genai_prices import import_genai_prices
from pricing_tables.importers.litellm import read_entries
from pricing_tables.importers.merge import merge
from pricing_tables.importers.releases import Release
from tests.pricing_tables.releases import chat, genai, litellm, model, prices, rates

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def merged(primary: Release, secondary: dict[str, dict[str, Any]]) -> CatalogData:
    book = open_book(import_genai_prices(primary))
    merge(book, read_entries(litellm(secondary)), "litellm 9.9.9", NOW)
    return book.data("both", "1", "MIT")


def test_a_model_that_only_litellm_has_is_added_under_its_exact_name() -> None:
    data = merged(
        genai(model("known", "1", "2")),
        {"newcomer": chat("openai", "3", "4"), "deepinfra/x": chat("deepinfra", "5", "6")},
    )
    (row,) = rates(data, "openai/newcomer")
    assert (prices(row), row["note"]) == ({"input_mtok": 3, "output_mtok": 4}, "litellm 9.9.9: newcomer")
    assert rates(data, "deepinfra/x")
    assert data.providers["provider"].to_list() == ["openai", "deepinfra"]
    book = open_book(data)
    assert book.find("openai", "newcomer") == ("openai/newcomer", "openai/newcomer")
    assert book.find("openai", "newcomer-preview") is None


def test_where_they_differ_genai_prices_holds_and_nothing_is_taken_over() -> None:
    other = chat("openai", "3", "4", input_cost_per_token_batches=1.5e-6)
    data = merged(genai(model("known", "1", "2")), {"known": other})
    (row,) = rates(data, "openai/known")
    assert prices(row) == {"input_mtok": 1, "output_mtok": 2}
    assert rates(data, "openai/known", processing="batch") == []


def test_where_they_agree_what_is_lacking_is_filled_in() -> None:
    more = {
        "input_cost_per_token_batches": 5e-7,
        "output_cost_per_token_batches": 1e-6,
        "input_cost_per_audio_token": 9e-6,
    }
    data = merged(genai(model("known", "1", "2")), {"known": chat("openai", "1", "2", **more)})
    (row,) = rates(data, "openai/known")
    assert prices(row) == {"input_mtok": 1, "output_mtok": 2, "input_audio_mtok": 9}
    assert row["note"] == "input_audio_mtok: litellm 9.9.9"
    (batch,) = rates(data, "openai/known", processing="batch")
    assert prices(batch) == {"input_mtok": 0.5, "output_mtok": 1, "input_audio_mtok": 9}
    assert batch["standard_units"] == "input_audio_mtok"


def test_a_cache_price_is_not_filled_in_without_a_choice() -> None:
    data = merged(
        genai(model("known", "1", "2")), {"known": chat("openai", "1", "2", cache_read_input_token_cost=1e-7)}
    )
    assert "cache_read_mtok" not in rates(data, "openai/known")[0]


def test_a_kind_of_request_that_genai_prices_has_is_not_touched() -> None:
    variant = (
        ", price_variants=[PriceVariant(when={'processing': 'batch'}, prices=ModelPrice(input_mtok=Decimal('0.7')))]"
    )
    other = chat("openai", "1", "2", input_cost_per_token_batches=5e-7, output_cost_per_token_batches=1e-6)
    (batch,) = rates(
        merged(genai(model("known", "1", "2", variant)), {"known": other}), "openai/known", processing="batch"
    )
    assert prices(batch) == {"input_mtok": 0.7, "output_mtok": 2}


def test_a_special_price_holds_as_long_as_todays_standard_price() -> None:
    dated = (
        "ModelInfo(id='known', name='N', match=ClauseEquals(equals='known'), prices=["
        "ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('9'), output_mtok=Decimal('9'))),"
        "ConditionalPrice(constraint=StartDateConstraint(start_date=datetime.date(2026, 6, 1)),"
        " prices=ModelPrice(input_mtok=Decimal('1'), output_mtok=Decimal('2')))])"
    )
    other = chat("openai", "1", "2", input_cost_per_token_batches=5e-7, output_cost_per_token_batches=1e-6)
    (batch,) = rates(merged(genai(dated), {"known": other}), "openai/known", processing="batch")
    assert batch["valid_from"] == datetime(2026, 6, 1, tzinfo=UTC)


def test_a_place_with_another_price_is_a_region_and_a_name_of_its_own() -> None:
    primary = genai(model("meta.llama-v1:0", "1", "2"), provider="aws")
    data = merged(
        primary,
        {
            "bedrock/eu-west-2/meta.llama-v1:0": chat("bedrock", "1.3", "2.6"),
            "bedrock/us-east-1/meta.llama-v1:0": chat("bedrock", "1", "2"),
            "eu.meta.llama-v1:0": chat("bedrock", "1.2", "2.4"),
        },
    )
    (london,) = rates(data, "aws/meta.llama-v1:0", region="eu-west-2")
    (europe,) = rates(data, "aws/meta.llama-v1:0", region="eu")
    assert (prices(london)["input_mtok"], prices(europe)["input_mtok"]) == (1.3, 1.2)
    # A place at the usual price needs neither.
    assert rates(data, "aws/meta.llama-v1:0", region="us-east-1") == []
    book = open_book(data)
    assert book.find("aws", "eu-west-2/meta.llama-v1:0") == ("aws/eu-west-2/meta.llama-v1:0",) * 2
    assert book.find("aws", "eu.meta.llama-v1:0") == ("aws/eu.meta.llama-v1:0",) * 2
    assert book.find("aws", "us-east-1/meta.llama-v1:0") == ("aws/meta.llama-v1:0",) * 2


def test_uplifts_become_rows_of_the_books_own_prices() -> None:
    other = chat("openai", "1", "2", regional_processing_uplift_multiplier_eu=1.1)
    data = merged(genai(model("known", "1", "2")), {"known": other})
    (row,) = rates(data, "openai/known", region="eu")
    assert (row["input_mtok"], row["output_mtok"]) == (Decimal("1.1"), Decimal("2.2"))


def book_of(*models: str, provider: str = "openai") -> Book:
    return open_book(import_genai_prices(genai(*models, provider=provider)))


def sources(**entries: dict[str, Any]) -> Sources:
    read = {entry.text: entry for entry in read_entries(litellm(entries))}
    return Sources("9.9.9", {"9.9.9": read, "0.0.1": {}})


def test_a_choice_takes_prices_from_a_date_on() -> None:
    book = book_of(model("known", "1", "2"))
    choice = {"keys": ["known"], "since": datetime(2026, 8, 1).date(), "why": "because"}  # noqa: DTZ001
    assert apply_choices(book, {"take": [choice]}, sources(known=chat("openai", "3", "4")), NOW) == []
    old, new = sorted(book.rows["openai/known"], key=lambda row: row["valid_from"] is not None)
    assert (old["input_mtok"], old["valid_to"]) == (1, datetime(2026, 8, 1, tzinfo=UTC))
    assert (new["input_mtok"], new["valid_from"], new["note"]) == (3, datetime(2026, 8, 1, tzinfo=UTC), "because")


@pytest.mark.parametrize(
    "choices",
    [
        {"take": [{"keys": ["gone"], "why": ""}]},
        {"fill": [{"keys": ["known"], "units": ["cache_read_mtok"], "why": ""}]},
        {"tier": [{"model": "openai/known", "until": datetime(2026, 1, 1).date(), "why": ""}]},  # noqa: DTZ001
    ],
)
def test_a_choice_that_matches_nothing_is_named(choices: dict[str, Any]) -> None:
    (told,) = apply_choices(book_of(model("known", "1", "2")), choices, sources(known=chat("openai", "1", "2")), NOW)
    assert told.startswith("choice ")
    assert "matches nothing: " in told


def test_a_choice_from_a_release_that_is_not_pinned_matches_nothing() -> None:
    choice = {"keys": ["known"], "release": "7.7.7", "why": ""}
    book = book_of(model("known", "1", "2"))
    assert apply_choices(book, {"take": [choice]}, sources(), NOW) == ["choice take: no release 7.7.7 at hand"]


def test_a_moving_name_is_priced_as_what_it_stood_for_at_the_time() -> None:
    book = book_of(model("large-2411", "2", "6"), model("large-2512", "0.5", "1.5"), model("large-latest", "2", "6"))
    targets = [{"model": "openai/large-2411"}, {"model": "openai/large-2512", "since": datetime(2025, 12, 2).date()}]  # noqa: DTZ001
    assert apply_aliases(book, {"alias": [{"name": "openai/large-latest", "targets": targets, "why": ""}]}) == []
    old, new = book.rows["openai/large-latest"]
    assert (old["alias_of"], old["input_mtok"], old["valid_to"]) == ("openai/large-2411", 2, new["valid_from"])
    assert (new["alias_of"], new["input_mtok"]) == ("openai/large-2512", Decimal("0.5"))
    book.refresh()
    assert book.find("openai", "large-latest") == ("openai/large-latest", "openai/large-latest")


def test_every_choice_says_why_and_from_when() -> None:
    choices = read_choices()
    assert choices.keys() == {"take", "fill", "tier", "alias"}
    for kind in choices.values():
        for choice in kind:
            assert len(choice["why"]) > 40, choice
