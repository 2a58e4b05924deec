"""The state of a customer in one call: orders, seats, checkout links and credits at one moment."""

from sqlalchemy import select

from billing.tables.orders import OrderAttribute
from tests.billing.catalog.wares import benefit, currency, product
from tests.billing.shop import Shop

SEATS = {
    "pricingType": "SeatBasedPerUnit",
    "billingFrequency": "Monthly",
    "pricePoints": [{"currency": "USD", "unitPrice": 1000}],
}


def test_a_new_customer_has_nothing(shop: Shop):
    made = shop.api.post("/customers/", json={"name": "Acme", "externalId": "acme"}).json()

    state = shop.api.get("/customers/external/acme/state").json()

    assert state == {
        "customer": {"id": made["id"], "name": "Acme", "externalId": "acme"},
        "defaultCurrency": "USD",
        "orders": [],
        "seats": {"total": 0, "assigned": 0, "unassigned": 0, "data": []},
        "checkoutLinks": [],
        "credits": {"balances": []},
        "timestamp": "2026-03-15T12:00:00.000Z",
    }
    assert shop.api.get(f"/customers/{made['id']}/state").json() == state
    assert shop.api.get("/customers/cus_none/state").status_code == 404


def test_orders_seats_links_and_credits_are_there_as_they_stand(shop: Shop):
    money = currency(shop)
    acme = shop.api.post("/customers/", json={"name": "Acme", "externalId": "acme"}).json()["id"]
    bot = product(shop, money)
    team = shop.api.post("/products/", json={"name": "Team", "externalId": "team"}).json()
    seats = {"name": "Seats", "pricing": SEATS, "creditBenefits": [benefit(money, 10) | {"recipient": "seat"}]}
    shop.api.put(f"/products/{team['id']}", json={"productAttributes": [seats]})
    shop.api.put("/customers/acme/users/jane", json={"name": "Jane"})
    lines = [{"productId": team["id"], "quantity": 2}]
    order = shop.api.post("/orders/", json={"customerId": acme, "name": "Team", "lines": lines})
    assert order.status_code == 200, order.json()
    order_id = order.json()["id"]
    active = shop.api.post(f"/orders/{order_id}/activate")
    assert active.status_code == 200, active.json()
    draft = shop.api.post("/orders/", json={"customerId": acme, "name": "Later", "lines": [{"productId": bot["id"]}]})
    listed = shop.api.get(f"/orders/{order_id}/seats").json()["data"]
    shop.api.put(f"/orders/{order_id}/seats/{listed[0]['id']}", json={"userExternalId": "jane"})
    shop.api.post(f"/customers/{acme}/credits/grants", json={"creditCurrencyKey": "chat_credits", "amount": 5.5})
    link = shop.api.post(
        "/checkouts/",
        json={"products": [{"id": bot["id"]}], "successUrl": "https://x.test/ok", "externalCustomerId": "acme"},
    ).json()

    state = shop.api.get("/customers/external/acme/state").json()

    assert [(each["id"], each["state"]) for each in state["orders"]] == [
        (order_id, "active"),
        (draft.json()["id"], "draft"),
    ]
    assert (state["seats"]["total"], state["seats"]["assigned"], state["seats"]["unassigned"]) == (2, 1, 1)
    mine, free = state["seats"]["data"]
    assert mine["product"] == {"id": team["id"], "externalId": "team", "name": "Team"}
    assert mine["assignee"]["externalId"] == "jane"
    assert [each["balance"] for each in mine["credits"]["balances"]] == [10]
    assert (free["status"], free["credits"]) == ("unassigned", {"balances": []})
    assert state["credits"]["balances"] == [
        {
            "creditsCurrencyId": money,
            "currencyName": "chat_credits",
            "currencyKey": "chat_credits",
            "balance": 5.5,
        }
    ]
    assert [(each["id"], each["status"], each["productIds"]) for each in state["checkoutLinks"]] == [
        (link["id"], "active", [bot["id"]])
    ]

    shop.api.put("/customers/acme/users/jane", json={"status": "deactivated"})

    assert shop.api.get("/customers/external/acme/state").json()["seats"]["assigned"] == 0
    units = shop.api.post(
        "/customers/external/acme/customer-units", json={"externalId": "x", "parentExternalId": "acme"}
    )
    assert (units.status_code, units.json()["code"]) == (409, "SEAT_BASED_CUSTOMER")
    assert shop.api.delete(f"/customers/{acme}").status_code == 400


def test_a_changed_price_reaches_running_orders_from_now_on(shop: Shop):
    money = currency(shop)
    acme = shop.api.post("/customers/", json={"name": "Acme", "externalId": "acme"}).json()["id"]
    bot = product(shop, money)
    fee = bot["productAttributes"][0]["productAttributeId"]
    order = shop.api.post("/orders/", json={"customerId": acme, "lines": [{"productId": bot["id"]}]}).json()
    assert shop.api.post(f"/orders/{order['id']}/activate").status_code == 200
    shop.clock.forward(days=2)

    pricing = bot["productAttributes"][0]["pricing"] | {"pricePoints": [{"currency": "USD", "unitPrice": 3900}]}
    assert shop.api.put(f"/pricing/{fee}", json={"pricing": pricing}).status_code == 200

    assert prices(shop, fee) == [(2900, "2026-03-15", "2026-03-17"), (3900, "2026-03-17", None)]
    default = {
        "productId": bot["id"],
        "isDefault": True,
        "attributes": [
            {"productAttributeId": fee, "pricing": pricing | {"pricePoints": [{"currency": "USD", "unitPrice": 99}]}}
        ],
    }
    shop.clock.forward(days=1)
    plan = shop.api.post("/plans/", json=default).json()
    assert prices(shop, fee)[-1] == (99, "2026-03-18", None)
    shop.clock.forward(days=1)
    shop.api.put(f"/plans/{plan['id']}", json={"status": "archived"})
    assert prices(shop, fee)[-1] == (3900, "2026-03-19", None)


def prices(shop: Shop, attribute_id: str) -> list[tuple[int, str, str | None]]:
    """What an order's attribute cost from when to when."""
    with shop.database.read() as session:
        rows = session.scalars(
            select(OrderAttribute)
            .where(OrderAttribute.product_attribute_id == attribute_id)
            .order_by(OrderAttribute.valid_from)
        ).all()
    return [
        (
            row.pricing["pricePoints"][0]["unitPrice"],
            row.valid_from.date().isoformat(),
            None if row.valid_to is None else row.valid_to.date().isoformat(),
        )
        for row in rows
    ]
