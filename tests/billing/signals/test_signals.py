"""Signals over the API: the newest first, by every filter, under the ids as sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from billing.signals import asking
from lake.connect import Lake
from tests.billing.shop import Shop
from tests.billing.signals.lakes import event, put, shop_by_the_lake
from tests.lake.rows import after, trace

Pair = tuple[Shop, Lake]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with shop_by_the_lake(tmp_path) as opened:
        yield opened


def numbers(shop: Shop, **asked: object) -> list[int]:
    """The numbers of the signals that are listed."""
    answer = shop.api.get("/signals/", params=asked)
    assert answer.status_code == 200, answer.text
    return [int(item["id"].removeprefix("sig_"), 16) for item in answer.json()["data"]]


def created(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_a_signal_comes_back_as_it_was_sent(pair: Pair) -> None:
    shop, lake = pair
    data = '{"quantity":1.100000000000000000001,"n":123456789012345678901234567890,"text":"é"}'
    put(lake, "signals", event(1, customer_id="acme", product_id="bot", data=data, trace_id=trace(7)))

    answer = shop.api.get("/signals/sig_00000000000000000000000000000001")

    assert answer.text == (
        '{"id":"sig_00000000000000000000000000000001","name":"chat_message","externalCustomerId":"acme",'
        f'"externalProductId":"bot","traceId":"{trace(7)}","data":{data},"createdAt":"2026-11-01T12:00:00.000Z"}}'
    )


def test_data_that_is_no_object_is_kept_in_one(pair: Pair) -> None:
    shop, lake = pair
    put(lake, "signals", event(1, data="[1, 2]"))
    assert shop.api.get("/signals").json()["data"][0]["data"] == {"_raw": [1, 2]}


def test_the_newest_come_first_in_parts(pair: Pair) -> None:
    shop, lake = pair
    # Number 2 happened first and was received last; 4 and 5 were received together.
    times = {1: 1, 2: 9, 3: 3, 4: 5, 5: 5}
    put(lake, "signals", *(event(n, received_at=after(seconds=s)) for n, s in times.items()))

    assert numbers(shop) == [2, 5, 4, 3, 1]
    assert numbers(shop, limit=2, offset=1) == [5, 4]
    assert numbers(shop, offset=5) == []
    pagination = shop.api.get("/signals/", params={"limit": 2, "offset": 3}).json()["pagination"]
    assert pagination == {"limit": 2, "offset": 3, "total": 5, "hasMore": False}
    assert shop.api.get("/signals?limit=2").json()["pagination"]["hasMore"] is True
    assert shop.api.get("/signals?offset=7").json()["pagination"]["total"] == 5


def test_by_name_and_by_time_of_receipt(pair: Pair) -> None:
    shop, lake = pair
    put(
        lake,
        "signals",
        event(1, event_name="Chat_message"),
        event(2, received_at=after(days=1)),
        event(3, received_at=after(days=2, hours=11, minutes=59)),
    )

    assert numbers(shop, signalName="Chat_message") == [1]
    assert numbers(shop, signalName="it's; --") == []
    assert numbers(shop, createdAtFrom="2026-11-02") == [3, 2]
    assert numbers(shop, createdAtTo="2026-11-03") == [3, 2, 1]
    assert numbers(shop, createdAtFrom="2026-11-02T12:00:00Z", createdAtTo="2026-11-02T13:00:00+01:00") == [2]
    assert shop.api.get("/signals?createdAtFrom=yesterday").status_code == 400
    assert numbers(shop, createdAtFrom="0001-01-01", createdAtTo="9999-12-31") == [3, 2, 1]


def test_a_customer_is_found_under_all_its_names(pair: Pair) -> None:
    shop, lake = pair
    customer_id = created(shop.api.post("/customers", json={"name": "Acme", "externalId": "acme"}))
    assert shop.api.post(f"/customers/{customer_id}/aliases", json={"alias": "acme-old"}).status_code == 200
    rows = enumerate(("acme", "acme-old", customer_id, "other", None), start=1)
    put(lake, "signals", *(event(n, at=after(seconds=n), customer_id=name) for n, name in rows))

    assert numbers(shop, externalCustomerId="acme") == [3, 2, 1]
    assert numbers(shop, externalCustomerId="acme-old") == [3, 2, 1]
    assert numbers(shop, customerId=customer_id) == [3, 2, 1]
    assert numbers(shop, externalCustomerId="other") == [4]
    assert numbers(shop, customerId="other") == [4]
    assert numbers(shop, customerId=customer_id, externalCustomerId="other") == []
    shown = [(one.get("customerId"), one.get("externalCustomerId")) for one in shop.api.get("/signals").json()["data"]]
    assert shown == [
        (None, None), (None, "other"), (customer_id, "acme"), (customer_id, "acme-old"), (customer_id, "acme"),
    ]  # fmt: skip


def test_a_product_is_found_under_both_its_ids(pair: Pair) -> None:
    shop, lake = pair
    product_id = created(shop.api.post("/products", json={"name": "Bot", "externalId": "bot"}))
    rows = enumerate(("bot", product_id, "else"), start=1)
    put(lake, "signals", *(event(n, at=after(seconds=n), product_id=name) for n, name in rows))

    assert numbers(shop, externalProductId="bot") == [2, 1]
    assert numbers(shop, productId=product_id) == [2, 1]
    assert numbers(shop, externalProductId="else") == [3]
    shown = [(one.get("productId"), one.get("externalProductId")) for one in shop.api.get("/signals").json()["data"]]
    assert shown == [(None, "else"), (product_id, "bot"), (product_id, "bot")]


def test_unknown_ids_are_not_found(pair: Pair) -> None:
    shop, _ = pair
    for unknown in ("sig_1", "'", "%00"):
        assert shop.api.get(f"/signals/{unknown}").status_code in (400, 404)
    assert numbers(shop) == []


def test_a_lake_that_cannot_be_asked_is_a_503(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, lake = pair

    def busy(sql: str) -> pl.DataFrame:
        raise duckdb.IOException("database is locked")

    monkeypatch.setattr(asking, "_ATTEMPTS", 2)
    monkeypatch.setattr(lake, "read", busy)
    answer = shop.api.get("/signals")
    assert answer.status_code == 503
    assert answer.json()["details"] == "the lake is busy; ask again: database is locked"
