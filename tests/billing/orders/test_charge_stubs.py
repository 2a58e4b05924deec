"""The part of a period in which an attribute is added: by the day, whole, or free; what comes after it is whole."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.orders.advance import advance
from billing.orders.periods import Calendar
from tests.billing.orders import goods
from tests.billing.orders.amending import amend, ask, money, options, pieces, price, reprice, running, totals, until
from tests.billing.shop import Shop, open_shop


def support(shop: Shop, pricing: Any, stub: str | None = None, quantity: int = 1) -> dict[str, Any]:
    """The intent to sell something of the only product too."""
    (product,) = shop.api.get("/products").json()["data"]
    intent = {
        "type": "addAttribute", "productId": product["id"], "lineName": "Support", "quantity": quantity,
        "pricing": pricing,
    }  # fmt: skip
    return intent if stub is None else intent | {"chargeStub": stub}


def named(shop: Shop, order: str, cents: int) -> str:
    (found,) = (
        each["orderLineAttributeId"]
        for each in options(shop, order)["lines"][0]["attributes"]
        if each["state"].get("unitPriceMinor") == cents
    )
    return str(found)


@pytest.mark.parametrize("billing", ["Advance", "Arrears"])
@pytest.mark.parametrize(("stub", "first"), [(None, 3400), ("prorated", 3400), ("full", 6200), ("none", 0)])
def test_the_first_period_is_charged_as_asked_and_the_next_ones_whole(
    shop: Shop, stub: str | None, first: int, billing: str
):
    order = running(shop, goods.fee(0))

    moved = amend(shop, order, support(shop, price(6200, billing=billing), stub))

    assert moved == ({"firstPeriodCharge": first} if first else {})
    until(shop, "2026-04-01T01")
    until(shop, "2026-05-01T01")
    ahead = [6200, 6200] if billing == "Advance" else [6200]
    assert totals(shop) == ([first] if first else []) + ahead


def test_at_the_beginning_of_a_period_there_is_no_part_of_one(shop: Shop):
    order = running(shop, goods.fee(0))
    assert options(shop, order)["stubPeriodExists"] is True
    until(shop, "2026-04-01T09")

    assert options(shop, order)["stubPeriodExists"] is False
    assert amend(shop, order, support(shop, price(3000), "none")) == {"firstPeriodCharge": 3000}


def test_what_was_charged_whole_is_credited_by_the_days_it_was_for(shop: Shop):
    order = running(shop, goods.fee(0))
    amend(shop, order, support(shop, price(1700), "full"))
    shop.clock.now = datetime(2026, 3, 25, 12, tzinfo=UTC)

    moved = amend(shop, order, {"type": "endAttribute", "orderLineAttributeId": named(shop, order, 1700)})

    assert moved == {"prorationCredit": -700}  # 7 of the 17 days


def test_what_was_free_stays_free_until_the_next_period(shop: Shop):
    order = running(shop, goods.fee(0))
    amend(shop, order, support(shop, price(1700), "none"))
    shop.clock.now = datetime(2026, 3, 25, 12, tzinfo=UTC)

    dearer = {"type": "updatePricing", "orderLineAttributeId": named(shop, order, 1700), "newUnitPriceMinor": 6200}
    assert amend(shop, order, dearer) == {}

    until(shop, "2026-04-01T01")
    assert totals(shop) == [6200]


def test_another_period_for_what_was_added_credits_what_was_charged(shop: Shop):
    order = running(shop, goods.fee(0))
    amend(shop, order, support(shop, price(1700), "full"))
    shop.clock.now = datetime(2026, 3, 25, 12, tzinfo=UTC)

    moved = amend(shop, order, reprice(named(shop, order, 1700), price(9000, "Annual")))

    assert moved == {"prorationCredit": -700, "firstPeriodCharge": 9000}


def test_from_the_catalog_and_what_has_no_first_period(shop: Shop):
    order = running(shop, goods.fee(0), goods.usage(10))
    (product,) = shop.api.get("/products").json()["data"]
    fee, usage = (
        each["productAttributeId"] for each in shop.api.get(f"/products/{product['id']}").json()["productAttributes"]
    )
    fields = {"type": "addFromCatalog", "chargeStub": "full"}

    dearer = fields | {"productAttributeId": fee, "unitPriceMinor": 500}
    assert amend(shop, order, dearer) == {"firstPeriodCharge": 500}
    refused = ask(shop, order, fields | {"productAttributeId": usage})
    assert (refused.status_code, "chargeStub" in refused.text) == (400, True)


def test_the_options_say_all_of_them(shop: Shop):
    (axis,) = options(shop, running(shop, goods.fee(100)))["addAttribute"]["axes"]

    assert {each["value"]: each.get("unsupportedReason") for each in axis["options"]} == {
        "prorated": None, "none": None, "full": None,
    }  # fmt: skip
    assert axis["appliesTo"] == [{"chargeTypes": ["recurring", "seatBased"]}]


@settings(max_examples=10, deadline=None)
@given(
    stub=st.sampled_from(["none", "prorated", "full"]), months=st.sampled_from([1, 3]),
    anchor=st.one_of(st.none(), st.integers(1, 31)), billing=st.sampled_from(["Advance", "Arrears"]),
    hours=st.integers(0, 50 * 24), lasts=st.integers(0, 100 * 24), cents=st.integers(1, 99_999),
)  # fmt: skip
def test_nothing_but_what_was_asked_for_is_free_and_nothing_is_charged_twice(
    stub: str, months: int, anchor: int | None, billing: str, hours: int, lasts: int, cents: int
):
    with TemporaryDirectory() as folder, open_shop(Path(folder)) as shop:
        begin = shop.clock.now = datetime(2026, 1, 17, 8, tzinfo=UTC)
        bot = goods.product(shop, goods.fee(0))
        fields = {} if anchor is None else {"billingAnchor": anchor}
        order = goods.order(shop, goods.customer(shop), bot["id"], begin.isoformat(), **fields)["id"]
        shop.clock.forward(hours=hours)
        advance(shop.billing, shop.clock())
        added = shop.clock.now
        frequency = {1: "Monthly", 3: "Quarterly"}[months]
        moved = amend(shop, order, support(shop, price(cents, frequency, billing), stub))
        assert billing == "Arrears" or money(shop) == sum(moved.values())
        shop.clock.forward(hours=lasts)
        advance(shop.billing, shop.clock())
        amend(shop, order, {"type": "endAttribute", "orderLineAttributeId": named(shop, order, cents)})
        ended = shop.clock.now
        shop.clock.forward(days=200)
        advance(shop.billing, shop.clock())

        exact, periods = Fraction(0), Calendar(begin, months, anchor)
        for span in periods.periods(ended):
            since, till, whole = max(span.start, added), min(span.end, ended), periods.whole(span).days
            if since >= till:
                continue
            days, left = (till.date() - since.date()).days, (span.end.date() - since.date()).days
            if since == added and left == 0:
                days = left = 1  # hours of a last day are charged as a day
            if since == added and left < whole:
                days, whole = (0 if stub == "none" else days), (left if stub == "full" else whole)
            exact += Fraction(cents * days, whole)
        assert abs(money(shop) - exact) <= Fraction(pieces(shop), 2)
