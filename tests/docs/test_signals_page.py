"""The answer that docs/signals.md shows is the API's own."""

import json
from pathlib import Path

from tests.billing.signals.lakes import event, put, shop_by_the_lake
from tests.docs.test_examples import ROOT, blocks


def test_the_list_of_signals_is_as_shown(tmp_path: Path) -> None:
    (shown,) = (json.loads(block) for block in blocks(ROOT / "docs" / "signals.md", "json"))
    item = shown["data"][0]
    said = {"signal_id": item["id"], "event_name": item["name"], "data": json.dumps(item["data"])}
    with shop_by_the_lake(tmp_path) as (shop, lake):
        put(lake, "signals", event(1, customer_id="acme", product_id="support-bot", **said))
        assert shop.api.get("/signals/").json() == shown
