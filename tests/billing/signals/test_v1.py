"""The first API: what 0.x clients send and read."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from billing.api.errors import ApiError
from billing.api.v1 import create_v1
from billing.database import BillingError
from billing.keys.gate import Gate
from billing.tables.orders import Order, OrderAttribute, OrderLine
from lake.connect import Lake
from receiver.signals.rest import parse_signals
from tests.billing.shop import NOW, Shop
from tests.billing.signals.lakes import put, shop_by_the_lake
from tests.lake.rows import NOON, after, cost, span

RECORDED = Path(__file__).parents[2] / "captures" / "paid_python_0.6.0"
JSON = {"content-type": "application/json"}


@dataclass
class Old:
    """A client of the first API, the bodies of the second that came out of it, and what is behind it."""

    api: TestClient
    taken: list[dict[str, Any]]
    shop: Shop
    lake: Lake


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    taken: list[dict[str, Any]] = []

    def accept(body: bytes) -> Mapping[str, int]:
        signals = parse_signals(body, NOW)
        taken.extend(json.loads(body)["signals"])
        if any(signal["eventName"] == "trouble" for signal in taken):
            raise ApiError(503, "Service unavailable", "come again")
        return {"ingested": len(signals), "duplicates": 0, "failed": 0}

    with shop_by_the_lake(tmp_path) as (shop, lake), TestClient(create_v1(shop.billing, accept)) as api:
        yield Old(api, taken, shop, lake)


def recorded(number: str) -> tuple[str, str, bytes]:
    """Method, path below the prefix, and body of a recorded request."""
    (request,) = RECORDED.glob(f"{number}_*.request.json")
    said = json.loads(request.read_text())
    body = (RECORDED / said["body_file"]).read_bytes() if said["body_file"] else b""
    return said["method"], said["path"].removeprefix("/api/v1"), body


def ordered(old: Old, pricing: dict[str, Any], benefits: list[Any] = []) -> str:  # noqa: B006
    """An active order of product `p` by `cust_1`, whose event has this price; returns the customer's id."""
    customer = old.shop.api.post("/customers", json={"name": "One", "externalId": "cust_1"}).json()["id"]
    product = old.shop.api.post("/products", json={"name": "P", "externalId": "p"}).json()["id"]
    blank = {
        name: None
        for table in (Order, OrderLine)
        for name in table.__table__.columns.keys()  # noqa: SIM118
    }
    stamps = {"created_at": NOW, "updated_at": NOW}
    flags = dict.fromkeys(("auto_post_invoices", "auto_send_billing_emails", "auto_send_payment_emails"), False)

    def work(session: Any) -> None:
        fields = {
            "id": "ord_1", "number": 1, "version": 1, "customer_id": customer, "billing_contact_ids": [], "name": "o",
            "creation_state": "active", "currency": "USD", "start_date": NOW, "activated_at": NOW, **flags, **stamps,
        }  # fmt: skip
        columns = Order.__mapper__.columns.keys()
        session.add(Order(**{name: fields.get(name, blank.get(name)) for name in columns}))
        session.flush()
        line = {
            "id": "ol_1", "order_id": "ord_1", "position": 0, "product_id": product, "name": "l",
            "line_type": "STANDARD", "start_date": NOW, **stamps,
        }  # fmt: skip
        session.add(OrderLine(**{name: line.get(name) for name in OrderLine.__mapper__.columns.keys()}))  # noqa: SIM118
        session.flush()
        attribute = {
            "id": "oa_1", "order_id": "ord_1", "order_line_id": "ol_1", "customer_id": customer,
            "product_id": product, "name": "a", "event_name": "e", "pricing_type": pricing["pricingType"],
            "pricing": pricing, "credit_benefits": benefits, "quantity": 1, "valid_from": NOW,
        }  # fmt: skip
        session.add(OrderAttribute(**{name: attribute.get(name) for name in OrderAttribute.__mapper__.columns.keys()}))  # noqa: SIM118

    old.shop.database.write(work)
    return str(customer)


