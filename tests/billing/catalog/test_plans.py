"""Plans, over the API and as what an order's line sells."""

from billing.catalog.effective import effective_attributes
from billing.catalog.find import find_plan, find_product
from tests.billing.catalog.wares import FEE, currency, messages, plan, product
from tests.billing.shop import Shop


def prices(shop: Shop, product_id: str, plan_id: str | None = None) -> list[tuple[str, str]]:
    """Name and first price of what is sold."""
    with shop.database.read() as session:
        sold = effective_attributes(
            session, find_product(session, product_id), find_plan(session, plan_id) if plan_id else None
        )
    return [
        (
            each.name,
            str(each.pricing.price_points[0].unit_price if each.pricing.price_points else each.pricing.credit_cost),
        )
        for each in sold
    ]


def test_a_plan_overrides_what_it_names_and_sells_the_rest_as_the_product_does(shop: Shop):
    made = product(shop, currency(shop))

    scale = plan(shop, made, 19900, name="Scale", externalId="scale")

    assert scale["status"] == "active"
    assert scale["isDefault"] is False
    assert scale["supportedCurrencies"] == ["USD"]
    assert scale["attributes"][0]["name"] == "Platform"
    assert scale["attributes"][0]["pricing"]["chargeType"] == "recurring"
    assert prices(shop, made["id"]) == [("Platform", "2900"), ("Messages", "1.0")]
    assert prices(shop, made["id"], scale["id"]) == [("Platform", "19900"), ("Messages", "1.0")]
    assert shop.api.get("/plans/external/scale").json() == shop.api.get(f"/plans/{scale['id']}").json() == scale


def test_buyers_who_name_no_plan_get_the_default_one_of_which_there_is_one(shop: Shop):
    made = product(shop, currency(shop))
    first = plan(shop, made, 1000, isDefault=True)
    second = plan(shop, made, 2000, isDefault=True)

    assert shop.api.get(f"/plans/{first['id']}").json()["isDefault"] is False
    assert prices(shop, made["id"])[0] == ("Platform", "2000")

    archived = shop.api.put(f"/plans/{second['id']}", json={"status": "archived"}).json()

    assert (archived["isDefault"], archived["archivedAt"]) == (False, "2026-03-15T12:00:00.000Z")
    assert prices(shop, made["id"])[0] == ("Platform", "2900")
    refused = shop.api.put(f"/plans/{second['id']}", json={"isDefault": True})
    assert (refused.status_code, refused.json()["details"]) == (
        400,
        "isDefault: an archived plan cannot be the default one",
    )


def test_attributes_that_are_given_replace_those_of_the_plan(shop: Shop):
    chat = currency(shop)
    made = product(shop, chat)
    fee, texts = (each["productAttributeId"] for each in made["productAttributes"])
    starter = plan(shop, made)

    renamed = shop.api.put(f"/plans/{starter['id']}", json={"name": "Starter"}).json()
    assert renamed["attributes"] == starter["attributes"]
    changed = shop.api.put(
        f"/plans/{starter['id']}",
        json={
            "attributes": [
                {"productAttributeId": texts, "pricing": messages(chat, 0.5)},
                {"productAttributeId": fee, "pricing": FEE},
            ]
        },
    ).json()

    assert [each["productAttributeId"] for each in changed["attributes"]] == [texts, fee]
    assert prices(shop, made["id"], starter["id"]) == [("Platform", "2900"), ("Messages", "0.5")]
    emptied = shop.api.put(f"/plans/{starter['id']}", json={"attributes": []}).json()
    assert emptied["attributes"] == []


def test_a_plan_speaks_of_its_own_products_attributes_once_each(shop: Shop):
    chat = currency(shop)
    made = product(shop, chat)
    other = product(shop, chat, "Other", "other")
    fee = made["productAttributes"][0]["productAttributeId"]
    foreign = other["productAttributes"][0]["productAttributeId"]

    wrong = shop.api.post(
        "/plans/", json={"productId": made["id"], "attributes": [{"productAttributeId": foreign, "pricing": FEE}]}
    )
    twice = shop.api.post(
        "/plans/",
        json={"productId": made["id"], "attributes": [{"productAttributeId": fee, "pricing": FEE}] * 2},
    )

    assert wrong.status_code == twice.status_code == 400
    assert wrong.json()["details"].startswith("attributes[0].productAttributeId")
    assert twice.json()["details"].endswith("is there twice")
    assert shop.api.post("/plans/", json={"productId": "prod_none", "attributes": []}).status_code == 404


def test_plans_are_listed_by_product_with_archived_ones_unless_they_are_not_wanted(shop: Shop):
    chat = currency(shop)
    made, other = product(shop, chat), product(shop, chat, "Other", "other")
    kept, old = plan(shop, made), plan(shop, made)
    plan(shop, other)
    shop.api.put(f"/plans/{old['id']}", json={"status": "archived"})

    def ids(**params: str) -> set[str]:
        return {each["id"] for each in shop.api.get("/plans/", params=params).json()["data"]}

    assert ids(productId=made["id"]) == ids(externalProductId="chatbot") == {kept["id"], old["id"]}
    assert ids(productId=made["id"], includeArchived="false") == {kept["id"]}
    assert shop.api.get("/plans/", params={"productId": "prod_none"}).status_code == 404


def test_the_upgrade_path_puts_plans_in_order_within_their_frequency(shop: Shop):
    made = product(shop, currency(shop))
    small, large, yearly, odd = (plan(shop, made, price) for price in (1000, 2000, 9000, 1))
    groups = [{"frequency": "Monthly", "planIds": [small["id"], large["id"]]}, {"planIds": [yearly["id"]]}]

    ordered = shop.api.put("/plans/upgrade-path", json={"productId": made["id"], "groups": groups}).json()["data"]

    assert [each["id"] for each in ordered] == [small["id"], large["id"], yearly["id"], odd["id"]]
    assert [each.get("upgradePathOrder") for each in ordered] == [0, 1, 0, None]
    wrong = shop.api.put(
        "/plans/upgrade-path", json={"productId": made["id"], "groups": [{"planIds": [small["id"], small["id"]]}]}
    )
    assert (wrong.status_code, wrong.json()["details"]) == (400, f"groups: {small['id']!r} is there twice")
