"""LiteLLM's price map as a catalog: every dimension it has, exactly, and nothing of what is no price."""

from __future__ import annotations

import json
from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_tables.catalog import CatalogData
from pricing_tables.importers.litellm import import_litellm, read_entries
from pricing_tables.importers.litellm_keys import read_key
from pricing_tables.importers.releases import SourceError
from tests.pricing_tables.releases import litellm, prices, rates, sample


@pytest.fixture(scope="module")
def data() -> CatalogData:
    return import_litellm(sample())


def test_a_plain_model(data: CatalogData) -> None:
    (row,) = rates(data, "openai/gpt-4o")
    assert prices(row) == {"input_mtok": 2.5, "cache_read_mtok": 1.25, "output_mtok": 10}
    assert row["note"] == "litellm 1.110.2: gpt-4o"


def test_noise_of_binary_fractions_is_rounded_away(data: CatalogData) -> None:
    # The map says 8.000000000000001e-07 dollars a token.
    (row,) = rates(data, "novita/moonshotai/kimi-k2.6")
    assert row["input_mtok"] == Decimal("0.8")


def test_tiers_begin_above_their_threshold_but_at_it_for_xai(data: CatalogData) -> None:
    def tiers(model: str) -> list[tuple[int, float]]:
        return [(row["tier_min"], float(row["input_mtok"])) for row in rates(data, model)]

    assert tiers("google/gemini-2.5-pro") == [(0, 1.25), (200_001, 2.5)]
    assert tiers("anthropic/claude-haiku-5-5") == [(0, 0.1), (100_001, 0.5)]
    assert tiers("x-ai/grok-4.6") == [(0, 2), (200_000, 4)]
    assert tiers("dashscope/qwen-flash") == [(0, 0.05), (256_001, 0.25)]


def test_cache_writes_of_five_minutes_and_an_hour_by_tier(data: CatalogData) -> None:
    low, high = rates(data, "anthropic/claude-haiku-5-5")
    assert (prices(low)["cache_write_mtok"], prices(low)["cache_write_1h_mtok"]) == (0.125, 0.2)
    assert (prices(high)["cache_write_mtok"], prices(high)["cache_write_1h_mtok"]) == (0.625, 1)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"processing": "batch"}, [(0, 5, 0.5, 25), (272_001, 10, 1, 37.5)]),
        ({"service_tier": "flex"}, [(0, 5, 0.5, 25), (272_001, 10, 1, 37.5)]),
        ({"service_tier": "priority"}, [(0, 20, 2, 100), (272_001, 40, 4, 150)]),
    ],
)
def test_batch_flex_and_priority_with_their_tiers(
    data: CatalogData, keys: dict[str, str], expected: list[tuple[float, ...]]
) -> None:
    names = ("tier_min", "input_mtok", "cache_read_mtok", "output_mtok")
    rows = rates(data, "openai/gpt-6-astra", **keys)
    assert [tuple(float(row[name]) for name in names) for row in rows] == expected
    # There is no special price of a search: the standard one is taken over, and the row says so.
    assert {row["standard_units"] for row in rows} == {"web_searches_kcount"}


def test_reasoning_that_costs_what_output_costs_is_not_priced_apart(data: CatalogData) -> None:
    # Else a batch call's reasoning would be billed at the standard price.
    (batch,) = rates(data, "google/gemini-2.5-flash", processing="batch")
    assert "output_reasoning_mtok" not in batch
    assert prices(batch)["output_mtok"] == 1.25
    assert prices(batch)["input_audio_mtok"] == 0.5


def test_off_peak_hours_and_days_cover_the_week_once(data: CatalogData) -> None:
    for model in ("deepseek/deepseek-v4-pro", "tencent/deepseek-v4-pro-0813"):
        rows = rates(data, model)
        cheap: dict[str, int] = {}
        for row in rows:
            start, end = row.get("window_start", time(0)), row.get("window_end", time(0))
            hours = (end.hour or 24) - start.hour
            for day in row["weekdays"].split(","):
                cheap[f"{day} {row['input_mtok']:.2f}"] = cheap.get(f"{day} {row['input_mtok']:.2f}", 0) + hours
        weekdays = {
            f"{day} {price}": hours
            for day in ("mon", "tue", "wed", "thu", "fri")
            for price, hours in (("0.66", 17), ("1.32", 7))
        }
        assert cheap == {**weekdays, "sat 0.66": 24, "sun 0.66": 24}, model


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai/whisper-1", {"audio_hours": 0.36}),
        ("deepgram/nova-3", {"audio_hours": 0.258012}),
        ("openai/sora-2", {"output_video_hours": 360}),
        ("azure/speech/azure-tts", {"input_mchars": 15}),
        ("mistral/mistral-ocr-latest", {"input_document_kpages": 4, "input_annotated_document_kpages": 5}),
        ("aws/amazon.rerank-v1:0", {"rerank_searches_kcount": 1}),
        ("openai/text-embedding-3-small", {"input_mtok": 0.02}),
        ("fal_ai/fal-ai/flux-pro/v1.1", {"output_images_kcount": 40}),
    ],
)
def test_models_that_are_not_billed_by_the_token(data: CatalogData, model: str, expected: dict[str, float]) -> None:
    (row,) = rates(data, model)
    assert prices(row) == expected


