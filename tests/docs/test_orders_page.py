"""docs/orders.md: every request is sent, one after the other, and answered with what the page shows."""

import json
from pathlib import Path

from tests.billing.shop import open_shop
from tests.docs.test_catalog import SHORT_ID, STEP, holds
from tests.docs.test_examples import ROOT

PAGE = ROOT / "docs" / "orders.md"


def test_the_page_shows_what_is_answered(tmp_path: Path) -> None:
    steps = STEP.findall(PAGE.read_text("utf-8"))
    assert len(steps) >= 12
    ids: dict[str, str] = {}
    with open_shop(tmp_path) as shop:
        for method, path, body, shown in steps:
            path, body = (SHORT_ID.sub(lambda found: ids.get(found[0], found[0]), text) for text in (path, body))
            answer = shop.api.request(method, path, content=body or None, headers={"content-type": "application/json"})
            holds(json.loads(shown), answer.json(), f"{method} {path}", ids)
