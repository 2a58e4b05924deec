"""Rules that hold for every call."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_tables.catalog import load_catalog
from pricing_tables.price import price_calls
from tests.pricing_tables.conftest import COUNTS, call, frame

CATALOG = load_catalog()
MODELS = [
    ("openai", "gpt-5.4"),
    ("openai", "gpt-audio"),
    ("openai", "gpt-realtime"),
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "claude-haiku-5-5"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-2.5-flash"),
    ("x-ai", "grok-4.3"),
    ("deepseek", "deepseek-v4-flash"),
    ("perplexity", "sonar-deep-research"),
    ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
    ("azure", "gpt-4.1"),
    ("openai", "whisper-1"),
    ("mistral", "voxtral-small-24b-2507"),
    ("openai", "no-such-model"),
]
MONEY = ("input_cost_usd", "cache_read_cost_usd", "cache_write_cost_usd", "output_cost_usd", "other_cost_usd")

counts = st.none() | st.integers(-2, 10**6) | st.sampled_from([0, 272_000, 272_001, 10**9, 10**12, 2**62])
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 6, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001

seconds = st.none() | st.integers(-10, 10**10).map(lambda micro: Decimal(micro).scaleb(-6))
few = st.none() | st.integers(-1, 10**4)
AMOUNTS = {"images": few, "pages": few, "characters": counts, "audio_seconds": seconds, "video_seconds": seconds}


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """Any call at all, most of them with impossible usage."""
    provider, model = draw(st.sampled_from(MODELS))
    usage = draw(st.fixed_dictionaries({}, optional={**dict.fromkeys(COUNTS, counts), **AMOUNTS}))
    return call(
        provider,
        model,
        occurred_at=draw(st.none() | moments),
        service_tier=draw(st.sampled_from([None, "default", "flex", "priority", "fast", "odd"])),
        batch=draw(st.sampled_from([None, False, True])),
        region=draw(st.sampled_from([None, "eu-west-1", "us"])),
        usage_source=draw(st.sampled_from(["reported", "missing", "estimated"])),
        failed=draw(st.booleans()),
        reported_cost_usd=draw(st.sampled_from([None, Decimal(0), Decimal("0.123456789012")])),
        **usage,
    )


@st.composite
def plain_calls(draw: st.DrawFn) -> dict[str, Any]:
    """A call with usage that adds up."""
    provider, model = draw(st.sampled_from([known for known in MODELS[:-1] if known != ("openai", "whisper-1")]))
    fresh, read, short, long = (draw(st.integers(0, 400_000)) for _ in range(4))
    usage = {"cache_read_tokens": read, "cache_write_5m_tokens": short, "cache_write_1h_tokens": long}
    total = fresh + read + short + long
    return call(provider, model, input_tokens=total, output_tokens=draw(st.integers(0, 10**5)), **usage)


@given(st.lists(calls(), min_size=1, max_size=12), st.sampled_from(["never", "fallback", "prefer"]))
@settings(max_examples=150, deadline=None)
def test_money_is_whole_or_absent(rows: list[dict[str, Any]], trust: Any) -> None:
    for row in price_calls(frame(*rows), CATALOG, trust_reported=trust).iter_rows(named=True):
        parts = [row[name] for name in MONEY]
        if row["status"] == "unpriced":
            assert [*parts, row["cost_usd"], row["rate_id"]] == [None] * 7
            assert row["rate_note"]
            continue
        assert sum((part for part in parts if part is not None), Decimal(0)) == row["cost_usd"]
        assert row["cost_usd"] >= 0
        if row["status"] == "priced":
            assert None not in parts
            assert row["model"]
            assert row["rate_id"]
        elif row["status"] == "reported":
            assert row["cost_usd"] == row["reported_cost_usd"] > 0
            assert trust != "never"
        else:
            assert (row["status"], row["cost_usd"], row["failed"]) == ("zero_rated", 0, True)


@given(st.lists(calls(), min_size=1, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_call_is_priced_alone_whatever_stands_beside_it(rows: list[dict[str, Any]], chance: Any) -> None:
    together = price_calls(frame(*rows), CATALOG).to_dicts()
    alone = [price_calls(frame(row), CATALOG).to_dicts()[0] for row in rows]
    assert together == alone
    order = list(range(len(rows)))
    chance.shuffle(order)
    assert price_calls(frame(*(rows[i] for i in order)), CATALOG).to_dicts() == [together[i] for i in order]


@given(st.lists(plain_calls(), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_usage_that_adds_up_on_a_known_model_is_always_priced(rows: list[dict[str, Any]]) -> None:
    for row in price_calls(frame(*rows), CATALOG).iter_rows(named=True):
        assert row["status"] == "priced" or "text" in row["rate_note"], row


@given(st.lists(plain_calls(), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_the_short_way_and_the_long_way_give_the_same_figures(rows: list[dict[str, Any]]) -> None:
    # A failed call that used something is billed as any other, but is always looked at more closely.
    plain = price_calls(frame(*rows), CATALOG)
    closer = price_calls(frame(*({**row, "failed": True} for row in rows if row["input_tokens"])), CATALOG)
    assert closer.drop("failed").equals(plain.filter(plain["input_tokens"] > 0).drop("failed"))


CLIFFS = [("openai", "gpt-5.4", 272_001), ("x-ai", "grok-4.3", 200_000), ("google", "gemini-2.5-pro", 200_001)]


@given(st.sampled_from(CLIFFS), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_two_calls_never_pay_the_tier_of_their_sum(cliff: tuple[str, str, int], first: float, second: float) -> None:
    provider, model, start = cliff
    totals = [1 + int(part * (start - 2)) for part in (first, second)]
    usage = [{"input_tokens": total, "output_tokens": 5} for total in (1, *totals)]
    low, *two = price_calls(frame(*(call(provider, model, **each) for each in usage)), CATALOG).to_dicts()
    assert {row["rate_id"] for row in two} == {low["rate_id"]}
    fresh = sum(row["input_cost_usd"] for row in two)
    assert (fresh, two[0]["output_cost_usd"]) == (low["input_cost_usd"] * sum(totals), low["output_cost_usd"])


@given(st.text(max_size=40), st.text(max_size=20) | st.none())
@settings(max_examples=200, deadline=None)
def test_a_name_nobody_sells_never_yields_a_number(suffix: str, provider: str | None) -> None:
    for name in (f"no-such-model-{suffix}", f"gpt-4o-{suffix}zz"):
        (row,) = price_calls(frame(call(provider, name, input_tokens=9, output_tokens=9)), CATALOG).to_dicts()
        assert (row["status"], row["cost_usd"]) == ("unpriced", None)