@pytest.mark.parametrize(
    ("model", "region", "price"),
    [
        ("aws/meta.llama3-8b-instruct-v1:0", "eu-west-2", 0.39),
        ("aws/amazon.nova-lite-v1:0", "eu", 0.078),
        ("azure/gpt-5.1", "eu", 1.375),
        ("azure/gpt-5.1", "us", 1.375),
        ("openai/gpt-6-astra", "eu", 11),
        ("anthropic/claude-opus-5-5", "us", 4.4),
        ("google/gemini-3.5-flash", "europe", 1.65),
        ("aws/anthropic.claude-haiku-4-5-20251001-v1:0", "us-gov-west-1", 1.2),
    ],
)
def test_regions_and_uplifts(data: CatalogData, model: str, region: str, price: float) -> None:
    assert prices(rates(data, model, region=region)[0])["input_mtok"] == price


def test_an_uplift_is_exact_and_raises_tokens_only(data: CatalogData) -> None:
    base, far = rates(data, "anthropic/claude-opus-5-5")[0], rates(data, "anthropic/claude-opus-5-5", region="us")[0]
    assert far["cache_read_mtok"] == base["cache_read_mtok"] * Decimal("1.1") == Decimal("0.22")
    assert far["web_searches_kcount"] == base["web_searches_kcount"]


@pytest.mark.parametrize("name", ["ollama", "sample_spec", "commitment", "1024"])
def test_what_is_no_price_is_left_out(data: CatalogData, name: str) -> None:
    assert not [model for model in data.models["model"] if name in model]
    assert name not in data.providers["provider"]


def test_zeros_are_no_price_but_where_the_name_says_free() -> None:
    zero = {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0}
    entries = read_entries(litellm({"x/some": zero, "x/some:free": zero}))
    assert [entry.key.name for entry in entries] == ["some:free"]


def test_an_impossible_price_is_not_believed() -> None:
    per_thousand = {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": 0.1, "output_cost_per_token": 0.1}
    assert read_entries(litellm({"x/some": per_thousand})) == []


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}'])
def test_what_is_not_such_a_map_is_an_error_in_one_line(text: str) -> None:
    release = sample()
    broken = type(release)(release.package, "0", dict.fromkeys(release.texts, text))
    with pytest.raises(SourceError, match="litellm 0: not"):
        import_litellm(broken)


@pytest.mark.parametrize(
    ("key", "litellm_provider", "provider", "name", "region"),
    [
        ("bedrock/converse/us.amazon.nova-pro-v1:0", "bedrock_converse", "aws", "us.amazon.nova-pro-v1:0", "us"),
        (
            "bedrock/us-gov-east-1/amazon.nova-pro-v1:0",
            "bedrock",
            "aws",
            "us-gov-east-1/amazon.nova-pro-v1:0",
            "us-gov-east-1",
        ),
        ("global.anthropic.claude-opus-5", "bedrock_converse", "aws", "global.anthropic.claude-opus-5", None),
        ("azure/global/gpt-5.1", "azure", "azure", "gpt-5.1", None),
        ("azure_ai/eu/x", "azure_ai", "azure", "eu/x", "eu"),
        ("vertex_ai/claude-opus-5@20261001", "vertex_ai-anthropic_models", "google", "claude-opus-5@20261001", None),
        ("groq/openai/gpt-oss-20b", "groq", "groq", "openai/gpt-oss-20b", None),
        ("voyage/voyage-4", "voyage", "voyageai", "voyage-4", None),
    ],
)
def test_keys(key: str, litellm_provider: str, provider: str, name: str, region: str | None) -> None:
    read = read_key(key, litellm_provider)
    assert read is not None
    assert (read.provider, read.name, read.region) == (provider, name, region)


@given(price=st.decimals(min_value="0.000001", max_value=900, places=6))
def test_a_price_per_token_as_the_map_writes_it_comes_back_exact(price: Decimal) -> None:
    """The map writes binary fractions of a dollar a token; vendors print decimals of a dollar a million."""
    entry: dict[str, Any] = {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": float(price) / 1e6}
    text = json.dumps({"x/some": {**entry, "output_cost_per_token": 1e-6}})
    release = sample()
    (row,) = rates(import_litellm(type(release)(release.package, "0", dict.fromkeys(release.texts, text))), "x/some")
    assert row["input_mtok"] == price
