"""Products and the prices of their attributes, over the API."""

import pytest

from tests.billing.catalog.wares import FEE, benefit, currency, messages, product
from tests.billing.shop import Shop

JSON = {"content-type": "application/json"}


def test_a_product_is_made_without_prices_and_gets_them_by_an_update(shop: Shop):
    chat = currency(shop)
    made = shop.api.post("/products/", json={"name": "ChatBot", "description": "d", "externalId": "chatbot"}).json()
    assert made["active"] is True
    assert "productAttributes" not in made

    answer = shop.api.put(
        f"/products/{made['id']}",
        json={
            "productAttributes": [
                {"name": "Platform", "pricing": FEE, "creditBenefits": [benefit(chat)], "taxCode": "txcd_1"},
                {"name": "Messages", "pricing": messages(chat)},
            ]
        },
    ).json()

    platform, texts = answer["productAttributes"]
    assert platform["pricing"] == FEE | {"chargeType": "recurring", "pricingModel": "PerUnit"}
    assert platform["taxCode"] == "txcd_1"
    assert platform["creditBenefits"][0] | {"id": "cb"} == {
        "id": "cb",
        "creditsCurrencyId": chat,
        "amount": 500,
        "recipient": "organization",
        "isInfiniteTotal": False,
        "allocationCadence": "monthly",
        "creditGrantTiming": "on_order_activation",
    }
    assert texts["pricing"]["creditCost"] == 1
    assert texts["creditBenefits"] == []
    assert shop.api.get("/products/external/chatbot").json() == answer


def test_attributes_are_changed_by_their_id_and_the_others_stay(shop: Shop):
    chat = currency(shop)
    before = product(shop, chat)
    platform, other = before["productAttributes"]

    after = shop.api.put(
        "/products/external/chatbot",
        json={
            "productAttributes": [
                {"productAttributeId": other["productAttributeId"], "name": "Chats", "pricing": messages(chat, 2.5)}
            ]
        },
    ).json()

    assert after["productAttributes"][0] == platform
    assert after["productAttributes"][1]["name"] == "Chats"
    assert after["productAttributes"][1]["pricing"]["creditCost"] == 2.5
    assert len(after["productAttributes"]) == 2


def test_an_attribute_of_another_product_cannot_be_changed(shop: Shop):
    chat = currency(shop)
    other = product(shop, chat, "Other", "other")["productAttributes"][0]["productAttributeId"]
    mine = product(shop, chat)

    answer = shop.api.put(
        f"/products/{mine['id']}",
        json={"name": "x", "productAttributes": [{"productAttributeId": other, "name": "Fee", "pricing": FEE}]},
    )

    assert answer.status_code == 400
    assert "productAttributes[0].productAttributeId" in answer.json()["details"]
    assert shop.api.get(f"/products/{mine['id']}").json()["name"] == "ChatBot"


def test_an_archived_product_is_kept_and_can_be_brought_back(shop: Shop):
    made = product(shop, currency(shop))

    archived = shop.api.put(f"/products/{made['id']}", json={"archived": True}).json()

    assert archived["archivedAt"] == "2026-03-15T12:00:00.000Z"
    assert archived["productAttributes"] == made["productAttributes"]
    assert shop.api.get("/products/", params={"archived": "false"}).json()["data"] == []
    assert [each["id"] for each in shop.api.get("/products/").json()["data"]] == [made["id"]]
    assert "archivedAt" not in shop.api.put(f"/products/{made['id']}", json={"archived": False}).json()


def test_products_are_found_by_a_part_of_their_name_and_page_by_page(shop: Shop):
    for name in ("ChatBot", "Chat 100%", "Voice"):
        shop.api.post("/products/", json={"name": name})
    shop.api.post("/products/", json={"name": "Old chat", "active": False})

    found = shop.api.get("/products/", params={"name": "CHAT", "active": "true"}).json()
    literal = shop.api.get("/products/", params={"name": "0%"}).json()
    first = shop.api.get("/products/", params={"limit": 3}).json()

    assert {each["name"] for each in found["data"]} == {"ChatBot", "Chat 100%"}
    assert [each["name"] for each in literal["data"]] == ["Chat 100%"]
    assert first["pagination"] == {"limit": 3, "offset": 0, "total": 4, "hasMore": True}


