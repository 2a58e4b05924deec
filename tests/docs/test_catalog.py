"""docs/catalog.md: every request is sent, one after the other, and answered with what the page shows."""

import json
import re
from pathlib import Path
from typing import Any

from tests.billing.shop import open_shop
from tests.docs.test_examples import ROOT

PAGE = ROOT / "docs" / "catalog.md"
STEP = re.compile(r"```http\n(\w+) (\S+)\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)
SHORT_ID = re.compile(r"\b[a-z]+_\d+\b")


def test_the_page_shows_what_is_answered(tmp_path: Path) -> None:
    steps = STEP.findall(PAGE.read_text("utf-8"))
    assert len(steps) >= 9
    ids: dict[str, str] = {}
    with open_shop(tmp_path) as shop:
        for method, path, body, shown in steps:
            sent = SHORT_ID.sub(lambda found: ids.get(found[0], found[0]), body)
            answer = shop.api.request(method, path, content=sent or None, headers={"content-type": "application/json"})
            holds(json.loads(shown), answer.json(), f"{method} {path}", ids)


def holds(shown: Any, answer: Any, where: str, ids: dict[str, str]) -> None:
    """Whether an answer has all that is shown; an id that is shown for the first time stands for the one answered."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            assert key in answer, f"{where}: no {key}"
            holds(value, answer[key], f"{where} {key}", ids)
    elif isinstance(shown, list):
        assert len(shown) == len(answer), where
        for mine, theirs in zip(shown, answer, strict=True):
            holds(mine, theirs, where, ids)
    elif isinstance(shown, str) and SHORT_ID.fullmatch(shown):
        assert ids.setdefault(shown, answer) == answer, where
    else:
        assert shown == answer, where
