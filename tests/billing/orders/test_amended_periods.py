"""A price of another billing period or kind of charge: the old one by the day until then, the new one from then on."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.orders.advance import advance
from tests.billing.orders import goods
from tests.billing.orders.amending import (
    MONTHS,
    amend,
    ask,
    attribute,
    by_day,
    money,
    options,
    pieces,
    price,
    reprice,
    running,
    totals,
    until,
)
from tests.billing.shop import Shop, open_shop

ONCE = {"pricingType": "OneTimePerUnit", "pricePoints": [{"currency": "USD", "unitPrice": 500}]}


def test_a_monthly_fee_becomes_an_annual_one(shop: Shop):
    order = running(shop, goods.fee(3100))

    moved = amend(shop, order, reprice(attribute(shop, order), price(30000, "Annual")))

    assert moved == {"prorationCredit": -1700, "firstPeriodCharge": 30000}
    assert totals(shop) == [3100, 28300]
    until(shop, "2027-03-15T13")
    assert totals(shop) == [3100, 28300, 30000]
    assert goods.invoices(shop)[-1]["startDate"].startswith("2027-03-15T12:00")


def test_an_annual_fee_becomes_a_monthly_one_whose_invoices_use_up_the_credit(shop: Shop):
    order = running(shop, goods.fee(36500, billingFrequency="Annual"))

    moved = amend(shop, order, reprice(attribute(shop, order), price(5000)))

    assert moved == {"prorationCredit": -(36500 - 1400), "firstPeriodCharge": 5000}
    assert totals(shop) == [36500, 0]
    for month in range(4, 12):
        until(shop, f"2026-{month:02}-15T13")
    assert totals(shop) == [36500, *[0] * 7, 4900, 5000]  # 35,100 are seven months and 100


def test_fees_in_arrears_are_charged_for_their_days_and_the_new_ones_at_their_end(shop: Shop):
    order = running(shop, goods.fee(3100, billingType="Arrears"))

    moved = amend(shop, order, reprice(attribute(shop, order), price(9000, "Quarterly", "Arrears")))

    assert moved == {"firstPeriodCharge": 9000}
    assert totals(shop) == [1400]
    until(shop, "2026-06-15T13")
    assert totals(shop) == [1400, 9000]


def test_with_an_anchor_the_first_period_is_a_short_one(shop: Shop):
    order = running(shop, goods.fee(3100), billingAnchor=1)

    moved = amend(shop, order, reprice(attribute(shop, order), price(36500, "Annual")))

    assert moved == {"prorationCredit": -1700, "firstPeriodCharge": 1700}  # 17 of the 365 days before April 1
    until(shop, "2026-04-01T01")
    assert totals(shop) == [3100, 0, 36500]


def test_at_the_very_beginning_of_a_period_only_the_difference_moves(shop: Shop):
    order = running(shop, goods.fee(3100))
    until(shop, "2026-04-01")

    moved = amend(shop, order, reprice(attribute(shop, order), price(30000, "Annual")))

    assert moved == {"prorationCharge": 30000 - 3100}
    until(shop, "2026-12-31")
    assert money(shop) == 3100 + 30000


def test_a_fee_becomes_a_charge_for_usage_and_the_other_way_round(shop: Shop):
    lake = goods.with_lake(shop)
    order = running(shop, goods.fee(3100))
    lake.event(datetime(2026, 3, 10, tzinfo=UTC), "100")
    moved = amend(shop, order, reprice(attribute(shop, order), goods.usage(10)["pricing"]))
    assert moved == {"prorationCredit": -1700}
    lake.event(datetime(2026, 3, 20, tzinfo=UTC), "30")
    shop.clock.now = datetime(2026, 3, 25, 12, tzinfo=UTC)

    moved = amend(shop, order, reprice(attribute(shop, order), price(3100)))

    assert moved == {"firstPeriodCharge": 3100}
    lake.event(datetime(2026, 3, 28, tzinfo=UTC), "100")
    until(shop, "2026-04-24")
    assert money(shop) == 1400 + 30 * 10 + 3100


def test_a_fee_becomes_one_by_the_seat_and_one_that_is_charged_once(shop: Shop):
    order = running(shop, goods.fee(3100))
    seats = reprice(attribute(shop, order), price(1000, kind="SeatBasedPerUnit"), newQuantity=3)

    assert amend(shop, order, seats) == {"prorationCredit": -1700, "firstPeriodCharge": 3000}
    assert len(shop.api.get(f"/orders/{order}/seats").json()["data"]) == 3
    shop.clock.now = datetime(2026, 3, 25, 12, tzinfo=UTC)
    moved = amend(shop, order, reprice(attribute(shop, order), ONCE, newQuantity=1))

    assert moved == {"prorationCredit": -2032, "firstPeriodCharge": 500}  # 21 of the 31 days that begin on March 15
    until(shop, "2027-01-01")
    assert money(shop) == 1400 + 3000 - 2032 + 500
    (row,) = options(shop, order)["lines"][0]["attributes"]
    assert (row["intents"], row["lockedReason"]) == ([], "it was charged once, when it was sold")


def test_what_cannot_change_its_periods_says_so(shop: Shop):
    order = running(shop, {"name": "Setup", "pricing": ONCE}, goods.fee(3100))
    percent = {"pricingType": "RecurringPercentOfTotal", "billingFrequency": "Monthly", "percentageValue": 10}
    rows = options(shop, order)["lines"][0]["attributes"]
    setup, fee = (
        next(each["orderLineAttributeId"] for each in rows if each["state"]["chargeType"] == kind)
        for kind in ("oneTime", "recurring")
    )

    for intent, status, why in (
        (reprice(setup, price(10)), 501, "charged once"),
        (reprice(fee, percent), 501, "percentage"),
        (reprice(fee, price(10, "Annual"), treatment="none"), 400, "treatment"),
        (reprice(fee, goods.usage(10)["pricing"], newQuantity=2), 400, "newQuantity"),
    ):
        answer = ask(shop, order, intent)
        assert (answer.status_code, why in answer.text) == (status, True), answer.text
    assert totals(shop) == [3600]


def test_what_was_amended_stays_so_when_the_catalog_changes_and_after_a_pause(shop: Shop):
    order = running(shop, goods.fee(3100), goods.fee(620, name="Support"))
    prices = {
        each["state"]["unitPriceMinor"]: each["orderLineAttributeId"]
        for each in options(shop, order)["lines"][0]["attributes"]
    }
    amend(shop, order, {"type": "endAttribute", "orderLineAttributeId": prices[620]})
    amend(shop, order, reprice(prices[3100], price(6200)))
    (product,) = shop.api.get("/products").json()["data"]
    detail = shop.api.get(f"/products/{product['id']}").json()
    dearer = [each | {"pricing": price(9999)} for each in detail["productAttributes"]]

    assert shop.api.put(f"/products/{product['id']}", json={"productAttributes": dearer}).status_code == 200
    shop.clock.forward(days=1)
    assert shop.api.post(f"/orders/{order}/pause").status_code == 200
    shop.clock.forward(days=1)
    assert shop.api.post(f"/orders/{order}/resume").status_code == 200

    sold = [each["state"]["unitPriceMinor"] for each in options(shop, order)["lines"][0]["attributes"]]
    assert sold == [6200]


def test_a_catalog_that_makes_a_fee_usage_waits_for_the_end_of_the_period(shop: Shop):
    lake = goods.with_lake(shop)
    running(shop, goods.fee(3100))
    (product,) = shop.api.get("/products").json()["data"]
    (fee,) = shop.api.get(f"/products/{product['id']}").json()["productAttributes"]
    body = {"productAttributes": [fee | {"pricing": goods.usage(10)["pricing"]}]}
    assert shop.api.put(f"/products/{product['id']}", json=body).status_code == 200
    lake.event(datetime(2026, 3, 20, tzinfo=UTC), "30")
    lake.event(datetime(2026, 4, 20, tzinfo=UTC), "7")

    until(shop, "2026-05-01T01")

    assert totals(shop) == [3100, 70]


price_of_period = st.tuples(st.sampled_from(sorted(MONTHS)), st.integers(1, 99_999))
steps = st.lists(st.tuples(st.integers(0, 45 * 24), price_of_period), min_size=1, max_size=4)


@settings(max_examples=10, deadline=None)
@given(
    start=st.integers(0, 120 * 24), first=price_of_period, later=steps,
    billing=st.sampled_from(["Advance", "Arrears"]), goes_on=st.integers(0, 100),
)  # fmt: skip
def test_what_all_invoices_come_to_is_each_day_at_its_price(
    start: int, first: tuple[str, int], later: list[Any], billing: str, goes_on: int
):
    """And, where fees are charged beforehand, an amendment moves what its preview says, to the cent."""
    with TemporaryDirectory() as folder, open_shop(Path(folder)) as shop:
        begin = shop.clock.now = datetime(2025, 11, 1, tzinfo=UTC) + timedelta(hours=start)
        bot = goods.product(shop, goods.fee(first[1], billingFrequency=first[0], billingType=billing))
        order = goods.order(shop, goods.customer(shop), bot["id"], begin.isoformat())["id"]
        past, held = [], first
        for hours, (frequency, cents) in later:
            if frequency == held[0]:
                continue  # another price within a period has its tests elsewhere
            shop.clock.forward(hours=hours)
            advance(shop.billing, shop.clock())
            before = money(shop)
            moved = amend(shop, order, reprice(attribute(shop, order), price(cents, frequency, billing)))
            assert billing == "Arrears" or money(shop) - before == sum(moved.values())
            past.append((begin, shop.clock.now, MONTHS[held[0]], held[1]))
            begin, held = shop.clock.now, (frequency, cents)
        shop.clock.forward(days=goes_on)
        advance(shop.billing, shop.clock())
        past.append((begin, shop.clock.now, MONTHS[held[0]], held[1]))

        amend(shop, order, {"type": "endAttribute", "orderLineAttributeId": attribute(shop, order)})
        shop.clock.forward(days=800)
        advance(shop.billing, shop.clock())

        assert abs(money(shop) - by_day(past)) <= Fraction(pieces(shop), 2)
