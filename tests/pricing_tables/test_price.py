"""What a call costs: the money rules, one by one, on real prices."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pricing_tables.catalog import Catalog
from pricing_tables.price import price_calls
from tests.pricing_tables.conftest import Pricer, call, frame

MONEY = ("input", "cache_read", "cache_write", "output", "other")


def parts(row: dict[str, Any]) -> dict[str, str | None]:
    return {name: None if (cost := row[f"{name}_cost_usd"]) is None else f"{cost.normalize():f}" for name in MONEY}


def test_cached_and_written_tokens_are_taken_out_of_the_inclusive_input(price: Pricer) -> None:
    row = price.one(
        "anthropic",
        "claude-sonnet-4-5-20250929",
        input_tokens=10_000,
        cache_read_tokens=2_000,
        cache_write_5m_tokens=3_000,
        cache_write_1h_tokens=1_000,
        output_tokens=100,
    )
    # $3 in, $0.30 read, $3.75 and $6 written, $15 out, per million tokens
    assert parts(row) == {
        "input": "0.012",
        "cache_read": "0.0006",
        "cache_write": "0.01725",
        "output": "0.0015",
        "other": "0",
    }
    assert row["cost_usd"] == Decimal("0.03135")
    assert (row["status"], row["model"], row["match"]) == ("priced", "anthropic/claude-sonnet-4-5", "rule")


def test_cache_reads_cost_the_input_rate_where_the_vendor_prints_no_other(price: Pricer) -> None:
    plain = price.cost("openai", "gpt-4-turbo", input_tokens=1_000, output_tokens=1)
    cached = price.cost("openai", "gpt-4-turbo", input_tokens=1_000, cache_read_tokens=600, output_tokens=1)
    assert plain == cached


def test_reasoning_is_part_of_the_output_unless_priced_apart(price: Pricer) -> None:
    with_it = price.cost("openai", "o3", input_tokens=10, output_tokens=1_000, reasoning_tokens=900)
    without = price.cost("openai", "o3", input_tokens=10, output_tokens=1_000)
    assert with_it == without
    row = price.one("perplexity", "sonar-deep-research", input_tokens=0, output_tokens=1_000, reasoning_tokens=900)
    # $8 for 100 tokens of text, $3 for 900 tokens of reasoning, per million
    assert row["output_cost_usd"] == Decimal("0.0035")


@pytest.mark.parametrize(("tokens", "rate"), [(199_999, "1.25"), (200_000, "2.5"), (200_001, "2.5")])
def test_a_long_context_cliff_starts_where_the_vendor_says_at_or_above(price: Pricer, tokens: int, rate: str) -> None:
    cost = price.cost("x-ai", "grok-4.3", input_tokens=tokens, output_tokens=0)
    assert cost == Decimal(rate) * tokens / 10**6


@pytest.mark.parametrize(("tokens", "rate"), [(272_000, "2.5"), (272_001, "5")])
def test_a_long_context_cliff_starts_where_the_vendor_says_above(price: Pricer, tokens: int, rate: str) -> None:
    cost = price.cost("openai", "gpt-5.4", input_tokens=tokens, output_tokens=0)
    assert cost == Decimal(rate) * tokens / 10**6


def test_the_price_in_force_when_it_happened_counts(price: Pricer) -> None:
    def cost(moment: datetime) -> Decimal | None:
        return price.cost("openai", "o3", input_tokens=1_000_000, output_tokens=0, occurred_at=moment)

    assert cost(datetime(2025, 6, 9, 23, 59, 59, 999_999, tzinfo=UTC)) == 10
    assert cost(datetime(2025, 6, 10, tzinfo=UTC)) == 2
    assert cost(datetime(2020, 1, 1, tzinfo=UTC)) == 10


def test_the_hour_of_the_day_counts_in_utc(price: Pricer) -> None:
    def cost(hour: int, minute: int) -> Decimal | None:
        moment = datetime(2026, 11, 17, hour, minute, tzinfo=UTC)
        return price.cost("deepseek", "deepseek-v4-flash", input_tokens=1_000_000, output_tokens=0, occurred_at=moment)

    peak, off_peak = cost(2, 30), cost(12, 30)
    assert peak is not None
    assert peak == 2 * (off_peak or 0)
    assert [cost(0, 59), cost(1, 0), cost(3, 59), cost(4, 0)] == [off_peak, peak, peak, off_peak]
    assert [cost(5, 59), cost(6, 0), cost(9, 59), cost(10, 0)] == [off_peak, peak, peak, off_peak]


def test_batch_and_service_tiers_have_their_own_rates(price: Pricer) -> None:
    usage = {"input_tokens": 1_000_000, "output_tokens": 0}
    assert price.cost("openai", "gpt-5", **usage) == Decimal("1.25")
    assert price.cost("openai", "gpt-5", batch=True, **usage) == Decimal("0.625")
    assert price.cost("openai", "gpt-5", service_tier="flex", **usage) == Decimal("0.625")
    assert price.cost("openai", "gpt-5", service_tier="priority", **usage) == Decimal("2.5")
    assert price.cost("openai", "gpt-5", service_tier="default", **usage) == Decimal("1.25")
    assert price.cost("anthropic", "claude-opus-5-5", service_tier="fast", **usage) == 8
    assert price.cost("anthropic", "claude-opus-5-5", service_tier="batch", **usage) == 2


def test_a_missing_special_rate_is_said_and_never_silent(price: Pricer) -> None:
    usage = {"input_tokens": 1_000, "output_tokens": 10}
    no_variant = price.one("openrouter", "anthropic/claude-sonnet-4.5", batch=True, **usage)
    too_early = price.one("openai", "gpt-5", batch=True, occurred_at=datetime(2025, 8, 13, tzinfo=UTC), **usage)
    for row in (no_variant, too_early):
        assert row["status"] == "priced"
        assert row["rate_note"] == "standard rate used: no batch rate"
    partly = price.one("openai", "o4-mini", batch=True, cache_read_tokens=500, **usage)
    assert partly["rate_note"] == "standard rate used for cache reads"
    assert price.one("openai", "o4-mini", batch=True, **usage)["rate_note"] is None
    assert (
        price.one("openai", "gpt-5", service_tier="scale", **usage)["rate_note"] == "standard rate used: no scale rate"
    )


def test_a_reseller_without_its_own_rate_uses_the_makers_and_says_so(price: Pricer) -> None:
    row = price.one("azure", "gpt-4-0613", input_tokens=1_000_000, output_tokens=0)
    assert (row["model"], row["match"], row["cost_usd"]) == ("azure/gpt-4", "alias", 30)
    assert row["rate_note"] == "openai rate used: no azure rate"


def test_audio_is_billed_apart_only_where_it_has_a_price(price: Pricer) -> None:
    usage = {"input_tokens": 1_000, "audio_input_tokens": 400, "output_tokens": 0}
    apart = price.one("google", "gemini-2.5-flash", **usage)
    # 600 tokens of text at $0.30, 400 of audio at $1
    assert (apart["input_cost_usd"], apart["other_cost_usd"]) == (Decimal("0.00018"), Decimal("0.0004"))
    inside = price.one("anthropic", "claude-opus-4-6", **usage)
    assert (inside["input_cost_usd"], inside["other_cost_usd"]) == (Decimal("0.005"), 0)


def test_audio_that_was_read_from_the_cache_is_billed_once(price: Pricer) -> None:
    usage = {"input_tokens": 1_000, "audio_input_tokens": 1_000, "cache_read_tokens": 300, "output_tokens": 0}
    row = price.one("google", "gemini-2.5-flash", **usage)
    # 700 tokens of audio at $1, 300 of cached audio at $0.10
    assert (row["other_cost_usd"], row["cache_read_cost_usd"]) == (Decimal("0.0007"), Decimal("0.00003"))
    assert row["input_cost_usd"] == 0


def test_searches_and_requests_are_billed_each(price: Pricer) -> None:
    searched = price.one("anthropic", "claude-opus-4-6", input_tokens=0, output_tokens=0, search_requests=3)
    assert searched["other_cost_usd"] == Decimal("0.03")
    fee = price.one("perplexity", "sonar", input_tokens=0, output_tokens=0)
    assert fee["cost_usd"] == fee["other_cost_usd"] > 0


def test_an_unknown_model_is_never_a_number(price: Pricer) -> None:
    row = price.one("openai", "gpt-99-ultra", input_tokens=1_000, output_tokens=10)
    assert (row["status"], row["rate_note"]) == ("unpriced", "unknown model: gpt-99-ultra")
    assert row["cost_usd"] is None
    assert set(parts(row).values()) == {None}
    assert row["rate_id"] is row["model"] is row["match"] is None
    assert row["catalog_id"] == price.catalog.catalog_id  # the one that was asked


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"input_tokens": 10, "cache_read_tokens": 11, "output_tokens": 1}, "cached tokens exceed input tokens"),
        ({"input_tokens": -1, "output_tokens": 1}, "a negative count"),
        ({"input_tokens": 2**62, "output_tokens": 1}, "a count out of range"),
        ({"input_tokens": 5, "output_tokens": 1, "requests": 10**9}, "a count out of range"),
    ],
)
def test_impossible_usage_is_refused(price: Pricer, fields: dict[str, int], note: str) -> None:
    row = price.one("openai", "gpt-4o", **fields)
    assert (row["status"], row["cost_usd"], row["rate_note"]) == ("unpriced", None, f"invalid usage: {note}")


def test_parts_larger_than_their_whole_are_refused(price: Pricer) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "audio_output_tokens": 6}
    row = price.one("openai", "gpt-audio", **usage)
    assert row["rate_note"] == "invalid usage: parts of the output exceed output tokens"


def test_usage_that_was_not_reported_is_unknown_not_free(price: Pricer) -> None:
    missing = price.one("openai", "gpt-4o", usage_source="missing")
    silent = price.one("openai", "gpt-4o", requests=1)
    half = price.one("openai", "gpt-4o", input_tokens=10)
    assert [row["rate_note"] for row in (missing, silent, half)] == [
        "no usage",
        "no usage",
        "output tokens not reported",
    ]
    assert {row["cost_usd"] for row in (missing, silent, half)} == {None}


def test_a_failed_call_without_usage_costs_nothing_whatever_its_model(price: Pricer) -> None:
    for row in price(
        call("openai", "gpt-4o", usage_source="missing", failed=True),
        call("openai", "no-such-model", input_tokens=0, output_tokens=0, failed=True),
    ):
        assert (row["status"], row["cost_usd"], row["rate_note"]) == ("zero_rated", 0, "failed call")
    billed = price.one("openai", "gpt-4o", input_tokens=1_000, output_tokens=0, failed=True)
    assert (billed["status"], billed["cost_usd"]) == ("priced", Decimal("0.0025"))


def test_a_reported_cost_stands_in_only_as_far_as_it_is_trusted(price: Pricer) -> None:
    known = {"input_tokens": 1_000, "output_tokens": 0, "reported_cost_usd": Decimal("0.5")}
    assert price.one("openai", "gpt-4o", **known)["cost_usd"] == Decimal("0.0025")
    preferred = price.one("openai", "gpt-4o", trust="prefer", **known)
    assert (preferred["status"], preferred["cost_usd"]) == ("reported", Decimal("0.5"))
    stood_in = price.one("openai", "gpt-99", **known)
    assert (stood_in["status"], stood_in["cost_usd"], stood_in["other_cost_usd"]) == (
        "reported",
        Decimal("0.5"),
        Decimal("0.5"),
    )
    assert stood_in["rate_note"] == "reported cost used: unknown model: gpt-99"
    assert price.one("openai", "gpt-99", trust="never", **known)["status"] == "unpriced"


def test_a_reported_zero_is_never_believed(price: Pricer) -> None:
    row = price.one("openai", "gpt-99", input_tokens=5, output_tokens=5, reported_cost_usd=Decimal(0), trust="prefer")
    assert (row["status"], row["cost_usd"]) == ("unpriced", None)


@pytest.mark.parametrize(
    ("provider", "model", "note"),
    [
        ("openai", "whisper-1", "priced per audio hour, which the call does not report"),
        ("openai", "tts-1", "priced per character, which the call does not report"),
        ("mistral", "mistral-ocr-2505", "priced per document page, which the call does not report"),
        ("google", "gemma-3", "no price listed for this model"),
    ],
)
def test_a_model_billed_in_units_the_call_lacks_is_unpriced(
    price: Pricer, provider: str, model: str, note: str
) -> None:
    row = price.one(provider, model, input_tokens=10, output_tokens=1)
    assert (row["status"], row["cost_usd"], row["rate_note"]) == ("unpriced", None, note)


def test_a_model_the_vendor_gives_away_costs_zero(price: Pricer) -> None:
    row = price.one("openai", "omni-moderation-latest", input_tokens=10, output_tokens=1)
    assert (row["status"], row["cost_usd"]) == ("priced", 0)


def test_a_price_finer_than_a_picodollar_is_rounded_once_half_to_even(price: Pricer, catalog: Catalog) -> None:
    fine = catalog.rates.filter(
        (pl.col("input_mtok") * 1_000_000).round(0) != pl.col("input_mtok") * 1_000_000, pl.col("tier_min") == 0
    ).row(0, named=True)
    provider, _, model = fine["model"].partition("/")
    rate: Decimal = fine["input_mtok"]
    for tokens in (1, 2, 3, 7, 999_999_937):
        cost = price.one(provider, model, input_tokens=tokens, output_tokens=0)["input_cost_usd"]
        assert cost == (rate * tokens / 10**6).quantize(Decimal("1e-12"), rounding="ROUND_HALF_EVEN")


def test_an_empty_frame_has_the_columns_of_a_full_one(catalog: Catalog) -> None:
    full = price_calls(frame(call("openai", "gpt-4o", input_tokens=1, output_tokens=1)), catalog)
    assert price_calls(frame(), catalog).schema == full.schema
    assert full.schema["cost_usd"] == pl.Decimal(18, 12)


@pytest.mark.parametrize("model", ["gpt-4o", "no-such-model"])
def test_a_batch_in_which_nobody_reports_a_count_has_reasons_and_no_money(price: Pricer, model: str) -> None:
    rows = price(*(call("openai", model, usage_source=source) for source in ("missing", "reported")))
    assert [(row["status"], row["cost_usd"]) for row in rows] == [("unpriced", None)] * 2
    assert all(row["rate_note"] for row in rows)
