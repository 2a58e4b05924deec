"""The answers that docs/signals.md shows are the API's own."""

import json
from pathlib import Path

from starlette.testclient import TestClient

from billing.api.v1 import create_v1
from tests.billing.orders import goods
from tests.billing.shop import open_shop
from tests.billing.signals.lakes import event, put, shop_by_the_lake
from tests.billing.signals.test_usage import at
from tests.docs.test_examples import ROOT, blocks


def test_the_list_of_signals_is_as_shown(tmp_path: Path) -> None:
    shown, _ = (json.loads(block) for block in blocks(ROOT / "docs" / "signals.md", "json"))
    item = shown["data"][0]
    said = {"signal_id": item["id"], "event_name": item["name"], "data": json.dumps(item["data"])}
    with shop_by_the_lake(tmp_path) as (shop, lake):
        put(lake, "signals", event(1, customer_id="acme", product_id="support-bot", **said))
        assert shop.api.get("/signals/").json() == shown


def test_a_usage_summary_is_as_shown(tmp_path: Path) -> None:
    _, shown = (json.loads(block) for block in blocks(ROOT / "docs" / "signals.md", "json"))
    with open_shop(tmp_path) as shop, TestClient(create_v1(shop.billing, lambda body: {})) as old:
        lake = goods.with_lake(shop)
        bot = goods.product(shop, goods.usage(7))
        goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")
        for moment, quantity in (("2026-03-15T12:00", "2.5"), ("2026-04-01T00:00", None), ("2026-04-15T11:59", "1")):
            lake.event(at(moment), quantity)
        (summary,) = old.get("/customers/external/acme/usage").json()["data"]
    assert summary["id"].startswith("oa_")
    assert len(summary["id"]) == len(shown["id"])
    assert {key: summary[key] for key in shown} | {"id": shown["id"]} == shown
    others = {"customerId", "orderId", "orderLineId", "orderLineAttributeId", "createdAt", "updatedAt"}
    assert set(summary) == {*shown, *others, "order", "orderLine"}
