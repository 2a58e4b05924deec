"""The entries of own prices: what they may say, and the one line that tells what is wrong."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pricing_tables.fx import parse_fx
from pricing_tables.own_book import ID_PREFIX, own_rates, parse_book
from pricing_tables.own_fields import OwnPriceError

ONE = {"name": "one", "multiplier": "0.5"}
PRICES = {"input_mtok": "1.10", "output_mtok": "4.40"}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"multiplier": 1}, ": name: missing"),
        ({"name": "a,b", "multiplier": 1}, " (a,b): name: 'a,b' is not a name"),
        ({"name": "x"}, " (x): discount_pct: give one of discount_pct, multiplier, zero, prices, per_second, per_hour"),
        ({**ONE, "prices": PRICES}, " (one): prices: give one of"),
        ({**ONE, "discount_pct": 3}, " (one): multiplier: give one of"),
        ({**ONE, "modell": "gpt-5"}, " (one): modell: unknown key; known are name, provider"),
        ({**ONE, "model": "gpt*-5"}, " (one): model: 'gpt*-5' has a * that is not at its end"),
        ({**ONE, "provider": "langchain"}, " (one): provider: 'langchain' is a framework, it bills nobody"),
        ({**ONE, "provider": 3}, " (one): provider: 3 is not a text"),
        ({**ONE, "batch": "yes"}, " (one): batch: 'yes' is not true or false"),
        ({**ONE, "from": "soon"}, " (one): from: 'soon' is not a time"),
        ({**ONE, "from": "2026-02-01", "to": "2026-02-01"}, " (one): to: must be after from"),
        ({**ONE, "multiplier": "half"}, " (one): multiplier: 'half' is not an amount"),
        ({**ONE, "multiplier": "-1"}, " (one): multiplier: -1 must be zero or more"),
        ({**ONE, "multiplier": float("nan")}, " (one): multiplier: nan must be zero or more"),
        ({**ONE, "multiplier": 0}, " (one): multiplier: 0 must be above 0 and at most 1000"),
        ({**ONE, "multiplier": True}, " (one): multiplier: True is not an amount"),
        ({**ONE, "multiplier": "1e-13"}, " (one): multiplier: 1e-13 has more than 12 decimals"),
        ({"name": "x", "discount_pct": 100}, " (x): discount_pct: all of it is off: write zero = true"),
        ({"name": "x", "discount_pct": 101}, " (x): discount_pct: 101 must be above 0 and at most 100"),
        ({"name": "x", "zero": False}, " (x): zero: can only be true"),
        ({"name": "x", "zero": True, "currency": "USD"}, " (x): currency: goes with prices"),
        ({"name": "x", "per_hour": 2, "currency": "EUR"}, " (x): currency: no [[pricing.fx]] entry says what EUR is"),
        ({"name": "x", "per_hour": 2, "currency": "euro"}, " (x): currency: 'euro' is not a currency code"),
        ({"name": "x", "prices": "1.10"}, " (x): prices: must be a table such as"),
        ({"name": "x", "prices": {}}, " (x): prices: no price is given"),
        ({"name": "x", "prices": {"input": 1}}, " (x): prices: input is not a unit of price"),
        ({"name": "x", "prices": {"input_mtok": "free"}}, " (x): prices: input_mtok: 'free' is not an amount"),
        ({"name": "x", "prices": {"input_mtok": "5000"}}, " (x): prices: price 5000"),
        ({"name": "x", "prices": PRICES | {"tiers": 3}}, " (x): prices: tiers must be a list of tables"),
        ({"name": "x", "prices": PRICES | {"tiers": [{"input_mtok": 1}]}}, " (x): prices: tier_min None must be"),
        ({"name": "x", "prices": PRICES | {"tiers": [{"tier_min": 9}]}}, " (x): prices: the tier from 9 tokens has no"),
    ],
)
def test_one_line_names_the_entry_and_the_key(entry: Mapping[str, Any], told: str) -> None:
    with pytest.raises(OwnPriceError, match="^" + re.escape(f"pricing.override entry 1{told}")) as failure:
        parse_book([entry], [], [])
    assert "\n" not in str(failure.value)


def test_two_rules_for_the_same_calls_from_the_same_time_contradict_each_other() -> None:
    same = {"name": "two", "provider": "OpenAI", "multiplier": 1, "from": date(2026, 1, 1), "to": date(2026, 2, 1)}
    with pytest.raises(OwnPriceError, match=r"^pricing\.override entry 2 \(one\): from: entry 1 is for the same calls"):
        parse_book([same, {**ONE, "provider": "openai", "from": "2026-01-01"}], [], [])
    later = parse_book([same, {**ONE, "provider": "openai", "from": "2026-02-01"}], [], [])[0]
    assert [later.rules[number].name for number in later.order] == ["one", "two"]


def test_a_name_is_given_once() -> None:
    with pytest.raises(
        OwnPriceError, match=r"^pricing\.override entry 2 \(one\): name: entry 1 has that name already$"
    ):
        parse_book([ONE, {**ONE, "model": "x"}], [], [])


@pytest.mark.parametrize(
    ("alias", "told"),
    [
        ({"name": "x"}, "pricing.alias entry 1 (x): model: missing"),
        ({"model": "x"}, "pricing.alias entry 1: name: missing"),
        ({"name": "x", "model": "y", "customer": "z"}, "pricing.alias entry 1 (x): customer: unknown key"),
    ],
)
def test_an_alias_that_is_wrong(alias: Mapping[str, Any], told: str) -> None:
    with pytest.raises(OwnPriceError, match="^" + re.escape(told)):
        parse_book([], [alias], [])


def test_an_alias_means_one_model_at_a_time() -> None:
    alias = {"name": "x", "model": "y"}
    with pytest.raises(OwnPriceError, match=r"^pricing\.alias entry 2 \(X\): name: entry 1 is for the same name"):
        parse_book([], [alias, {"name": "X", "model": "z"}], [])
    assert len(parse_book([], [alias, {**alias, "from": "2026-01-01"}], [])[0].aliases) == 2


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"usd": 1}, "currency: missing"),
        ({"currency": "EUR"}, "usd: missing"),
        ({"currency": "USD", "usd": 1}, "currency: the lake is in USD"),
        ({"currency": "EUR", "usd": 0}, "usd: 0 must be above 0"),
        ({"currency": "EUR", "usd": "1.0000000000001"}, "usd: 1.0000000000001 has more than 12 decimals"),
    ],
)
def test_an_exchange_rate_that_is_wrong(entry: Mapping[str, Any], told: str) -> None:
    with pytest.raises(OwnPriceError, match="^" + re.escape(f"pricing.fx entry 1: {told}")):
        parse_book([], [], [entry])


class TestExchangeRates:
    table = parse_fx(
        [
            {"currency": "EUR", "usd": "1.10", "from": datetime(2026, 2, 1, tzinfo=UTC)},
            {"currency": "EUR", "usd": Decimal("1.05")},
            {"currency": "JPY", "usd": "0.0067", "from": "2026-01-01"},
        ]
    )

    def at(self, currency: str | None, moment: datetime | None) -> Decimal | None:
        currencies = pl.Series([currency], dtype=pl.String)
        found: Decimal | None = self.table.at(currencies, pl.Series([moment], dtype=pl.Datetime("us", "UTC")))[0]
        return found

    def test_the_last_that_began_holds(self) -> None:
        assert self.at("EUR", datetime(2026, 2, 1, tzinfo=UTC)) == Decimal("1.10")
        assert self.at("EUR", datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == Decimal("1.05")
        assert self.at("JPY", datetime(2030, 1, 1, tzinfo=UTC)) == Decimal("0.0067")

    def test_before_the_first_none_is_known(self) -> None:
        assert self.at("JPY", datetime(2025, 12, 31, tzinfo=UTC)) is None
        assert self.at("CHF", datetime(2026, 2, 1, tzinfo=UTC)) is None
        assert self.at("EUR", None) is None
        assert self.at(None, datetime(2026, 2, 1, tzinfo=UTC)) is None

    def test_two_rates_from_the_same_moment_contradict_each_other(self) -> None:
        with pytest.raises(OwnPriceError, match=r"^pricing\.fx entry 2: from: entry 1 has a rate for EUR"):
            parse_fx([{"currency": "EUR", "usd": 1}, {"currency": "EUR", "usd": 2}])

    def test_a_table_agrees_with_looking_it_up_by_hand(self) -> None:
        days = pl.Series([datetime(2025, 12, 1 + n, tzinfo=UTC) for n in range(30)] + [None]).cast(
            pl.Datetime("us", "UTC")
        )
        found = self.table.at(pl.Series(["EUR"] * 31), days)
        assert found.to_list() == [Decimal("1.05")] * 30 + [None]


class TestBook:
    rated = (
        {"name": "eu", "provider": "scaleway", "prices": PRICES, "currency": "EUR", "from": "2026-01-01"},
        {"name": "gpu", "provider": "vllm", "model": "house*", "per_second": "0.001"},
    )
    fx = ({"currency": "EUR", "usd": "1.1"},)

    def test_its_rates_say_what_they_are_for(self) -> None:
        book, _ = parse_book([ONE, *self.rated], [], self.fx)
        rows = own_rates(book).sort("note").to_dicts()
        assert [(row["provider"], row["model"], row["note"], row["currency"]) for row in rows] == [
            ("scaleway", "*", "eu", "EUR"),
            ("vllm", "house*", "gpu", None),
        ]
        assert rows[0]["valid_from"] == datetime(2026, 1, 1, tzinfo=UTC)
        assert (rows[1]["compute_hours"], rows[1]["input_mtok"]) == (Decimal("3.6"), None)

    def test_the_same_prices_are_the_same_book(self) -> None:
        ids = [parse_book(self.rated, [], self.fx)[0].catalog.catalog_id for _ in range(2)]
        dearer = parse_book([self.rated[0], {**self.rated[1], "per_second": "0.002"}], [], self.fx)[0]
        assert ids[0] == ids[1] != dearer.catalog.catalog_id
        assert ids[0].startswith(ID_PREFIX)
