"""Requests that the Python SDK really sent, replayed against the routes of the catalog and of customers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.billing.catalog.wares import currency
from tests.billing.shop import Shop

RECORDED = Path(__file__).parents[1] / "captures" / "paid_python"


class Replay:
    """Sends recorded requests; ids that the recording's server gave are those that ours gives."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.ids: dict[str, str] = {}

    def send(self, number: str) -> tuple[int, Any]:
        request = json.loads(next(RECORDED.glob(f"{number}_*.request.json")).read_text())
        body = next((path.read_text() for path in RECORDED.glob(f"{number}_*.body.json")), None)
        path = request["path"].removeprefix("/api/v2")
        answer = self._shop.api.request(
            request["method"],
            self._ours(path),
            content=None if body is None else self._ours(body),
            headers={"content-type": "application/json"},
        )
        return answer.status_code, answer.json()

    def _ours(self, text: str) -> str:
        return re.sub(r"\b[a-z]+_\d+\b", lambda found: self.ids.get(found[0], found[0]), text)


@pytest.fixture
def replay(shop: Shop) -> Replay:
    started = Replay(shop)
    started.ids["cc_1"] = currency(shop)
    return started


def test_products_and_plans_as_the_sdk_asks_for_them(replay: Replay):
    status, product = replay.send("010")
    assert (status, product["name"], product["externalId"]) == (200, "ChatBot", "chatbot")
    replay.ids["prod_1"] = product["id"]

    assert replay.send("011")[1]["data"] == [product]
    assert replay.send("012")[1] == replay.send("013")[1] == product | {"productAttributes": []}
    assert replay.send("014")[1]["name"] == "ChatBot2"
    status, priced = replay.send("015")
    assert status == 200
    fee, chat = priced["productAttributes"]
    assert fee["pricing"]["pricePoints"] == [{"currency": "USD", "unitPrice": 2900}]
    assert fee["creditBenefits"][0]["rolloverAmount"] == 100
    assert chat["pricing"]["pricingInput"] == {"kind": "signalQuantity", "path": "quantity"}
    replay.ids |= {"pa_1": fee["productAttributeId"], "pa_2": chat["productAttributeId"]}

    status, plan = replay.send("016")
    assert (status, plan["name"], plan["externalId"], len(plan["attributes"])) == (200, "Starter", "starter", 2)
    assert plan["attributes"][0]["creditBenefits"][0]["amount"] == 500
    assert replay.send("017")[1]["data"] == [plan]
    status, prices = replay.send("018")
    assert [each["name"] for each in prices["data"]] == ["Platform", "Messages"]


def test_customers_as_the_sdk_asks_for_them(replay: Replay):
    status, customer = replay.send("019")
    assert (status, customer["name"], customer["metadata"]) == (200, "Acme", {"a": 1})
    replay.ids["cus_1"] = customer["id"]

    assert replay.send("020")[1]["data"] == [customer]
    assert replay.send("021")[0] == 404  # `cust 1/é`: another one
    status, user = replay.send("028")
    assert (status, user["created"], user["customerExternalId"], user["name"]) == (200, True, "cust_1", "Jane")
    status, alias = replay.send("029")
    assert (status, alias["alias"], alias["customerId"]) == (200, "alt-1", customer["id"])
    status, unit = replay.send("030")
    assert (status, unit["code"]) == (409, "ROOT_EXISTS")  # the root is there with the customer
