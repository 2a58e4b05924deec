"""Prices by the hour and by the day of the week, together with dates; what the compiler refuses."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_tables.catalog import Catalog
from pricing_tables.price import price_calls
from pricing_tables.rates import list_models
from tests.pricing_tables.book import book, rate
from tests.pricing_tables.conftest import call, frame

SINCE = datetime(2026, 9, 1, tzinfo=UTC)
WORK, REST = "mon,tue,wed,thu,fri", "sat,sun"
RATES = [
    rate(input_mtok="1", output_mtok="1", valid_to=SINCE),
    rate(input_mtok="4", output_mtok="4", valid_from=SINCE, weekdays=WORK, window_start=time(8), window_end=time(18)),
    rate(input_mtok="2", output_mtok="2", valid_from=SINCE, weekdays=WORK, window_start=time(0), window_end=time(8)),
    rate(input_mtok="2", output_mtok="2", valid_from=SINCE, weekdays=WORK, window_start=time(18), window_end=time(0)),
    rate(input_mtok="3", output_mtok="3", valid_from=SINCE, weekdays=REST),
    rate(input_mtok="8", output_mtok="8", valid_from=SINCE, weekdays=REST, tier_min=1_000),
    rate("plain", input_mtok="7", output_mtok="7"),
]
BOOK = book(*RATES)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def price(catalog: Catalog, *moments: datetime, model: str = "m", tokens: int = 100) -> list[Any]:
    calls = [call("acme", model, occurred_at=moment, input_tokens=tokens, output_tokens=0) for moment in moments]
    return [cost and cost * 10**6 / tokens for cost in price_calls(frame(*calls), catalog)["cost_usd"]]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """In the week that begins on Monday, 2 November 2026."""
    return datetime(2026, 11, 2, tzinfo=UTC) + timedelta(days=day, hours=hour, minutes=minute)


def test_working_hours_weekends_and_dates_combine() -> None:
    assert price(BOOK, at(0, 7, 59), at(0, 8), at(4, 17, 59), at(4, 18), at(4, 23, 59)) == [2, 4, 4, 2, 2]
    assert price(BOOK, at(5, 0), at(5, 12), at(6, 23, 59), at(7, 0)) == [3, 3, 3, 2]
    assert price(BOOK, SINCE - timedelta(microseconds=1), SINCE) == [1, 2]
    assert price(BOOK, datetime(1969, 12, 31, 12, tzinfo=UTC)) == [1]


def test_a_context_tier_may_hold_on_some_days_only() -> None:
    assert price(BOOK, at(5, 12), at(0, 12), tokens=1_000) == [8, 4]
    assert price(BOOK, at(5, 12), tokens=999) == [3]


def naive(moment: datetime, tokens: int) -> Decimal:
    """The row in force, looked for one by one."""
    found = [
        row
        for row in RATES
        if row["model"] == "acme/m"
        and (row.get("valid_from") is None or moment >= row["valid_from"])
        and (row.get("valid_to") is None or moment < row["valid_to"])
        and DAYS[moment.weekday()] in row.get("weekdays", ",".join(DAYS))
        and row.get("window_start", time(0)) <= moment.time()
        and (row.get("window_end", time(0)) == time(0) or moment.time() < row["window_end"])
        and row["tier_min"] <= tokens
    ]
    price: Decimal = max(found, key=lambda row: int(row["tier_min"]))["input_mtok"]
    return price


moments = st.datetimes(datetime(2026, 8, 20), datetime(2026, 9, 30)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


@given(st.lists(st.tuples(moments, st.integers(1, 2_000)), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_moment_pays_the_row_in_force(calls: list[tuple[datetime, int]]) -> None:
    rows = [call("acme", "m", occurred_at=moment, input_tokens=count, output_tokens=0) for moment, count in calls]
    rows.append(call("acme", "plain", input_tokens=1, output_tokens=0))
    costs = price_calls(frame(*rows), BOOK)["cost_usd"].to_list()
    assert costs == [*(naive(moment, count) * count / 10**6 for moment, count in calls), Decimal("0.000007")]


def test_every_row_can_be_reached() -> None:
    assert set(BOOK.cards.cells["rate_id"].drop_nulls()) == set(BOOK.rates["rate_id"])


def test_listings_show_the_row_of_that_day() -> None:
    def listed(moment: datetime) -> Any:
        return [row["input_mtok"] for row in list_models(BOOK, at=moment) if row["model"] == "acme/m"]

    assert [listed(at(0, 12)), listed(at(5, 12)), listed(SINCE - timedelta(days=1))] == [[4], [3], [1]]


@pytest.mark.parametrize(
    ("rates", "why"),
    [
        ([rate(input_mtok="1", weekdays=WORK)], "acme/m has windows without a rate for sat 00:00 UTC"),
        (
            [rate(input_mtok="1", window_start=time(1), window_end=time(0))],
            "acme/m has windows without a rate for mon 00:00 UTC",
        ),
        (
            [
                rate(input_mtok="1", window_start=time(0), window_end=time(9)),
                rate(input_mtok="1", window_start=time(10), window_end=time(0)),
            ],
            "acme/m has windows without a rate for mon 09:00 UTC",
        ),
        ([rate(input_mtok="1", window_start=time(22), window_end=time(6))], "acme/m has a window that passes midnight"),
        ([rate(input_mtok="1"), rate(input_mtok="2", valid_to=SINCE)], "acme/m has two rates for the same calls"),
        ([rate(input_mtok="1", weekdays="mon, tue")], "acme/m has weekdays that cannot be read"),
    ],
)
def test_windows_that_leave_a_question_open_are_refused(rates: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        _ = book(*rates).cards


def test_a_special_rate_need_not_hold_always() -> None:
    night = {"window_start": time(0), "window_end": time(6)}
    catalog = book(rate(input_mtok="4"), rate(input_mtok="1", service_tier="flex", **night))
    rows = [
        call("acme", "m", service_tier="flex", occurred_at=at(0, hour), input_tokens=10**6, output_tokens=0)
        for hour in (3, 12)
    ]
    answers = price_calls(frame(*rows), catalog).select("cost_usd", "rate_note").rows()
    assert answers == [(Decimal(1), None), (Decimal(4), "standard rate used: no flex rate")]


def test_a_time_for_which_nothing_was_charged_has_no_price() -> None:
    catalog = book(rate(input_mtok="1", valid_from=SINCE, valid_to=SINCE + timedelta(days=1)))
    assert price(catalog, SINCE, SINCE + timedelta(hours=23)) == [1, 1]
    (row,) = price_calls(frame(call("acme", "m", input_tokens=1, output_tokens=0)), catalog).to_dicts()
    assert (row["status"], row["cost_usd"], row["rate_note"]) == ("unpriced", None, "no rate in force at that time")
