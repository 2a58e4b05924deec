"""The calls as they would have been: only what a scenario names changes, and the counts stay those of a call."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.whatif_calls import Scenario, ScenarioError, altered, fits
from receiver.dialects.schema import CALL_SCHEMA
from tests.examples import examples

SCHEMA = {**CALL_SCHEMA, "model": pl.String()}


def calls(*rows: dict[str, object]) -> pl.DataFrame:
    usual = {"provider": "openai", "request_model": "gpt-4o", "response_model": "gpt-4o", "model": "openai/gpt-4o"}
    return pl.DataFrame([usual | row for row in rows], schema=SCHEMA)


def one(scenario: Scenario, **said: object) -> dict[str, object]:
    return altered(calls(said), scenario)[0].row(0, named=True)


@pytest.mark.parametrize(
    ("pattern", "name", "meant"),
    [
        ("openai/gpt-4o", "openai/gpt-4o", True),
        ("OpenAI/GPT-4o", "openai/gpt-4o", True),
        ("gpt-4o", "openai/gpt-4o", True),
        ("gpt-4o", "openai/gpt-4o-mini", False),
        ("gpt-4o*", "azure/gpt-4o-mini", True),
        ("openai/*", "azure/gpt-4o", False),
        ("*", "anthropic/claude-sonnet-4-5", True),
        ("house", "house", True),
    ],
)
def test_a_pattern_means_a_model_of_one_provider_or_of_all(pattern: str, name: str, meant: bool) -> None:
    assert fits(pattern, name) is meant


def test_the_first_pattern_counts_and_other_calls_stay_as_they_are() -> None:
    frame = calls({}, {"model": "openai/gpt-4o-mini"}, {"model": "anthropic/claude-sonnet-4-5"})
    scenario = Scenario(models=(("gpt-4o", "openai/gpt-5"), ("openai/*", "anthropic/claude-haiku-4-5")))
    found, changed = altered(frame, scenario)
    assert found["request_model"].to_list() == ["gpt-5", "claude-haiku-4-5", "gpt-4o"]
    assert found["response_model"].to_list() == ["gpt-5", "claude-haiku-4-5", "gpt-4o"]
    assert found["provider"].to_list() == ["openai", "anthropic", "openai"]
    assert changed.to_list() == [True, True, False]


def test_a_tier_and_a_region_are_those_of_a_provider() -> None:
    said = {"service_tier": "flex", "region": "eu"}
    within = one(Scenario(models=(("gpt-4o", "gpt-5"),)), **said)
    assert (within["provider"], within["service_tier"], within["region"]) == ("openai", "flex", "eu")
    elsewhere = one(Scenario(models=(("gpt-4o", "anthropic/claude-haiku-4-5"),)), **said)
    assert (elsewhere["provider"], elsewhere["service_tier"], elsewhere["region"]) == ("anthropic", None, None)


def test_what_a_sender_reported_says_nothing_of_another_call() -> None:
    scenario = Scenario(models=(("gpt-4o", "gpt-5"),))
    found, _ = altered(
        calls({"reported_cost_usd": Decimal(1)}, {"model": "x/y", "reported_cost_usd": Decimal(2)}), scenario
    )
    assert found["reported_cost_usd"].to_list() == [None, Decimal(2)]


def test_tokens_are_rounded_half_to_even_and_unknown_counts_stay_unknown() -> None:
    found = one(Scenario(tokens=(("gpt-4o", Decimal("0.5")),)), input_tokens=5, output_tokens=7)
    assert (found["input_tokens"], found["output_tokens"], found["cache_read_tokens"]) == (2, 4, None)
    assert one(Scenario(tokens=(("*", Decimal("1.2")),)))["input_tokens"] is None


def test_a_total_is_never_less_than_its_parts() -> None:
    found = one(
        Scenario(tokens=(("*", Decimal("1.5")),)),
        input_tokens=2, cache_read_tokens=1, cache_write_5m_tokens=1, output_tokens=1, reasoning_tokens=1,
    )  # fmt: skip
    assert (found["cache_read_tokens"], found["cache_write_5m_tokens"], found["input_tokens"]) == (2, 2, 4)
    assert (found["reasoning_tokens"], found["output_tokens"]) == (2, 2)


@pytest.mark.parametrize(("share", "read", "written"), [("0", 0, 40), ("0.6", 60, 40), ("0.75", 75, 25), ("1", 100, 0)])
def test_more_read_from_a_cache_leaves_less_to_write_to_it(share: str, read: int, written: int) -> None:
    found = one(
        Scenario(cache_hit=(("*", Decimal(share)),)), input_tokens=100, cache_read_tokens=10, cache_write_5m_tokens=40
    )
    assert (found["input_tokens"], found["cache_read_tokens"], found["cache_write_5m_tokens"]) == (100, read, written)


def test_a_share_of_nothing_changes_nothing() -> None:
    _, changed = altered(calls({"input_tokens": 100}, {}), Scenario(cache_hit=(("*", Decimal(0)),)))
    assert changed.to_list() == [False, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cache_hit": (("*", Decimal("1.01")),)},
        {"cache_hit": (("*", Decimal("-0.1")),)},
        {"tokens": (("*", Decimal(0)),)},
        {"tokens": (("*", Decimal("1.0000001")),)},
        {"models": (("gpt-4o", "openai/"),)},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ScenarioError):
        Scenario(**wrong)  # type: ignore[arg-type]


COUNTS = st.one_of(st.none(), st.integers(0, 10**6))


@settings(max_examples=examples(40), deadline=None)
@given(
    total=st.integers(0, 10**6), read=COUNTS, short=COUNTS, long=COUNTS,
    factor=st.decimals("0.000001", 1000, places=6), share=st.decimals(0, 1, places=6),
)  # fmt: skip
def test_counts_stay_those_of_a_call(
    total: int, read: int | None, short: int | None, long: int | None, factor: Decimal, share: Decimal
) -> None:
    given_total = total + sum(count or 0 for count in (read, short, long))
    said = {"input_tokens": given_total, "cache_read_tokens": read, "cache_write_5m_tokens": short}
    said["cache_write_1h_tokens"] = long
    found = one(Scenario(tokens=(("*", factor),), cache_hit=(("*", share),)), **said)
    parts = [found[name] for name in ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")]
    assert sum(part or 0 for part in parts) <= found["input_tokens"]
    assert all(part is None or part >= 0 for part in parts)
    assert found["cache_read_tokens"] in (
        None,
        int((found["input_tokens"] * share).to_integral_value("ROUND_HALF_EVEN")),
    )
    alone = one(Scenario(tokens=(("*", factor),)), input_tokens=total)
    assert alone["input_tokens"] == int((total * factor).to_integral_value("ROUND_HALF_EVEN"))
