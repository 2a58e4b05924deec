"""Charges by the image, the second, the character and the page."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_tables.catalog import Catalog
from pricing_tables.price import price_calls
from pricing_tables.units import AMOUNTS, PER
from tests.pricing_tables.book import book, rate
from tests.pricing_tables.conftest import Pricer, call, frame

BOOK = book(
    rate("draw", output_images_kcount="40"),
    rate("see", input_images_kcount="1.5"),
    rate("film", output_video_hours="720"),
    rate("hear", input_audio_hours="0.36"),
    rate("talk", output_audio_hours="7"),
    rate("speak", output_mchars="15"),
    rate("read", input_document_kpages="1", input_annotated_document_kpages="3"),
    rate("both", input_mtok="0.1", output_mtok="0.3", audio_hours="0.24"),
    rate("tokens-too", input_mtok="1", output_mtok="2", output_image_mtok="30", output_images_kcount="39"),
    rate("text", input_mtok="1", output_mtok="2", input_mchars="0.25"),
    rate("two-ways", input_audio_hours="1", output_audio_hours="2"),
    rate("same-ways", input_audio_hours="1", output_audio_hours="1"),
    rate(
        "everything",
        output_images_kcount="0.7",
        audio_hours="0.7",
        output_video_hours="0.7",
        input_mtok="1.0000001",
        input_mchars="0.000000000000000001",
        input_document_kpages="0.123456789012345678",
    ),
)


def one(model: str, catalog: Catalog = BOOK, **fields: Any) -> dict[str, Any]:
    (row,) = price_calls(frame(call("acme", model, **fields)), catalog).to_dicts()
    return row


@pytest.mark.parametrize(
    ("model", "amount", "cost"),
    [
        ("draw", {"images": 2}, "0.08"),
        ("see", {"images": 3}, "0.0045"),
        ("film", {"video_seconds": Decimal("7.5")}, "1.5"),
        ("hear", {"audio_seconds": Decimal("61.5")}, "0.00615"),
        ("hear", {"audio_seconds": Decimal("0.000001")}, "0.0000000001"),
        ("talk", {"audio_seconds": Decimal(1)}, "0.001944444444"),
        ("speak", {"characters": 1_234}, "0.01851"),
        ("read", {"pages": 7}, "0.007"),
    ],
)
def test_what_a_call_reports_is_billed_by_its_unit(model: str, amount: dict[str, Any], cost: str) -> None:
    row = one(model, **amount)
    assert (row["status"], row["cost_usd"], row["other_cost_usd"]) == ("priced", Decimal(cost), Decimal(cost))
    assert row["rate_id"]


@pytest.mark.parametrize(
    ("model", "reported", "note"),
    [
        ("draw", {"input_tokens": 10, "output_tokens": 10}, "priced per image, which the call does not report"),
        ("film", {"images": 1}, "priced per video hour, which the call does not report"),
        ("two-ways", {"audio_seconds": Decimal(9)}, "audio priced apart for input and output"),
        ("draw", {"images": -1}, "invalid usage: a negative count"),
        ("draw", {"images": 10**7}, "invalid usage: a count out of range"),
        ("hear", {"audio_seconds": Decimal(10**10)}, "invalid usage: a count out of range"),
        ("film", {"video_seconds": Decimal(10**9)}, "cost out of range"),
    ],
)
def test_what_cannot_be_known_has_no_price(model: str, reported: dict[str, Any], note: str) -> None:
    row = one(model, **reported)
    assert (row["status"], row["cost_usd"], row["rate_note"]) == ("unpriced", None, note)


def test_one_price_for_both_directions_needs_no_direction() -> None:
    assert one("same-ways", audio_seconds=Decimal(36))["cost_usd"] == Decimal("0.01")


def test_tokens_and_time_are_billed_together_where_the_vendor_does() -> None:
    row = one("both", input_tokens=5, output_tokens=7, audio_seconds=Decimal(15))
    assert (row["input_cost_usd"], row["output_cost_usd"]) == (Decimal("0.0000005"), Decimal("0.0000021"))
    assert row["other_cost_usd"] == Decimal("0.001")
    assert one("both", audio_seconds=Decimal(15))["rate_note"] == "input tokens not reported"


def test_what_was_billed_by_tokens_is_not_billed_again_by_amount() -> None:
    usage = {"input_tokens": 10, "output_tokens": 1_290, "images": 1}
    by_tokens = one("tokens-too", image_output_tokens=1_290, **usage)
    assert by_tokens["other_cost_usd"] == Decimal("0.0387")
    by_image = one("tokens-too", **{**usage, "output_tokens": 0})
    assert by_image["other_cost_usd"] == Decimal("0.039")
    assert one("text", input_tokens=100, output_tokens=0, characters=400)["cost_usd"] == Decimal("0.0001")


def test_amounts_of_a_model_that_does_not_bill_them_change_nothing(price: Pricer) -> None:
    usage = {"input_tokens": 1_000, "output_tokens": 10}
    plain = price.one("openai", "gpt-4o", **usage)
    assert {**price.one("openai", "gpt-4o", images=3, **usage), "images": None} == plain


def test_shipped_models_are_priced_by_their_units(price: Pricer) -> None:
    assert price.cost("openai", "whisper-1", audio_seconds=Decimal("61.5")) == Decimal("0.00615")
    assert price.cost("openai", "tts-1", characters=1_000) == Decimal("0.015")
    assert price.cost("mistral", "mistral-ocr-2505", pages=7) == Decimal("0.007")


def test_a_failed_call_that_made_nothing_is_free(price: Pricer) -> None:
    assert price.one("openai", "whisper-1", audio_seconds=Decimal(0), failed=True)["status"] == "zero_rated"
    assert price.one("openai", "whisper-1", audio_seconds=Decimal(1), failed=True)["status"] == "priced"


seconds = st.integers(0, 10**10).map(lambda micro: Decimal(micro).scaleb(-6))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "images": st.integers(0, 10**6),
            "audio_seconds": seconds,
            "video_seconds": seconds,
            "characters": st.integers(0, 10**9),
            "pages": st.integers(0, 10**6),
            "input_tokens": st.integers(0, 10**9),
        },
    )
)
@settings(max_examples=150, deadline=None)
def test_amounts_are_exact_and_rounded_once(usage: dict[str, Any]) -> None:
    prices = BOOK.rates.filter(BOOK.rates["model"] == "acme/everything").row(0, named=True)
    other = Fraction(0)
    for name, columns in AMOUNTS.items():
        column = next(column for column in columns if prices[column] is not None)
        # Characters are not billed beside tokens of the input.
        if not (name == "characters" and usage.get("input_tokens")):
            other += Fraction(usage.get(name, 0)) * Fraction(prices[column]) / PER[column]
    row = one("everything", **{"input_tokens": 0, **usage}, output_tokens=0)
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(round(other * 10**12)).scaleb(-12)
        read = (Decimal(usage.get("input_tokens", 0)) * prices["input_mtok"] / 10**6).quantize(
            Decimal("1e-12"), ROUND_HALF_EVEN
        )
    assert (row["other_cost_usd"], row["input_cost_usd"], row["cost_usd"]) == (exact, read, exact + read)


SEARCHES = book(
    rate("web", input_mtok="1", web_searches_kcount="10", storage_searches_kcount="2.5"),
    rate("rank", rerank_searches_kcount="2"),
    rate("files", input_mtok="1", storage_searches_kcount="2.5"),
    rate("social", input_mtok="1", social_searches_kcount="5"),
    rate("code", input_mtok="1", code_executions_kcount="3"),
    rate("none", input_mtok="1"),
)


@pytest.mark.parametrize(
    ("model", "cost", "note"),
    [
        ("web", "0.03", None),
        ("rank", "0.006", None),
        ("files", "0.0075", "searches priced as searches of stored files"),
        ("social", "0.015", "searches priced as searches of social media"),
        ("code", "0.009", "searches priced as code executions"),
        ("none", None, "no rate for search requests"),
    ],
)
def test_searches_are_billed_at_the_one_kind_a_rate_has(model: str, cost: str | None, note: str | None) -> None:
    row = one(model, SEARCHES, input_tokens=0, output_tokens=0, search_requests=3)
    assert (row["cost_usd"], row["rate_note"]) == (cost and Decimal(cost), note)
