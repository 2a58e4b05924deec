"""The arithmetic of own prices against plain decimals: whatever the amounts, exact and adding up."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_tables.own_money import PARTS, by_duration, converted, money, scaled, shares
from pricing_tables.price import MONEY, price_calls
from tests.pricing_tables.conftest import call
from tests.pricing_tables.own import Own, own_frame

PROFILE = settings(max_examples=60, deadline=None)
PICO = Decimal("0.000000000001")
FACTOR = pl.Decimal(18, 12)

amounts = st.integers(0, 10**15).map(lambda pico: Decimal(pico) * PICO)
factors = st.integers(1, 10**15).map(lambda millionths: Decimal(millionths) * PICO)
percents = st.decimals("0.0000000001", "99.9999999999", places=10)
moneys = st.lists(st.tuples(*(amounts for _ in PARTS)), min_size=1, max_size=8)


def rounded(amount: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return amount.quantize(PICO, rounding=ROUND_HALF_EVEN)


def exactly(one: Decimal, other: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return one * other


def costs(rows: list[tuple[Decimal, ...]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(PARTS, MONEY), orient="row")
    return frame.with_columns(pl.sum_horizontal(PARTS).cast(MONEY).alias("cost_usd"))


@PROFILE
@given(moneys, factors)
def test_every_part_is_scaled_as_a_decimal_would_be(rows: list[tuple[Decimal, ...]], factor: Decimal) -> None:
    found = scaled(costs(rows), pl.lit(factor, FACTOR))
    for before, after in zip(rows, found.iter_rows(named=True), strict=True):
        expected = [rounded(exactly(part, factor)) for part in before]
        if sum(expected) >= 10**6:
            assert {after[name] for name in (*PARTS, "cost_usd")} == {None}
        else:
            assert [after[part] for part in PARTS] == expected
            assert after["cost_usd"] == sum(expected)


@PROFILE
@given(moneys, factors)
def test_a_converted_cost_is_rounded_once_and_its_parts_add_up(
    rows: list[tuple[Decimal, ...]], factor: Decimal
) -> None:
    found = converted(costs(rows), pl.lit(factor, FACTOR))
    for before, after in zip(rows, found.iter_rows(named=True), strict=True):
        whole = rounded(exactly(sum(before, Decimal(0)), factor))
        if whole >= 10**6:
            assert after["cost_usd"] is None
            continue
        assert after["cost_usd"] == whole
        parts = [after[part] for part in PARTS]
        assert sum(parts) == whole
        assert all(abs(part - exactly(own, factor)) < PICO for part, own in zip(parts, before, strict=True))
        assert all(part == 0 for part, own in zip(parts, before, strict=True) if own == 0)


@PROFILE
@given(st.integers(0, 2**63 - 1), factors)
def test_time_costs_what_a_decimal_says(duration: int, price: Decimal) -> None:
    frame = pl.DataFrame({"ns": [duration]}, schema={"ns": pl.Int64})
    (cost,) = frame.select(by_duration(pl.col("ns"), pl.lit(price, FACTOR))).to_series()
    expected = rounded(exactly(Decimal(duration).scaleb(-9), price))
    assert Decimal(cost).scaleb(-12) == expected


@PROFILE
@given(st.integers(0, 10**17), st.integers(1, 200))
def test_the_shares_of_an_hour_are_all_of_it(total: int, calls: int) -> None:
    frame = pl.DataFrame({"place": range(calls)}, schema={"place": pl.Int128})
    share = shares(pl.lit(total, pl.Int128), pl.lit(calls, pl.Int128), pl.col("place"))
    found = frame.select(money(share).alias("share"))["share"].to_list()
    assert sum(found) == Decimal(total) * PICO
    assert max(found) - min(found) <= PICO
    assert found == sorted(found, reverse=True)


MODELS = (("openai", "gpt-5"), ("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5"), ("vllm", "house"))


@st.composite
def some_calls(draw: st.DrawFn) -> list[dict[str, Any]]:
    calls = []
    for _ in range(draw(st.integers(1, 8))):
        provider, model = draw(st.sampled_from(MODELS))
        tokens = draw(st.integers(0, 300_000))
        usage = {
            "input_tokens": tokens,
            "cache_read_tokens": draw(st.integers(0, tokens)),
            "output_tokens": tokens // 7,
        }
        customer = draw(st.sampled_from([None, "acme", "other"]))
        calls.append(call(provider, model, customer_id=customer, duration_ns=draw(st.integers(0, 10**12)), **usage))
    return calls


@PROFILE
@given(some_calls(), percents)
def test_a_discount_is_the_list_price_less_its_percentage(calls: list[dict[str, Any]], percent: Decimal) -> None:
    own = Own({"name": "d", "discount_pct": str(percent)})
    full = price_calls(own_frame(*calls), own.catalog).to_dicts()
    for row, before in zip(own(*calls), full, strict=True):
        if before["status"] == "priced":
            factor = (100 - percent).scaleb(-2)
            assert [row[part] for part in PARTS] == [rounded(exactly(before[part], factor)) for part in PARTS]
        else:
            assert (row["status"], row["cost_usd"]) == (before["status"], before["cost_usd"])


RULES = (
    {"name": "acme", "customer": "acme", "provider": "openai", "discount_pct": "7.77"},
    {"name": "gpu", "provider": "vllm", "per_second": "0.00042", "currency": "EUR"},
    {"name": "mini", "model": "gpt-4o*", "prices": {"input_mtok": "0.123456789012345678", "output_mtok": 3}},
    {"name": "claude", "provider": "anthropic", "prices": {"input_mtok": "2.9", "output_mtok": 15}, "currency": "CHF"},
)
FX = ({"currency": "EUR", "usd": "1.0834"}, {"currency": "CHF", "usd": "1.123456789012", "from": "2026-01-01"})


@PROFILE
@given(some_calls(), st.integers(0, 1000))
def test_neither_the_order_nor_the_batch_of_calls_changes_a_price(calls: list[dict[str, Any]], order: int) -> None:
    own = Own(*RULES, fx=FX)
    together = own(*calls)
    assert [own(one)[0] for one in calls] == together
    places = list(range(len(calls)))
    random.Random(order).shuffle(places)
    assert own(*(calls[place] for place in places)) == [together[place] for place in places]


@PROFILE
@given(some_calls())
def test_every_price_adds_up_and_nothing_else_has_one(calls: list[dict[str, Any]]) -> None:
    for row in Own(*RULES, fx=FX)(*calls):
        assert (row["cost_usd"] is None) == (row["status"] == "unpriced")
        assert (row["rate_id"] is not None) == (row["status"] == "priced")
        if row["original_currency"] is not None:
            assert row["cost_usd"] == rounded(exactly(row["original_cost"], row["fx_rate"]))