@pytest.mark.parametrize(
    ("number", "becomes"),
    [
        (
            "001",
            {
                "eventName": "e",
                "customer": {"externalCustomerId": "cust_1"},
                "attribution": {"productId": "a1"},
                "data": {"costData": {"vendor": "acme", "cost": {"amount": 0.002, "currency": "USD"}}},
                "idempotencyKey": "k",
            },
        ),
        (
            "002",
            {
                "eventName": "e",
                "customer": {"externalCustomerId": "cust_1"},
                "attribution": {"externalProductId": "p"},
                "data": {"a": 1},
            },
        ),
    ],
)
def test_recorded_signals_become_those_of_today(old: Old, number: str, becomes: dict[str, Any]) -> None:
    method, path, body = recorded(number)
    answer = old.api.request(method, path, content=body, headers=JSON)
    assert answer.status_code == 200
    assert answer.json() == {"ingested": 1, "duplicates": 0, "failed": 0}
    assert old.taken == [becomes]


def test_whose_id_it_is(old: Old) -> None:
    """In the oldest form `customer_id` is the caller's own, in the later one it is ours."""
    for path, ids in (
        ("/usage/signals/bulk", {"customer_id": "acme"}),
        ("/usage/signals/bulk", {"internal_customer_id": "cus_1", "external_agent_id": "bot"}),
        ("/usage/v2/signals/bulk", {"customer_id": "cus_1", "product_id": "prod_1", "external_product_id": ""}),
    ):
        assert old.api.post(path, json={"signals": [{"event_name": "e", **ids}]}).status_code == 200
    assert [(signal["customer"], signal.get("attribution")) for signal in old.taken] == [
        ({"externalCustomerId": "acme"}, None),
        ({"customerId": "cus_1"}, {"externalProductId": "bot"}),
        ({"customerId": "cus_1"}, {"productId": "prod_1"}),
    ]


