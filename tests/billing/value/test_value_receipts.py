"""Receipts of delivered value: what they count, when they change, and who sees them."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from billing.receipts.store import is_intact
from billing.tables.customers import CustomerAlias
from billing.tables.receipts import ValueReceipt
from marginlake.adoption import rules_in
from marginlake.config import Config
from tests.billing.value.delivering import Delivery, delivery
from tests.billing.value.wanted import METRIC, sent

NUMBERS = count()
FEBRUARY = {"startDate": "2026-02-01T00:00:00Z", "endDate": "2026-03-01T00:00:00Z"}
MONEY = {
    "name": "Money saved",
    "unit": {"type": "monetary"},
    "formula": {"expression": "money_saved", "variables": [{"id": "money_saved", "label": "Money saved"}]},
    "signal": {"eventName": "chat_message"},
}


REFUSED: tuple[tuple[dict[str, Any], int], ...] = (
    ({"endDate": "2026-03-15T12:00:00.001Z"}, 400),
    ({"startDate": "2026-03-02T00:00:00Z"}, 400),
    ({"startDate": "2026-02-01T00:00:00"}, 400),
    ({"customerId": "cus_1"}, 400),
    ({"externalCustomerId": "nobody"}, 404),
    ({"product": {"productId": "prod_none"}}, 404),
    ({"product": {"productId": "prod_none", "currency": "EUR"}}, 400),
    ({"orderId": "ord_none"}, 404),
    ({"orderId": "ord_none", "product": {"productId": "prod_none"}}, 400),
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Delivery]:
    """Two customers with events in February, and the metric of the recording."""
    with delivery(tmp_path) as opened:
        opened.api.post("/customers", json={"name": "Acme", "externalId": "acme"})
        opened.api.post("/products", json={"name": "Chat", "externalId": "chat"})
        opened.arrive(
            ("acme", "chat_message", {"minutes_saved": 10}, "2026-02-01T00:00:00Z"),
            ("acme", "chat_message", {}, "2026-02-28T23:59:59.999999Z"),
            ("acme", "chat_message", {"minutes_saved": 99}, "2026-03-01T00:00:00Z"),
            ("acme", "chat_message", {"minutes_saved": 99}, "2026-01-31T23:59:59Z"),
            ("other", "chat_message", {"minutes_saved": 99}, "2026-02-10T00:00:00Z"),
        )
        opened.arrive(("acme", "chat_message", {"minutes_saved": 1}, "2026-02-10T00:00:00Z"), product="chat")
        assert opened.api.post("/value-metrics", json=METRIC).status_code == 201
        assert opened.follow() == 6
        yield opened


def made(place: Delivery, **changes: Any) -> dict[str, Any]:
    answer = place.api.post("/value-receipts/", json={"externalCustomerId": "acme", **FEBRUARY, **changes})
    assert answer.status_code == 201, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def detail(place: Delivery, receipt: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = place.api.get(f"/value-receipts/{receipt['id']}").json()
    return found


def test_a_receipt_counts_the_customers_events_of_the_period(place: Delivery) -> None:
    receipt = made(place)
    shown = detail(place, receipt)

    assert shown["metrics"] == [
        {"slug": "hours_saved", "name": "Hours saved", "category": "time", "unit": "minutes", "events": 3,
         "amount": "14", "value": "7"}
    ]  # fmt: skip
    assert (shown["totalDeliveredValue"], shown["currency"], shown["status"]) == (7, "USD", "draft")
    assert (shown["customerName"], shown["customerExternalId"]) == ("Acme", "acme")
    assert shown["isPublished"] is False
    assert shown["publicUrl"].endswith(f"/public/value-receipts/{receipt['publicUrlToken']}")


def test_one_of_a_product_counts_that_products_events_only(place: Delivery) -> None:
    product = place.api.get("/products/external/chat").json()["id"]
    shown = detail(place, made(place, product={"productId": product, "currency": "usd"}))
    assert (shown["totalDeliveredValue"], shown["productId"]) == (0.5, product)


def test_aliases_of_a_customer_count_too(place: Delivery) -> None:
    customer = place.api.get("/customers/external/acme").json()["id"]
    now = place.shop.clock()
    place.shop.database.write(
        lambda session: session.add(
            CustomerAlias(
                alias="other", customer_id=customer, name=None, description=None, created_at=now, updated_at=now
            )
        )
    )
    assert detail(place, made(place))["totalDeliveredValue"] == 56.5


def test_an_empty_period_is_worth_nothing_and_says_so(place: Delivery) -> None:
    recorded = sent(44)
    shown = detail(place, made(place, startDate=recorded["startDate"], endDate=recorded["endDate"]))
    assert (shown["totalDeliveredValue"], shown["metrics"]) == (0, [])


def test_what_cannot_be_is_refused(place: Delivery) -> None:
    for changes, status in REFUSED:
        answer = place.api.post("/value-receipts", json={"externalCustomerId": "acme", **FEBRUARY, **changes})
        assert (changes, answer.status_code) == (changes, status)


def test_late_events_change_a_draft_that_is_refreshed_and_never_a_sealed_receipt(place: Delivery) -> None:
    draft, sealed = made(place), made(place)
    assert place.api.post(f"/value-receipts/{sealed['id']}/seal", json={}).json() == {"success": True}
    before = detail(place, sealed)
    assert (before["status"], before["contentHash"]) == ("posted", before["contentHash"])

    place.arrive(("acme", "chat_message", {"minutes_saved": 86}, "2026-02-14T00:00:00Z"))

    assert place.api.post(f"/value-receipts/{draft['id']}/refresh", json={}).status_code == 200
    assert detail(place, draft)["totalDeliveredValue"] == 50
    assert place.api.post(f"/value-receipts/{sealed['id']}/refresh", json={}).status_code == 409
    assert place.api.post(f"/value-receipts/{sealed['id']}/seal", json={}).status_code == 409
    assert detail(place, sealed) == before
    with place.shop.database.read() as session:
        assert all(is_intact(receipt) for receipt in session.scalars(select(ValueReceipt)))


def test_sync_finds_fills_and_leaves_what_is_sealed(place: Delivery) -> None:
    def sync() -> Any:
        return place.api.post("/value-receipts/sync", json={"externalCustomerId": "acme", **FEBRUARY})

    first = sync()
    assert first.status_code == 201
    place.shop.clock.forward(hours=1)
    place.arrive(("acme", "chat_message", {"minutes_saved": 86}, "2026-02-14T00:00:00Z"))
    second = sync()
    assert (second.status_code, second.json()["id"]) == (200, first.json()["id"])
    assert second.json()["generatedAt"] == "2026-03-15T13:00:00.000Z"
    assert detail(place, second.json())["totalDeliveredValue"] == 50

    place.api.post(f"/value-receipts/{first.json()['id']}/seal")
    place.arrive(("acme", "chat_message", {"minutes_saved": 100}, "2026-02-14T00:00:00Z"))
    third = sync()
    assert (third.status_code, third.json()["status"]) == (200, "posted")
    assert detail(place, third.json())["totalDeliveredValue"] == 50
    # creating makes another one
    assert made(place)["id"] != first.json()["id"]


def test_receipts_are_listed_archived_and_brought_back(place: Delivery) -> None:
    one, two = made(place), made(place)

    def listed(**params: str) -> list[str]:
        answer = place.api.get("/value-receipts/", params=params).json()
        assert answer["total"] == len(answer["data"])
        return [each["id"] for each in answer["data"]]

    assert sorted(listed()) == sorted([one["id"], two["id"]])
    for _ in range(2):
        assert place.api.post(f"/value-receipts/{one['id']}/archive", json={}).json() == {"success": True}
    assert listed(externalCustomerId="acme") == [two["id"]]
    assert listed(archived="true") == [one["id"]]
    assert listed(externalCustomerId="nobody") == listed(customerId="cus_none") == listed(orderId="ord_x") == []
    assert place.api.post(f"/value-receipts/{one['id']}/publish", json={}).status_code == 409
    assert place.api.post(f"/value-receipts/{one['id']}/refresh", json={}).status_code == 409
    assert place.api.post(f"/value-receipts/{one['id']}/unarchive", json={}).json() == {"success": True}
    assert place.api.post(f"/value-receipts/{one['id']}/unarchive", json={}).status_code == 409
    assert place.api.get("/value-receipts/vr_none").status_code == 404


def seen(place: Delivery, share: str, **params: str) -> int:
    return place.public.get(f"/value-receipts/{share}", params=params).status_code


def test_a_published_receipt_is_open_until_it_expires_or_is_taken_back(place: Delivery) -> None:
    receipt = made(place)
    token = receipt["publicUrlToken"]
    path = f"/value-receipts/{receipt['id']}"
    assert seen(place, token) == 404

    published = place.api.post(f"{path}/publish", json={"publishExpiresAt": "2026-03-16T00:00:00Z"}).json()
    assert (published["isPublished"], published["publishExpiresAt"]) == (True, "2026-03-16T00:00:00.000Z")
    shown = place.public.get(f"/value-receipts/{token}").json()
    assert (shown["totalDeliveredValue"], shown["customerName"]) == (7, "Acme")
    assert not {"cost", "revenue", "margin", "customerId"} & set(shown)

    place.shop.clock.forward(hours=12)
    assert seen(place, token) == 404
    assert detail(place, receipt)["isPublished"] is False
    assert place.api.post(f"{path}/publish", json={"publishExpiresAt": "2026-03-16T00:00:00Z"}).status_code == 400
    place.api.post(f"{path}/publish", json={})
    assert seen(place, token) == 200
    other = place.api.post(f"{path}/rotate-share-token").json()["publicUrlToken"]
    assert (seen(place, token), seen(place, other)) == (404, 200)
    assert place.api.post("/value-receipts/share-tokens/revoke-all").json() == {"revoked": 1}
    assert seen(place, other) == 404
    newest = detail(place, receipt)["publicUrlToken"]
    assert seen(place, newest) == 200
    assert place.api.post(f"{path}/unpublish", json={}).json()["isPublished"] is False
    assert seen(place, newest) == 404


def test_embed_tokens_open_what_they_are_for_until_the_secret_changes(place: Delivery) -> None:
    receipt = made(place)
    share = receipt["publicUrlToken"]
    assert place.api.post("/value-receipts/embed-tokens", json={"resourceId": share}).status_code == 409
    secret = place.api.post("/value-receipts/embed-secret/rotate").json()["secret"]

    def minted(**said: Any) -> str:
        return str(place.api.post("/value-receipts/embed-tokens", json=said).json()["token"])

    of_receipt, of_customer = minted(resourceId=receipt["id"]), minted(externalCustomerId="acme", ttlSeconds=60)
    assert seen(place, share, token=of_receipt) == seen(place, share, token=of_customer) == 200
    bearer = place.public.get(f"/value-receipts/{share}", headers={"authorization": f"Bearer {of_receipt}"})
    assert bearer.status_code == 200
    assert seen(place, share, token=minted(resourceId="vr_other")) == 403
    assert seen(place, share, token=minted(resourceId="vr_other", externalCustomerId="acme")) == 403

    ends = int(place.shop.clock().timestamp()) + 60

    def signed(key: str = secret, algorithm: str = "HS256", **claims: Any) -> str:
        return jwt.encode({"iss": "paid", "exp": ends, "sub": "acme", **claims}, key, algorithm=algorithm)

    assert seen(place, share, token=signed()) == 200
    for wrong in (
        signed(iss="else"),
        signed(exp=ends - 61),
        signed(exp=10**18),
        signed(key="x" * 64),
        signed(algorithm="HS512"),
        signed(nbf=ends),
        jwt.encode({"iss": "paid", "exp": ends, "sub": "acme"}, "", algorithm="none"),
        jwt.encode({"iss": "paid", "sub": "acme"}, secret),
        "not a token",
    ):
        assert seen(place, share, token=wrong) == 401
    assert seen(place, share, token=signed(sub="other")) == 403
    place.shop.clock.forward(seconds=61)
    assert seen(place, share, token=of_customer) == 401
    assert seen(place, share, token=of_receipt) == 200
    place.api.post("/value-receipts/embed-secret/rotate", json={"issuer": "me", "audience": "page"})
    assert seen(place, share, token=of_receipt) == 401
    assert seen(place, share, token=minted(resourceId=share)) == 200
    assert seen(place, "unknown", token=minted(resourceId=share)) == 404


def test_unknown_values_are_counted_and_add_nothing(place: Delivery) -> None:
    place.api.post("/value-metrics", json=MONEY)
    place.follow()
    place.arrive(
        ("acme", "chat_message", {"money_saved": 150}, "2026-02-03T00:00:00Z"),
        ("acme", "chat_message", {"money_saved": "much"}, "2026-02-03T00:00:00Z"),
    )
    shown = detail(place, made(place))
    assert [each for each in shown["metrics"] if each["slug"] == "money_saved"] == [
        {"slug": "money_saved", "name": "Money saved", "unit": "USD", "events": 2, "amount": "1.5", "value": "1.5",
         "unknown": 1}
    ]  # fmt: skip


def test_a_changed_metric_values_history_again_and_a_backfill_finds_nothing_more(place: Delivery) -> None:
    place.api.patch("/value-metrics/hours_saved", json={"monetaryConversion": {"valuePerUnit": 2}})
    assert place.follow() == 6
    assert detail(place, made(place))["totalDeliveredValue"] == 28
    assert place.api.post("/value-models/backfill", json={}).status_code == 200
    assert place.follow() == 0
    # an archived metric counts for what happened before
    place.api.delete("/value-metrics/hours_saved")
    place.follow()
    place.arrive(("acme", "chat_message", {"minutes_saved": 1}, "2026-03-15T12:00:00Z"))
    assert place.lake.read("SELECT count(*) AS n FROM event_values").item() == 6


def test_a_backfill_repairs_what_was_lost(place: Delivery) -> None:
    place.lake.run(lambda tx: tx.replace("event_values", place.lake.read("SELECT signal_id FROM event_values"),
                                         place.lake.read("SELECT * FROM event_values LIMIT 0")))  # fmt: skip
    place.api.post("/value-models/backfill")
    place.follow()
    assert place.lake.read("SELECT count(*) AS n FROM event_values").item() == 6


def test_what_the_settings_say_of_a_metric_holds_instead(tmp_path: Path) -> None:
    own = {"name": "Hours saved", "event": "chat_message", "unit": "minutes", "expression": "minutes_saved",
           "value_per_unit": Decimal(10)}  # fmt: skip
    with delivery(tmp_path, Config(value={"metric": [own]})) as place:  # type: ignore[arg-type]
        place.api.post("/customers", json={"name": "Acme", "externalId": "acme"})
        place.arrive(("acme", "chat_message", {"minutes_saved": 2, "money_saved": 100}, "2026-02-03T00:00:00Z"))
        place.api.post("/value-metrics", json=METRIC)
        place.api.post("/value-metrics", json=MONEY)
        place.follow()
        shown = detail(place, made(place))
        assert {each["slug"]: each["value"] for each in shown["metrics"]} == {"hours_saved": "20", "money_saved": "1"}
        # commands that know nothing of the API go by what it said
        again = rules_in(place.lake, Config(value={"metric": [own]}), None)  # type: ignore[arg-type]
        assert again.events.value == place.rules.events.value


@pytest.fixture(scope="module")
def summing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    with delivery(tmp_path_factory.mktemp("sums")) as opened:
        opened.arrive(("other", "chat_message", {}, "2026-02-01T00:00:00Z"))
        opened.api.post("/value-metrics", json=METRIC)
        opened.follow()
        yield opened


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.decimals(-1000, 10_000, places=3, allow_nan=False), st.integers(0, 60)),
        max_size=12,
    ),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_totals_are_the_sums_of_the_events(
    summing: Delivery, events: list[tuple[bool, Decimal, int]], first: int, last: int
) -> None:
    first, last = sorted((first, last))
    start = summing.shop.clock() - timedelta(days=61)
    me = f"customer-{next(NUMBERS)}"
    summing.api.post("/customers", json={"name": me, "externalId": me})

    def at(day: int) -> str:
        return (start + timedelta(days=day)).isoformat()

    if events:
        summing.arrive(
            *(
                (me if is_mine else "other", "chat_message", {"minutes_saved": float(many)}, at(day))
                for is_mine, many, day in events
            )
        )
    receipt = made(summing, externalCustomerId=me, startDate=at(first), endDate=at(last))
    shown = detail(summing, receipt)
    mine = [many for is_mine, many, day in events if is_mine and first <= day < last]
    assert Decimal(str(shown["totalDeliveredValue"])) == sum(mine, Decimal(0)) / 2
    assert sum(each["events"] for each in shown["metrics"]) == len(mine)
    assert sum(Decimal(each["amount"]) for each in shown["metrics"]) == sum(mine, Decimal(0))
