"""Shares add up exactly and differ by at most a picodollar."""

from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from analytics.split import split_evenly

PICODOLLAR = Decimal("0.000000000001")


def shares(cost: Decimal | None, signals: list[str]) -> dict[str, Decimal | None]:
    bearers = pl.DataFrame(
        {"cost_id": ["c"] * len(signals), "signal_id": signals, "cost_usd": [cost] * len(signals)},
        schema_overrides={"cost_usd": pl.Decimal(18, 12)},
    )
    return dict(split_evenly(bearers).select("signal_id", "cost_usd").iter_rows())


@given(
    picodollars=st.integers(0, 10**18 - 1),
    signals=st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=40, unique=True),
)
def test_shares_add_up_and_are_even(picodollars: int, signals: list[str]) -> None:
    cost = picodollars * PICODOLLAR
    split = shares(cost, signals)
    amounts = [split[signal] for signal in sorted(signals)]
    assert sum(amounts) == cost
    assert max(amounts) - min(amounts) <= PICODOLLAR
    assert amounts == sorted(amounts, reverse=True), "the first in the order of ids get what is left over"


def test_the_share_of_an_unknown_cost_is_unknown() -> None:
    assert shares(None, ["a", "b"]) == {"a": None, "b": None}


def test_a_negative_amount_is_split_as_exactly() -> None:
    split = shares(Decimal("-0.000000000002"), ["a", "b", "c"])
    assert sum(amount for amount in split.values() if amount is not None) == Decimal("-0.000000000002")
