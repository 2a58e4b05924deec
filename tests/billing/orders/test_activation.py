"""Activation: credits and invoices of all periods since the start date, once."""

from datetime import UTC, datetime

from sqlalchemy import select

from billing.ledger.balances import balances
from billing.orders.advance import advance
from billing.tables.ledger import CreditGrant
from billing.tables.orders import OrderAttribute
from tests.billing.catalog import wares
from tests.billing.orders import goods
from tests.billing.shop import Shop


def benefit(currency: str, amount: float = 500, **more: object) -> dict[str, object]:
    return {"creditsCurrencyId": currency, "amount": amount} | more


def grants(shop: Shop) -> list[CreditGrant]:
    with shop.database.read() as session:
        return list(session.scalars(select(CreditGrant).order_by(CreditGrant.starts_at, CreditGrant.key)))


def available(shop: Shop, customer: str) -> int:
    with shop.database.read() as session:
        return sum(each.available for each in balances(session, customer, shop.clock())) // 10**6


def test_a_draft_sells_nothing_until_it_is_activated_and_that_only_once(shop: Shop):
    credit = wares.currency(shop)
    bot = goods.product(shop, goods.fee(2900, [benefit(credit)]))
    acme = goods.customer(shop)
    draft = goods.order(shop, acme, bot["id"], "2026-03-15T12:00:00Z", active=False)
    assert (draft["status"], draft["orderAmount"], draft["totalBilledAmount"]) == ("draft", 2900, 0)
    assert (goods.invoices(shop), grants(shop)) == ([], [])

    first = shop.api.post(f"/orders/{draft['id']}/activate").json()
    again = shop.api.post(f"/orders/{draft['id']}/activate/").json()

    assert first == again
    assert (first["status"], first["totalBilledAmount"]) == ("active", 2900)
    assert [(each["status"], each["invoiceTotal"]) for each in goods.invoices(shop)] == [("posted", 2900)]
    assert available(shop, acme) == 500


def test_a_start_three_months_ago_brings_four_grants_and_invoices_of_which_the_latest_is_posted(shop: Shop):
    credit = wares.currency(shop)
    bot = goods.product(shop, goods.fee(2900, [benefit(credit)]))
    acme = goods.customer(shop)

    goods.order(shop, acme, bot["id"], "2025-12-15T00:00:00Z")

    given = [(grant.starts_at.date().isoformat(), grant.ends_at.date().isoformat()) for grant in grants(shop)]
    assert given == [
        ("2025-12-15", "2026-01-15"), ("2026-01-15", "2026-02-15"), ("2026-02-15", "2026-03-15"),
        ("2026-03-15", "2026-04-15"),
    ]  # fmt: skip
    assert [each["status"] for each in goods.invoices(shop)] == ["draft", "draft", "draft", "posted"]
    assert available(shop, acme) == 500


def test_time_goes_by_and_each_period_is_granted_and_billed_once(shop: Shop):
    credit = wares.currency(shop)
    bot = goods.product(shop, goods.fee(2900, [benefit(credit)]))
    acme = goods.customer(shop)
    goods.order(shop, acme, bot["id"], "2026-01-31T00:00:00Z")
    assert len(goods.invoices(shop)) == 2

    shop.clock.now = datetime(2026, 3, 31, tzinfo=UTC)
    assert advance(shop.billing, shop.clock()) == 1
    assert advance(shop.billing, shop.clock()) == 0

    assert [each["startDate"][:10] for each in goods.invoices(shop)] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert [each["status"] for each in goods.invoices(shop)] == ["draft", "posted", "posted"]
    assert len(grants(shop)) == 3


def test_an_annual_plan_brings_credits_each_month_or_all_at_once(shop: Shop):
    chat, images = wares.currency(shop), wares.currency(shop, "images")
    annual = {"billingFrequency": "Annual"}
    bot = goods.product(
        shop, goods.fee(120_000, [benefit(chat, allocationCadence="monthly"), benefit(images, 9000)], **annual)
    )

    goods.order(shop, goods.customer(shop), bot["id"], "2026-01-15T12:00:00Z")

    by_currency = {key: [grant for grant in grants(shop) if grant.currency_id == key] for key in (chat, images)}
    assert [grant.starts_at.date().isoformat() for grant in by_currency[chat]] == [
        "2026-01-15", "2026-02-15", "2026-03-15",
    ]  # fmt: skip
    (whole,) = by_currency[images]
    assert (whole.ends_at.date().isoformat(), whole.amount_micro) == ("2027-01-15", 9000 * 10**6)
    assert [each["invoiceTotal"] for each in goods.invoices(shop)] == [120_000]


def test_credits_that_wait_for_the_payment_are_not_spendable_before_it(shop: Shop):
    credit = wares.currency(shop)
    bot = goods.product(shop, goods.fee(2900, [benefit(credit, creditGrantTiming="on_payment")]))
    acme = goods.customer(shop)
    goods.order(shop, acme, bot["id"], "2026-03-01T00:00:00Z")
    assert available(shop, acme) == 0

    (invoice,) = goods.invoices(shop)
    (line,) = goods.lines(shop, invoice)
    payment = shop.api.post(
        "/payments/",
        json={"customerId": acme, "amount": 3000, "currency": "USD", "paymentType": "bankTransfer"},
    ).json()
    body = {"paymentId": payment["id"], "allocations": [{"invoiceLineId": line["id"], "amount": 2899}]}
    assert shop.api.post("/payment-allocations/", json=body).status_code == 200
    assert available(shop, acme) == 0
    body["allocations"] = [{"invoiceLineId": line["id"], "amount": 1}]
    assert shop.api.post("/payment-allocations/", json=body).status_code == 200

    assert available(shop, acme) == 500
    assert shop.api.get(f"/invoices/{invoice['id']}").json()["paymentStatus"] == "paid"


