"""Usage summaries of the first API: by price and period, exact, and in the shape that 0.x clients read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from starlette.testclient import TestClient

from billing.api.v1 import create_v1
from billing.orders.advance import advance
from tests.billing.orders import goods
from tests.billing.shop import Shop, open_shop


class Strict(BaseModel):
    """Reads what is there in the types that 0.6.0 declares, and lets more fields be."""

    model_config = ConfigDict(extra="allow")


class Place(Strict):
    id: str | None = None
    displayId: str | None = None  # noqa: N815


class Summary(Strict):
    """The names and types of `UsageSummary` of paid-python 0.6.0."""

    id: str
    eventName: str  # noqa: N815
    eventsQuantity: int  # noqa: N815
    startDate: datetime  # noqa: N815
    endDate: datetime  # noqa: N815
    subtotal: int
    nextBillingDate: datetime  # noqa: N815
    customerId: str  # noqa: N815
    orderId: str  # noqa: N815
    orderLineId: str  # noqa: N815
    orderLineAttributeId: str  # noqa: N815
    invoiceId: str | None = None  # noqa: N815
    invoiceLineId: str | None = None  # noqa: N815
    createdAt: datetime  # noqa: N815
    updatedAt: datetime  # noqa: N815
    order: Place | None = None
    orderLine: Place | None = None  # noqa: N815


class Meta(Strict):
    limit: int
    offset: int
    total: int
    hasMore: bool  # noqa: N815


class Answer(Strict):
    data: list[Summary]
    pagination: Meta


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def v1(shop: Shop) -> Iterator[TestClient]:
    with TestClient(create_v1(shop.billing, lambda body: {})) as client:
        yield client


def asked(client: TestClient, customer: str = "acme", **params: Any) -> Answer:
    answer = client.get(f"/customers/external/{customer}/usage", params=params)
    assert answer.status_code == 200, answer.json()
    return Answer.model_validate_json(answer.content, strict=True)


def test_each_period_says_what_was_used_and_what_it_comes_to(shop: Shop, v1: TestClient):
    """The one that is over is on an invoice; the one that runs is as far as it has come."""
    lake = goods.with_lake(shop)
    bot = goods.product(shop, goods.fee(2900), goods.usage(7))
    acme = goods.customer(shop)
    order = goods.order(shop, acme, bot["id"], "2026-03-15T12:00:00Z")
    lake.event(at("2026-03-15T12:00"), "2.5")
    lake.event(at("2026-04-01T00:00"), None)
    lake.event(at("2026-04-15T12:00"), "3")
    shop.clock.now = at("2026-04-20T00:00")
    advance(shop.billing, shop.clock())

    running, over = asked(v1).data

    (line, _) = goods.lines(shop, invoice := goods.invoices(shop)[1])
    assert over.model_dump(exclude={"id", "order", "orderLine"}) == {
        "eventName": "page", "eventsQuantity": 2, "subtotal": 18, "currency": "USD",
        "startDate": at("2026-03-15T12:00"), "endDate": at("2026-04-15T12:00"),
        "nextBillingDate": at("2026-04-15T12:00"), "createdAt": at("2026-03-15T12:00"), "updatedAt": shop.clock(),
        "customerId": acme, "orderId": order["id"], "orderLineId": running.orderLineId,
        "orderLineAttributeId": running.orderLineAttributeId, "invoiceId": invoice["id"], "invoiceLineId": line["id"],
        "details": {"quantity": "2.5", "events": 2, "eventsWithoutQuantity": 1},
    }  # fmt: skip
    assert over.subtotal == line["totalPriceBeforeTax"]
    assert (running.eventsQuantity, running.subtotal, running.invoiceId) == (3, 21, None)
    assert (running.startDate, running.endDate) == (at("2026-04-15T12:00"), at("2026-05-15T12:00"))
    assert running.nextBillingDate == running.endDate
    assert running.order is not None
    assert (running.order.id, running.order.displayId) == (order["id"], "1")
    assert len({running.id, over.id}) == 2

    lake.event(at("2026-03-16T00:00"), "1")
    assert asked(v1).data[1].subtotal == 25  # what comes late is in it, and on the next invoice


def test_costs_and_credits_are_counted_as_calls_and_events(shop: Shop, v1: TestClient):
    """Costs come to their price; what is paid in credits comes to no money."""
    lake = goods.with_lake(shop)
    chat = shop.api.post("/credits/currencies", json={"name": "Chat", "key": "chat"}).json()["id"]
    plus = {"name": "AI", "pricing": {"pricingType": "UsageCostPlus", "costPlusMultiplier": 1.5}}
    prepaid = {
        "name": "Chats",
        "pricing": {
            "pricingType": "UsagePrepaidCredits",
            "eventName": "chat",
            "creditsCurrencyId": chat,
            "creditCost": 2,
        },
    }
    bot = goods.product(shop, plus, prepaid)
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z")
    lake.cost(at("2026-03-02"), "0.333333333333")
    lake.cost(at("2026-03-03"), "1.000000000001")
    for day in ("2026-03-02", "2026-03-04", "2026-03-05"):
        lake.event(at(day), "10", name="chat")

    shown = {each.eventName: (each.eventsQuantity, each.subtotal) for each in asked(v1).data}

    assert shown == {"AI": (2, 200), "chat": (3, 0)}


def test_a_changed_price_is_a_summary_of_its_own(shop: Shop, v1: TestClient):
    lake = goods.with_lake(shop)
    bot = goods.product(shop, goods.usage(7))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z")
    lake.event(at("2026-03-02"), "1")
    lake.event(at("2026-03-16"), "1")
    attribute = bot["productAttributes"][0]
    changed = {"productAttributeId": attribute["productAttributeId"]} | goods.usage(9)
    shop.api.put(f"/products/{bot['id']}", json={"productAttributes": [changed]})

    assert sorted(each.subtotal for each in asked(v1).data) == [7, 9]


def test_pages_and_times_choose(shop: Shop, v1: TestClient):
    goods.with_lake(shop)
    bot = goods.product(shop, goods.usage(7))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-01-01T00:00:00Z")

    assert [each.startDate.month for each in asked(v1).data] == [3, 2, 1]
    second = asked(v1, limit=1, offset=1)
    assert [each.startDate.month for each in second.data] == [2]
    assert second.pagination == Meta(limit=1, offset=1, total=3, hasMore=True)
    within = {"startTime": "2026-02-01T00:00:00Z", "endTime": "2026-02-28"}
    assert [each.startDate.month for each in asked(v1, **within).data] == [2]
    assert asked(v1, endTime="2025-12-31").data == []
    goods.customer(shop, "idle")
    assert asked(v1, "idle").pagination == Meta(limit=100, offset=0, total=0, hasMore=False)


def test_nobody_and_no_lake_are_errors(shop: Shop, v1: TestClient):
    bot = goods.product(shop, goods.usage(7))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z")

    assert v1.get("/customers/external/nobody/usage").status_code == 404
    assert v1.get("/customers/external/acme/usage").status_code == 503
    assert v1.get("/customers/external/acme/usage", params={"startTime": "x"}).status_code == 400


@settings(max_examples=6, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(2025, 12, 1), datetime(2026, 4, 30)),  # noqa: DTZ001
            st.decimals(Decimal("0.000001"), 1000, places=6),
        ),
        max_size=8,
    )
)
def test_summaries_come_to_what_is_invoiced(tmp_path_factory: pytest.TempPathFactory, events: list[Any]):
    """However events lie: once a period is over its summary is its line, to the cent, and no event is in two."""
    with (
        open_shop(tmp_path_factory.mktemp("shop")) as shop,
        TestClient(create_v1(shop.billing, lambda body: {})) as client,
    ):
        lake = goods.with_lake(shop)
        bot = goods.product(shop, goods.usage(7))
        goods.order(shop, goods.customer(shop), bot["id"], "2026-01-31T00:00:00Z", billingAnchor=15)
        for moment, quantity in events:
            lake.event(moment.replace(tzinfo=UTC), str(quantity))
        shop.clock.now = at("2026-05-20T00:00")
        advance(shop.billing, shop.clock())
        shown = [each for each in asked(client).data if each.endDate <= shop.clock()]
        lines = {line["id"]: line for invoice in goods.invoices(shop) for line in goods.lines(shop, invoice)}
        billed = {each.invoiceLineId: each.subtotal for each in shown if each.invoiceLineId is not None}
        assert billed == {key: line["totalPriceBeforeTax"] for key, line in lines.items()}
        assert all(each.subtotal == 0 for each in shown if each.invoiceLineId is None)
        counted = [each for each in events if each[0] >= datetime(2026, 1, 31)]  # noqa: DTZ001
        assert sum(each.details["events"] for each in shown) == len(counted)  # type: ignore[attr-defined]