def test_free_content_comes_back_as_it_was_sent(shop: Shop):
    content = {"a": 1, "b": 1.5, "c": [None, True, {"d": "é"}]}

    made = shop.api.post("/products/", json={"name": "X", "metadata": content}).json()

    assert made["metadata"] == content
    assert shop.api.get(f"/products/{made['id']}").json()["metadata"] == content


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"a": 123456789012345678901234567890}', "more than 64 bits"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"a": 1e999}', "beyond"),
        ('{"a": ' + "[" * 80 + "]" * 80 + "}", "levels deep"),
    ],
)
def test_free_content_that_no_table_keeps_is_refused(shop: Shop, content: str, what: str):
    answer = shop.api.post("/products/", content=f'{{"name": "X", "metadata": {content}}}', headers=JSON)

    assert answer.status_code == 400
    assert what in answer.json()["details"]


def test_external_ids_are_unique_and_may_have_slashes(shop: Shop):
    shop.api.post("/products/", json={"name": "A", "externalId": "a/b c"})

    twice = shop.api.post("/products/", json={"name": "B", "externalId": "a/b c"})

    assert (twice.status_code, twice.json()["details"]) == (400, "externalId: 'a/b c' is another product's")
    assert shop.api.get("/products/external/a/b%20c").json()["name"] == "A"
    assert shop.api.get("/products/external/none").status_code == 404
    assert shop.api.get("/products/prod_none").status_code == 404


def test_prices_in_credits_need_a_currency_that_there_is(shop: Shop):
    made = shop.api.post("/products/", json={"name": "A"}).json()

    answer = shop.api.put(
        f"/products/{made['id']}", json={"productAttributes": [{"name": "M", "pricing": messages("cc_none")}]}
    )

    assert answer.status_code == 400
    assert answer.json()["details"] == ("productAttributes[0].pricing.creditsCurrencyId: no credit currency 'cc_none'")


def test_brackets_without_a_currency_are_in_the_only_one(shop: Shop):
    made = shop.api.post("/products/", json={"name": "A"}).json()
    brackets = {
        "pricingType": "UsageBracketedPrepaidCredits",
        "eventName": "doc",
        "pricingInput": {"kind": "signalQuantity"},
        "creditUnitBrackets": [{"upTo": 10, "creditUnits": 1}, {"creditUnits": 2.5}],
    }
    body = {"productAttributes": [{"name": "Docs", "pricing": brackets}]}

    none_yet = shop.api.put(f"/products/{made['id']}", json=body)
    only = currency(shop)
    answer = shop.api.put(f"/products/{made['id']}", json=body).json()

    assert "there are none" in none_yet.json()["details"]
    pricing = answer["productAttributes"][0]["pricing"]
    assert pricing["creditsCurrencyId"] == only
    assert pricing["creditUnitBrackets"] == [{"upTo": 10, "creditUnits": 1}, {"creditUnits": 2.5}]
    assert pricing["pricePoints"] == []


def test_the_price_of_one_attribute_changes_and_its_benefits_stay_unless_some_are_given(shop: Shop):
    chat = currency(shop)
    made = product(shop, chat)
    platform = made["productAttributes"][0]
    path = f"/pricing/{platform['productAttributeId']}"
    dearer = FEE | {"pricePoints": [{"currency": "USD", "unitPrice": 3900}, {"currency": "EUR", "unitPrice": 3500}]}

    changed = shop.api.put(path, json={"pricing": dearer}).json()

    assert changed["pricing"]["pricePoints"] == dearer["pricePoints"]
    assert changed["creditBenefits"] == platform["creditBenefits"]
    more = shop.api.put(path, json={"pricing": dearer, "creditBenefits": [benefit(chat, 900)]}).json()
    assert more["creditBenefits"] == [platform["creditBenefits"][0] | {"amount": 900}]
    assert shop.api.put(path, json={"pricing": dearer, "creditBenefits": []}).json()["creditBenefits"] == []
    assert [each["name"] for each in shop.api.get("/pricing/", params={"productId": made["id"]}).json()["data"]] == [
        "Platform",
        "Messages",
    ]
    assert shop.api.get(path).json()["pricing"]["pricePoints"] == dearer["pricePoints"]
    assert shop.api.get("/pricing/").status_code == 400
    assert shop.api.get("/pricing/pa_none").status_code == 404
