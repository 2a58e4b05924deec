"""The page on checkouts: what it sends is taken."""

import json
from pathlib import Path
from typing import Any

from tests.billing.checkout.store import sell
from tests.billing.shop import open_shop
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "docs" / "checkout.md"


def test_the_checkout_of_the_page_is_made(tmp_path: Path):
    (shown,) = blocks(PAGE, "json")
    with open_shop(tmp_path) as shop:
        body = json.loads(shown) | {"products": [{"id": sell(shop)["product"]}]}
        made = shop.api.post("/checkouts/", json=body)
    assert made.status_code == 200, made.text
    assert made.json()["externalCustomerId"] == "acme"


def test_the_settings_for_xero_are_settings():
    (code,) = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["settings"].default_account == "200"