def test_numbers_keep_their_digits(old: Old) -> None:
    body = b'{"signals":[{"event_name":"e","customer_id":"c","data":{"q":1.10000000000000000001,"n":1E+400,"i":1%s}}]}'
    digits = b"0" * 30
    bodies: list[bytes] = []

    def accept(taken: bytes) -> Mapping[str, int]:
        bodies.append(taken)
        return {}

    with TestClient(create_v1(old.shop.billing, accept)) as api:
        assert api.post("/usage/signals/bulk", content=body % digits).status_code == 200
    assert b'{"q":1.10000000000000000001,"n":1E+400,"i":1%s}' % digits in bodies[0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"[]", "body: "),
        (b'{"signals":[{"event_name":"e","data":{"x":NaN}}]}', "NaN is not a JSON number"),
        (b'{"signals":[{"agent_id":"a"}]}', "signals[0].event_name: Field required"),
        (b'{"signals":[{"event_name":7}]}', "signals[0].event_name: Input should be a valid string"),
        (b"[" * 100_000, "the body is not JSON"),
    ],
)
def test_what_is_wrong_is_said_in_an_object(old: Old, body: bytes, message: str) -> None:
    answer = old.api.post("/usage/signals/bulk", content=body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
    assert answer.json()["error"]["code"] == "400"
    assert old.taken == []


def test_errors_from_anywhere_are_objects(old: Old) -> None:
    answers = [
        old.api.post("/usage/signals/bulk", json={"signals": [{"event_name": "trouble", "customer_id": "c"}]}),
        old.api.post("/usage/check-usage", json={"externalCustomerId": "nobody", "externalProductId": "p"}),
        old.api.get("/nowhere"),
        old.api.get("/traces", params={"limit": 0}),
        old.api.get("/traces", params={"metadata": "[1]"}),
        old.api.get("/customers/external/nobody/usage"),
    ]
    assert [answer.status_code for answer in answers] == [503, 404, 404, 400, 400, 404]
    assert all(isinstance(answer.json()["error"], dict) for answer in answers)
    with TestClient(create_v1(old.shop.billing, lambda body: {}, Gate(old.shop.database))) as api:
        refused = api.get("/traces")
    assert (refused.status_code, refused.json()["error"]["details"]) == (403, "Forbidden")


def test_a_body_has_an_end(old: Old) -> None:
    with TestClient(create_v1(old.shop.billing, lambda body: {}, largest_body=10)) as api:
        assert api.post("/usage/signals/bulk", content=b"x" * 11).status_code == 413


def test_usage_is_allowed_while_there_are_credits(old: Old) -> None:
    method, path, body = recorded("003")
    assert old.api.request(method, path, content=body, headers=JSON).status_code == 404
    currency = old.shop.api.post("/credits/currencies", json={"name": "Tokens", "key": "tokens"}).json()["id"]
    pricing = {
        "pricingType": "UsagePrepaidCredits", "eventName": "e", "creditsCurrencyId": currency, "creditCost": 2.5,
    }  # fmt: skip
    customer = ordered(old, pricing)

    assert old.api.request(method, path, content=body, headers=JSON).json() == {
        "allowed": False,
        "message": "too few credits for e: 0 available, 2.5 needed",
        "eventName": "e",
        "available": 0,
    }
    grant = {"creditCurrencyKey": "tokens", "amount": 2.5}
    assert old.shop.api.post(f"/customers/{customer}/credits/grants", json=grant).status_code == 200
    assert old.api.request(method, path, content=body, headers=JSON).json()["allowed"] is True
    other = {"externalCustomerId": "cust_1", "externalProductId": "q"}
    old.shop.api.post("/products", json={"name": "Q", "externalId": "q"})
    assert old.api.post(path, json=other).json()["message"] == "the customer has no active order of this product"


def test_debits_that_are_owed_count_first(old: Old) -> None:
    """Where they cannot be made in time, the client is told to come again."""

    def trouble() -> None:
        raise BillingError("debits are owed")

    billing = dataclasses.replace(old.shop.billing, settled=trouble)
    with TestClient(create_v1(billing, lambda body: {})) as api:
        answer = api.post("/usage/check-usage", json={"externalCustomerId": "c", "externalProductId": "p"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_events_with_a_price_for_overage_need_no_credits(old: Old) -> None:
    pricing = {"pricingType": "UsagePrepaidCredits", "eventName": "e", "creditsCurrencyId": "cc_1", "creditCost": 1}
    ordered(old, pricing, [{"creditsCurrencyId": "cc_1", "amount": 5, "overageUnitPrice": 10}])
    asked = {"externalCustomerId": "cust_1", "externalProductId": "p"}
    assert old.api.post("/usage/check-usage", json=asked).json()["allowed"] is True


def test_traces_are_calls_whose_cost_is_known(old: Old) -> None:
    customer = old.shop.api.post("/customers", json={"name": "One", "externalId": "cust_1"}).json()["id"]
    attributes = json.dumps({"metadata.a": "b", "metadata.deep.n": 1, "metadata.x/y~": "z", "gen_ai.system": "openai"})
    put(old.lake, "spans", span(1, attributes=attributes), span(2), span(3, attributes=attributes))
    put(
        old.lake,
        "costs",
        cost(1, "0.000000000001", customer_id="cust_1", product_id="bot", duration_ns=1_500),
        cost(2, "2", at=after(seconds=1), customer_id="cust_1"),
        cost(3, None, customer_id="cust_1"),
        cost(4, "4", at=after(seconds=2), customer_id="other"),
    )
    begun = int(NOON.timestamp()) * 10**9

    method, path, _ = recorded("004")
    assert old.api.request(method, path).json() == {
        "traces": [
            {
                "name": "chat",
                "vendor": "openai",
                "model": "gpt-5",
                "cost": {"amount": 1e-12, "currency": "USD"},
                "startTimeUnixNano": str(begun),
                "endTimeUnixNano": str(begun + 1_500),
                "attributes": json.loads(attributes),
                "customerId": customer,
                "productId": "bot",
            }
        ],
        "meta": {
            "limit": 5, "offset": 0, "count": 1, "hasMore": False,
            "externalCustomerId": "cust_1", "metadata": '{"a":"b"}',
        },
    }  # fmt: skip

    def amounts(path: str = "/traces", **asked: object) -> tuple[list[float], bool]:
        answer = old.api.get(path, params=asked).json()
        return [trace["cost"]["amount"] for trace in answer["traces"]], answer["meta"]["hasMore"]

    assert amounts() == ([4, 2, 1e-12], False)
    assert amounts(limit=2) == ([4, 2], True)
    assert amounts(limit=2, offset=2) == ([1e-12], False)
    assert amounts(externalAgentId="bot") == ([1e-12], False)
    assert amounts(startTime="2026-11-01T12:00:01Z", endTime="2026-11-01T12:00:01Z") == ([2], False)
    assert amounts(metadata='{"deep": {"n": 1.0}, "x/y~": "z"}') == ([1e-12], False)
    assert amounts(metadata='{"a": "c"}') == ([], False)
    assert amounts("/customers/external/other/costs") == ([4], False)
    _, path, _ = recorded("005")
    assert amounts(path) == ([2, 1e-12], False)