def test_credits_that_wait_for_a_posted_invoice_come_with_it_and_with_nothing_to_pay_at_once(shop: Shop):
    credit = wares.currency(shop)
    waits = benefit(credit, creditGrantTiming="on_invoice_posted")
    bot = goods.product(shop, goods.fee(2900, [waits]))
    free = goods.product(shop, goods.fee(0, [waits]), name="free")
    acme, other = goods.customer(shop), goods.customer(shop, "other")

    goods.order(shop, acme, bot["id"], "2026-03-01T00:00:00Z", autoPostInvoices=False)
    goods.order(shop, other, free["id"], "2026-03-01T00:00:00Z")
    assert (available(shop, acme), available(shop, other)) == (0, 500)
    (invoice,) = goods.invoices(shop)
    assert shop.api.post(f"/invoices/{invoice['id']}/post").json()["status"] == "posted"

    assert available(shop, acme) == 500


def test_seats_are_pooled_for_the_organization_and_have_their_own_credits_when_somebody_sits(shop: Shop):
    pool, own = wares.currency(shop), wares.currency(shop, "own")
    seat = {
        "name": "Seats",
        "pricing": {
            "pricingType": "SeatBasedPerUnit", "billingFrequency": "Monthly",
            "pricePoints": [{"currency": "USD", "unitPrice": 1500}],
        },
        "creditBenefits": [benefit(pool), benefit(own, 30, recipient="seat")],
    }  # fmt: skip
    bot = goods.product(shop, seat)
    acme = goods.customer(shop)
    for name in ("ann", "ben"):
        shop.api.put(f"/customers/acme/users/{name}", json={"email": f"{name}@example.com"})
    order = goods.order(shop, acme, bot["id"], "2026-03-10T00:00:00Z", line={"quantity": 3})

    assert [each["invoiceTotal"] for each in goods.invoices(shop)] == [4500]
    assert [(grant.currency_id, grant.amount_micro) for grant in grants(shop)] == [(pool, 1500 * 10**6)]
    seats = shop.api.get(f"/orders/{order['id']}/seats/").json()["data"]
    assert [each["status"] for each in seats] == ["unassigned"] * 3

    path = f"/orders/{order['id']}/seats/{seats[0]['id']}"
    taken = shop.api.put(path, json={"userExternalId": "ann"}).json()
    assert (taken["status"], taken["assignee"]["externalId"]) == ("assigned", "ann")
    assert shop.api.put(path, json={"userExternalId": "ben"}).status_code == 409
    assert shop.api.put(path, json={"userExternalId": "nobody"}).status_code == 400
    assert shop.api.put(f"/orders/{order['id']}/seats/none", json={}).status_code == 404
    assert [grant.amount_micro for grant in grants(shop) if grant.seat_user_id] == [30 * 10**6]

    exchanged = shop.api.post(
        f"/orders/{order['id']}/seat-assignments",
        json={"assignments": [{"seatId": seats[0]["id"]}, {"seatId": seats[1]["id"], "userExternalId": "ann"}]},
    )
    assert [each["status"] for each in exchanged.json()["data"]] == ["unassigned", "assigned"]
    open_ones = shop.api.get(f"/orders/{order['id']}/seats", params={"status": "unassigned"}).json()
    assert open_ones["pagination"]["total"] == 2


def test_a_changed_price_holds_from_then_on(shop: Shop):
    bot = goods.product(shop, goods.fee(2900), goods.usage(10))
    acme = goods.customer(shop)
    goods.order(shop, acme, bot["id"], "2026-03-01T00:00:00Z")
    dearer = [
        goods.fee(3900) | {"productAttributeId": bot["productAttributes"][0]["productAttributeId"]},
        goods.usage(10) | {"productAttributeId": bot["productAttributes"][1]["productAttributeId"]},
    ]
    shop.api.put(f"/products/{bot['id']}", json={"productAttributes": dearer})
    follow(shop, bot["id"])
    follow(shop, bot["id"])

    with shop.database.read() as session:
        rows = session.scalars(
            select(OrderAttribute).where(OrderAttribute.name == "Platform").order_by(OrderAttribute.valid_from)
        ).all()
    assert [(row.valid_from.day, row.valid_to and row.valid_to.day) for row in rows] == [(1, 15), (15, None)]
    shop.clock.now = datetime(2026, 4, 2, tzinfo=UTC)
    goods.with_lake(shop)
    advance(shop.billing, shop.clock())
    assert [each["invoiceTotal"] for each in goods.invoices(shop)] == [2900, 3900]


def follow(shop: Shop, product_id: str) -> None:
    from billing.orders.reprice import follow_catalog

    shop.database.write(lambda session: follow_catalog(session, product_id, shop.clock()))


def test_signals_that_came_before_the_activation_burn_the_credits_of_their_own_time(shop: Shop):
    credit = wares.currency(shop)
    lake = goods.with_lake(shop)
    bot = goods.product(
        shop, goods.fee(2900, [benefit(credit, 10)]), {"name": "Messages", "pricing": wares.messages(credit)}
    )
    acme = goods.customer(shop)
    for day, quantity in ((datetime(2026, 1, 20, tzinfo=UTC), "7"), (datetime(2026, 3, 14, tzinfo=UTC), "4")):
        lake.event(day, quantity, "chat_message")

    goods.order(shop, acme, bot["id"], "2026-01-15T12:00:00Z")

    with shop.database.read() as session:
        (balance,) = balances(session, acme, datetime(2026, 3, 15, tzinfo=UTC))
        (first,) = balances(session, acme, datetime(2026, 2, 1, tzinfo=UTC))
    assert (first.used, balance.used) == (7 * 10**6, 4 * 10**6)
