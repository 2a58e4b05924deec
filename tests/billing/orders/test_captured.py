"""Requests that the unmodified Python SDK sent, served as they were recorded."""

import json
from pathlib import Path

from tests.billing.orders import goods
from tests.billing.shop import Shop

CAPTURES = Path(__file__).parents[2] / "captures" / "paid_python"


def send(shop: Shop, number: str, **ids: str) -> dict[str, object]:
    """Send a recorded request, with our ids in the place of the recorded ones; what is answered."""
    (file,) = CAPTURES.glob(f"{number}_*.request.json")
    request = json.loads(file.read_text("utf-8"))
    path = request["path"].removeprefix("/api/v2")
    body = (CAPTURES / request["body_file"]).read_text("utf-8") if request["body_file"] else ""
    for recorded, ours in ids.items():
        path, body = path.replace(recorded, ours), body.replace(recorded, ours)
    answer = shop.api.request(
        request["method"], path, content=body or None, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_order_is_made_activated_and_looked_at(shop: Shop):
    made = send(shop, "059", cus_1=goods.customer(shop))
    assert (made["externalId"], made["startDate"]) == ("o1", "2026-01-31T23:00:00.000Z")
    order = str(made["id"])

    assert send(shop, "037", ord_1=order)["creationState"] == "active"
    assert send(shop, "036")["pagination"] == {"limit": 100, "offset": 0, "total": 1, "hasMore": False}
    for listing in ("038", "039", "060"):
        assert send(shop, listing, ord_1=order)["data"] == []
