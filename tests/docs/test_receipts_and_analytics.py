"""The pages on receipts and on analytics: their requests are answered as they show, their queries run."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from billing.analytics.query import AT_ONCE, ROWS, SECONDS
from billing.analytics.spellings import MACROS
from billing.analytics.views import VIEWS
from tests.billing.value.delivering import Delivery, delivery
from tests.docs.test_examples import ROOT, blocks

ANALYTICS = ROOT / "docs" / "analytics-api.md"
RECEIPTS = ROOT / "docs" / "receipts.md"


def requested(page: str) -> tuple[str, Any]:
    """The path (below the API) and the body of a page's request."""
    (request,) = blocks(ROOT / "docs" / page, "http")
    line, _, body = request.partition("\n")
    return line.removeprefix("POST /api/v2"), json.loads(body)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    """Three messages of February and the metric of the page on value."""
    with delivery(tmp_path_factory.mktemp("pages")) as opened:
        opened.api.post("/customers", json={"name": "Acme", "externalId": "acme"})
        opened.arrive(
            *(("acme", "chat_message", {"minutes_saved": many}, "2026-02-03T00:00:00Z") for many in (10, 3, 1))
        )
        path, body = requested("value.md")
        assert opened.api.post(path, json=body).status_code == 201
        opened.follow()
        yield opened


def test_the_receipt_comes_out_as_the_page_shows(place: Delivery) -> None:
    path, body = requested("receipts.md")
    made = place.api.post(path, json=body).json()
    shown = place.api.get(f"/value-receipts/{made['id']}").json()
    (told,) = blocks(RECEIPTS, "json")
    assert {key: shown[key] for key in json.loads(told)} == json.loads(told)


def test_the_routes_of_the_page_are_there(place: Delivery) -> None:
    page = RECEIPTS.read_text(encoding="utf-8")
    known = set(place.api.get("/openapi.json").json()["paths"])
    for method, path in re.findall(r"^\| `(POST|GET) (?:/api/v2)?(/[\w/{}-]+)`", page, re.MULTILINE):
        assert path in known, (method, path)
    for step in re.findall(r"(?:POST )?…(?:/\{id\})?/([\w-]+)`", page):
        assert f"/value-receipts/{{receipt_id}}/{step}" in known, step


@pytest.mark.parametrize("sql", blocks(ANALYTICS, "SQL"))
def test_the_queries_of_the_page_are_answered(place: Delivery, sql: str) -> None:
    answer = place.api.post("/analytics/query", json={"query": sql})
    assert answer.status_code == 200, answer.json()


def test_the_page_names_every_view_spelling_and_limit() -> None:
    page = ANALYTICS.read_text(encoding="utf-8")
    assert set(re.findall(r"`((?:dim|fact)_\w+)`", page)) == {view.name for view in VIEWS}
    listed = page[page.index("spellings are added:") : page.index("Not understood")]
    assert set(re.findall(r"`(\w+)`", listed)) == {written.partition("(")[0] for written in MACROS}
    assert f"{SECONDS:.0f} seconds (408), {ROWS:,} rows" in page
    assert (AT_ONCE, "four queries at once" in page) == (4, True)


def test_what_the_page_says_is_not_understood_is_not(place: Delivery) -> None:
    for sql in (
        "SELECT arrayJoin([1])",
        "SELECT multiIf(true, 1, 2)",
        "SELECT quantile(0.5)(quantity) FROM fact_signal",
        "SELECT 1 FROM dim_plan FORMAT JSON",
    ):
        assert place.api.post("/analytics/query", json={"query": sql}).status_code == 400
    for sql in ("SELECT unnest([1])", "SELECT quantile_cont(quantity, 0.5) FROM fact_signal"):
        assert place.api.post("/analytics/query", json={"query": sql}).status_code == 200
