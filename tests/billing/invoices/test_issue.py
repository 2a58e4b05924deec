"""Invoices of orders: what is on them, when, and how much."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.orders.advance import advance
from tests.billing.orders import goods
from tests.billing.shop import Shop


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def later(shop: Shop, text: str) -> None:
    shop.clock.now = at(text)
    advance(shop.billing, shop.clock())


def amounts(shop: Shop) -> list[list[tuple[str, int]]]:
    return [
        [(line["description"], line["totalPriceBeforeTax"]) for line in goods.lines(shop, invoice)]
        for invoice in goods.invoices(shop)
    ]


def test_usage_is_billed_afterwards_with_the_next_fee(shop: Shop):
    lake = goods.with_lake(shop)
    bot = goods.product(shop, goods.fee(2900), goods.usage(7))
    acme = goods.customer(shop)
    goods.order(shop, acme, bot["id"], "2026-03-15T12:00:00Z")
    lake.event(at("2026-03-15T11:59"))  # before the order
    lake.event(at("2026-03-15T12:00"), "2.5")
    lake.event(at("2026-04-15T11:59"), customer=acme, of=bot["id"])  # by our ids
    lake.event(at("2026-04-15T12:00"))  # of the next period
    lake.event(at("2026-04-01T00:00"), None)
    lake.event(at("2026-04-01T00:00"), name="other")
    lake.event(at("2026-04-01T00:00"), customer="someone")

    later(shop, "2026-04-15T12:00")

    assert amounts(shop) == [[("Platform", 2900)], [("Usage of page", 25), ("Platform", 2900)]]  # 3.5 x 7 = 24.5
    invoice = goods.invoices(shop)[1]
    assert goods.lines(shop, invoice)[0]["details"] == {"quantity": "3.5", "events": 3, "eventsWithoutQuantity": 1}
    assert invoice["invoiceTotal"] == sum(line["totalPriceAfterTax"] for line in goods.lines(shop, invoice))


def test_what_comes_late_is_on_the_next_invoice(shop: Shop):
    lake = goods.with_lake(shop)
    bot = goods.product(shop, goods.fee(2900), goods.usage(10))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")
    lake.event(at("2026-03-20"), "5")
    later(shop, "2026-04-15T12:00")

    lake.event(at("2026-03-21"), "2")
    lake.event(at("2026-04-21"), "1")
    later(shop, "2026-05-15T12:00")
    later(shop, "2026-06-15T12:00")

    assert amounts(shop)[2:] == [
        [("Usage of page", 10), ("Platform", 2900), ("Usage of page (late usage)", 20)],
        [("Usage of page", 0), ("Platform", 2900)],
    ]


def test_an_order_without_a_lake_at_hand_is_billed_when_there_is_one(shop: Shop):
    bot = goods.product(shop, goods.usage(10))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-02-01T00:00:00Z")
    assert goods.invoices(shop) == []

    lake = goods.with_lake(shop)
    lake.event(at("2026-02-10"), "3")
    shop.clock.forward(minutes=2)
    advance(shop.billing, shop.clock())

    assert amounts(shop) == [[("Usage of page", 30)]]


def test_cost_plus_is_the_cost_of_all_calls_times_the_factor(shop: Shop):
    lake = goods.with_lake(shop)
    plus = {"name": "AI", "pricing": {"pricingType": "UsageCostPlus", "costPlusMultiplier": 1.5}}
    bot = goods.product(shop, plus)
    lake.cost(at("2026-02-10"), "0.333333333333")
    lake.cost(at("2026-02-11"), "1.000000000001")
    lake.cost(at("2026-02-11"), None)

    goods.order(shop, goods.customer(shop), bot["id"], "2026-02-01T00:00:00Z")

    (invoice,) = goods.invoices(shop)
    (line,) = goods.lines(shop, invoice)
    assert line["totalPriceBeforeTax"] == 200  # 1.333333333334 x 1.5 = 2.000000000001 dollars
    assert line["details"] == {"costUsd": "1.333333333334", "calls": 3, "callsWithoutPrice": 1}


def test_fees_of_short_periods_are_by_the_day(shop: Shop):
    bot = goods.product(shop, goods.fee(3100))
    acme = goods.customer(shop)

    goods.order(shop, acme, bot["id"], "2026-01-20T00:00:00Z", billingAnchor=1, endDate="2026-03-11T00:00:00Z")

    assert [(each["startDate"][:10], each["invoiceTotal"]) for each in goods.invoices(shop)] == [
        ("2026-01-20", 1200), ("2026-02-01", 3100), ("2026-03-01", 1000),
    ]  # fmt: skip
    (order,) = shop.api.get("/orders", params={"status": "ended"}).json()["data"]
    assert (order["orderAmount"], order["totalBilledAmount"], order["pendingBillingAmount"]) == (5300, 5300, 0)


def test_arrears_percentages_and_what_is_bought_once(shop: Shop):
    once = {
        "name": "Setup",
        "pricing": {"pricingType": "OneTimePerUnit", "pricePoints": [{"currency": "USD", "unitPrice": 9900}]},
    }
    support = {
        "name": "Support",
        "pricing": {
            "pricingType": "RecurringPercentOfTotal", "percentageValue": 10, "billingFrequency": "Monthly",
            "billingType": "Advance",
        },
    }  # fmt: skip
    bot = goods.product(shop, goods.fee(2900), goods.fee(1000, name="Hosting", billingType="Arrears"), once, support)
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")

    later(shop, "2026-04-15T12:00")

    first, second = (dict(each) for each in amounts(shop))
    assert first == {"Platform": 2900, "Setup": 9900, "Support": 1280}
    assert second == {"Platform": 2900, "Hosting": 1000, "Support": 390}


def test_an_order_may_be_billed_less_often_than_its_prices_say(shop: Shop):
    bot = goods.product(shop, goods.fee(2900))

    goods.order(
        shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z",
        billingFrequencyOverride={"frequency": "custom", "customMonths": 6},
    )  # fmt: skip

    (invoice,) = goods.invoices(shop)
    assert (invoice["invoiceTotal"], invoice["endDate"][:10]) == (6 * 2900, "2026-09-01")


def test_a_paused_order_is_not_billed_and_no_period_is_billed_twice(shop: Shop):
    bot = goods.product(shop, goods.fee(3000))
    order = goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")
    path = f"/orders/{order['id']}"
    assert shop.api.post(f"{path}/pause").json()["status"] == "paused"
    assert shop.api.post(f"{path}/resume").json()["status"] == "active"
    assert shop.api.post(f"{path}/pause").json()["status"] == "paused"
    assert len(goods.invoices(shop)) == 1

    later(shop, "2026-05-01T12:00")
    assert len(goods.invoices(shop)) == 1
    shop.clock.now = at("2026-05-05T12:00")
    shop.api.post(f"{path}/resume")

    assert [each["invoiceTotal"] for each in goods.invoices(shop)] == [3000, 1000]  # 10 of the 30 days to May 15
    shop.clock.forward(days=1)
    ended = shop.api.post(f"{path}/end").json()
    assert (ended["status"], ended["endDate"][:10]) == ("ended", "2026-05-06")
    later(shop, "2026-07-01")
    assert len(goods.invoices(shop)) == 2
    assert shop.api.post(f"{path}/pause").status_code == 400


@pytest.mark.parametrize("terms", ["net_30", "Net 30", "30 days"])
def test_terms_say_when_an_invoice_is_due_and_then_it_is_overdue(shop: Shop, terms: str):
    bot = goods.product(shop, goods.fee(3000))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z", paymentTerms=terms)
    (invoice,) = goods.invoices(shop)
    assert (invoice["dueDate"][:10], invoice["paymentStatus"]) == ("2026-04-14", "pending")

    shop.clock.now += timedelta(days=31)

    assert len(goods.invoices(shop, paymentStatus="overdue")) == 1
    assert goods.invoices(shop, paymentStatus="pending", orderId="ord_none") == []
    assert len(goods.invoices(shop, displayNumber=invoice["displayNumber"], currency="usd")) == 1
    assert goods.invoices(shop, displayNumber="INV-1") == []


def test_an_invoice_is_void_unless_it_is_paid(shop: Shop):
    bot = goods.product(shop, goods.fee(3000))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")
    (invoice,) = goods.invoices(shop)

    void = shop.api.post(f"/invoices/{invoice['id']}/void").json()

    assert (void["status"], void["amountDue"], void["amountRemaining"]) == ("voided", 0, 0)
    assert shop.api.post(f"/invoices/{invoice['id']}/post").status_code == 400
    changed = shop.api.put(f"/invoices/{invoice['id']}", json={"metadata": {"a": 1.5}}).json()
    assert changed["metadata"] == {"a": 1.5}
    assert shop.api.get("/invoices/inv_none").status_code == 404


def test_an_amount_beyond_all_bounds_is_refused(shop: Shop):
    bot = goods.product(shop, goods.fee(10**12))
    acme = goods.customer(shop)
    body = {
        "customerId": acme, "creationState": "active", "lines": [{"productId": bot["id"]}],
        "billingFrequencyOverride": {"frequency": "custom", "customMonths": 1200},
    }  # fmt: skip

    answer = shop.api.post("/orders", json=body)

    assert (answer.status_code, goods.invoices(shop)) == (400, [])
    assert shop.api.get("/orders").json()["data"] == []
