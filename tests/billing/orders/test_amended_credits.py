"""Credits of an amended attribute: those of the new periods, less what the cut one brought for the days after it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from billing.orders.advance import advance
from billing.orders.periods import add_months
from billing.tables.ledger import CreditGrant
from tests.billing.catalog import wares
from tests.billing.orders import goods
from tests.billing.orders.amending import MONTHS, amend, ask, attribute, by_day, money, price, reprice, running, until
from tests.billing.shop import Shop, open_shop


def granted(shop: Shop) -> list[tuple[str, str, float]]:
    """From when until when, and how much."""
    with shop.database.read() as session:
        rows = session.scalars(select(CreditGrant).order_by(CreditGrant.starts_at, CreditGrant.ends_at)).all()
    return [(f"{row.starts_at:%m-%d}", f"{row.ends_at:%y-%m-%d}", row.amount_micro / 10**6) for row in rows]


def test_credits_of_the_days_that_were_granted_are_not_granted_again(shop: Shop):
    monthly = {"creditsCurrencyId": wares.currency(shop), "amount": 310, "allocationCadence": "monthly"}
    order = running(shop, goods.fee(3100, [monthly]))
    intent = reprice(attribute(shop, order), price(30000, "Annual"))

    plan = ask(shop, order, intent, preview=True).json()
    amend(shop, order, intent)
    until(shop, "2026-04-15T13")

    assert granted(shop) == [
        ("03-01", "26-04-01", 310), ("03-15", "26-04-15", 310 - 170), ("04-15", "26-05-15", 310),
    ]  # fmt: skip
    assert [float(each["creditAmount"]) for each in plan["creditEffects"]] == [140]


def test_units_that_came_within_the_cut_period_count_and_later_ones_come_for_the_new_one_only(shop: Shop):
    benefit = {"creditsCurrencyId": wares.currency(shop), "amount": 310}
    order = running(shop, goods.fee(3100, [benefit]))
    amend(shop, order, {"type": "updateQuantity", "orderLineAttributeId": attribute(shop, order), "newQuantity": 2})
    shop.clock.forward(minutes=1)
    amend(shop, order, reprice(attribute(shop, order), price(3100, "Quarterly"), newQuantity=4))
    shop.clock.forward(minutes=1)

    amend(shop, order, {"type": "updateQuantity", "orderLineAttributeId": attribute(shop, order), "newQuantity": 5})

    # 4 x 310 for the quarter, less 17 of 31 days of 2 x 310 that are there
    assert sorted(amount for _, _, amount in granted(shop)) == [310, 310, 310, 4 * 310 - 2 * 170]


def test_what_is_granted_for_longer_than_the_new_period_counts_towards_those_after_it(shop: Shop):
    benefit = {"creditsCurrencyId": wares.currency(shop), "amount": 365}
    bot = goods.product(shop, goods.fee(36500, [benefit], billingFrequency="Annual"))
    line = {"quantity": 3}
    order = goods.order(shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z", line=line)["id"]
    amend(shop, order, {"type": "updateQuantity", "orderLineAttributeId": attribute(shop, order), "newQuantity": 3})
    shop.clock.forward(minutes=1)

    amend(shop, order, reprice(attribute(shop, order), price(100), newQuantity=1))
    until(shop, "2026-06-16")

    # 3 x 351 are there for the days that are left: nothing in March and April, 42 of 365 in May
    assert [amount for since, _, amount in granted(shop) if since != "03-01" and since[:2] != "03"] == [42, 365]


def test_going_back_and_forth_brings_no_more_credits(shop: Shop):
    benefit = {"creditsCurrencyId": wares.currency(shop), "amount": 310}
    order = running(shop, goods.fee(3100, [benefit]))

    for minutes, frequency in enumerate(("Annual", "Monthly", "Quarterly", "Monthly")):
        shop.clock.forward(minutes=minutes)
        amend(shop, order, reprice(attribute(shop, order), price(3100, frequency)))

    assert sum(amount for _, _, amount in granted(shop)) == 310 + 140
    assert money(shop) == 1400 + 3100


def test_a_seat_keeps_what_its_user_has_and_gets_the_rest(shop: Shop):
    benefit = {"creditsCurrencyId": wares.currency(shop), "amount": 31, "recipient": "seat"}
    seat = {"name": "Seats", "pricing": price(1000, kind="SeatBasedPerUnit"), "creditBenefits": [benefit]}
    order = running(shop, seat, line={"quantity": 2})
    for name in ("ann", "ben"):
        shop.api.put(f"/customers/acme/users/{name}", json={"email": f"{name}@example.com"})
    first, second = (each["id"] for each in shop.api.get(f"/orders/{order}/seats").json()["data"])

    assert shop.api.put(f"/orders/{order}/seats/{first}", json={"userExternalId": "ann"}).status_code == 200
    amend(shop, order, reprice(attribute(shop, order), price(9000, "Annual", kind="SeatBasedPerUnit")))
    assert shop.api.put(f"/orders/{order}/seats/{second}", json={"userExternalId": "ben"}).status_code == 200

    assert sorted(amount for _, _, amount in granted(shop)) == [14, 31, 31]  # nobody had the second one before


@settings(max_examples=8, deadline=None)
@given(later=st.lists(st.tuples(st.integers(0, 40 * 24), st.sampled_from(sorted(MONTHS))), min_size=1, max_size=5))
def test_credits_come_to_each_day_until_the_last_change_and_whole_periods_since(later: list[Any]):
    with TemporaryDirectory() as folder, open_shop(Path(folder)) as shop:
        benefit = {"creditsCurrencyId": wares.currency(shop), "amount": 1000}
        bot = goods.product(shop, goods.fee(3100, [benefit]))
        begin = shop.clock.now
        order = goods.order(shop, goods.customer(shop), bot["id"], begin.isoformat())["id"]
        past, held = [], "Monthly"
        for hours, frequency in later:
            shop.clock.forward(hours=hours)
            advance(shop.billing, shop.clock())
            amend(shop, order, reprice(attribute(shop, order), price(3100, frequency)))
            if frequency != held:
                past.append((begin, shop.clock.now, MONTHS[held], 1000))
                begin, held = shop.clock.now, frequency
        ends = (add_months(begin, MONTHS[held] * number, begin.day) for number in range(1000))
        whole = next(number for number, end in enumerate(ends) if end > shop.clock.now)

        in_all = sum(amount for _, _, amount in granted(shop))

        assert in_all == pytest.approx(float(by_day(past) + 1000 * whole), abs=1e-5)
