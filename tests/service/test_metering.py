"""Signals debit credits exactly once, whether they came by REST, OTLP or import, through the real service."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from billing.context import Billing
from marginlake.business import open_database
from marginlake.config import Config
from tests.billing.metering.on_sale import currency, grant, message, order
from tests.billing.shop import FixedClock, Shop
from tests.marginlake.paid_stories import FOLDER
from tests.service.running import Service, marginlake

JSON = {"content-type": "application/json"}


def on_sale(data: Path, customer: str, product: str) -> None:
    """Before the service runs: a customer with 1000 credits, one a `chat_message`."""
    data.mkdir(parents=True, exist_ok=True)
    database = open_database(data, Config())
    shop = Shop(Billing(database), FixedClock(), None)  # type: ignore[arg-type]
    chat = currency(shop)
    order(shop, customer, message(chat), product=product)
    grant(shop, customer, chat, 1000)
    database.close()


def signal(key: str | None = None) -> dict[str, object]:
    said = {
        "eventName": "chat_message",
        "customer": {"externalCustomerId": "acme"},
        "attribution": {"externalProductId": "bot"},
    }
    return said if key is None else {**said, "idempotencyKey": key}


def balance(client: httpx.Client, customer: str = "acme") -> Decimal:
    answer = client.get(f"/api/v2/customers/external/{customer}/credits/balances")
    assert answer.status_code == 200, answer.text
    return sum((Decimal(str(each["available"])) for each in answer.json()["data"]), Decimal(0))


def eventually(client: httpx.Client, expected: int, customer: str = "acme") -> None:
    until = time.monotonic() + 20
    while balance(client, customer) != expected and time.monotonic() < until:
        time.sleep(0.2)
    assert balance(client, customer) == expected


@pytest.fixture
def data(tmp_path: Path) -> Path:
    on_sale(tmp_path / "data", "acme", "bot")
    return tmp_path / "data"


@pytest.fixture
def service(data: Path) -> Iterator[Service]:
    with Service(data) as running:
        yield running


def test_a_balance_that_is_read_after_the_answer_has_the_debit(service: Service):
    with httpx.Client(base_url=f"http://{service.http}", timeout=30) as client:
        for sent in range(1, 6):
            client.post("/api/v2/signals/bulk", json={"signals": [signal(), signal()]})
            assert balance(client) == 1000 - 2 * sent
        keyed = {"signals": [signal("k"), signal("k")]}
        assert client.post("/api/v2/signals/bulk", json=keyed).json()["duplicates"] == 1
        assert client.post("/api/v2/signals/bulk", json=keyed).json()["duplicates"] == 2
        assert balance(client) == 989
        time.sleep(3)  # the follower has seen them in the lake by now
        assert balance(client) == 989


def test_spans_debit_as_soon_as_they_are_in_the_lake_and_imports_too(tmp_path: Path):
    """The recorded spans of the Node SDK: one `chat_message` with a product, live, again, and by an import."""
    story = FOLDER / "node_signal_between"
    bodies = [path.read_bytes() for path in sorted(story.iterdir()) if path.suffix == ".json"]
    spans = [
        {one["key"]: one["value"].get("stringValue") for one in span["attributes"]} | {"name": span["name"]}
        for body in bodies
        for resource in json.loads(body)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    (sent,) = [span for span in spans if span["name"] == "paid.trace.signal"]
    data = tmp_path / "data"
    on_sale(data, str(sent["external_customer_id"]), str(sent["external_agent_id"]))
    expected = 999 if sent["event_name"] == "chat_message" else 1000
    assert expected == 999
    with Service(data) as service, httpx.Client(base_url=f"http://{service.http}", timeout=30) as client:
        for _ in range(2):
            for body in bodies:
                client.post("/v1/traces", content=body, headers=JSON).raise_for_status()
        eventually(client, 999, str(sent["external_customer_id"]))
        file = tmp_path / "again.jsonl"
        file.write_bytes(b"\n".join(bodies))
        assert marginlake("import", str(file), "--data", str(data)).returncode == 0
        eventually(client, 999, str(sent["external_customer_id"]))


def test_an_import_alone_debits_too(tmp_path: Path):
    story = FOLDER / "node_signal_between"
    bodies = [path.read_bytes() for path in sorted(story.iterdir()) if path.suffix == ".json"]
    data = tmp_path / "data"
    on_sale(data, "cust_1", "chatbot")
    file = tmp_path / "spans.jsonl"
    file.write_bytes(b"\n".join(bodies))

    for _ in range(2):
        answer = marginlake("import", str(file), "--data", str(data))
        assert answer.returncode == 0, answer.stderr

    with Service(data) as service, httpx.Client(base_url=f"http://{service.http}", timeout=30) as client:
        assert balance(client, "cust_1") == 999


def test_killed_at_any_point_each_signal_is_debited_once(data: Path):
    """Signals that were answered are debited after a kill -9, and those that were sent again are debited once."""
    answered = 0
    for turn in range(3):
        with Service(data) as service, httpx.Client(base_url=f"http://{service.http}", timeout=30) as client:
            for number in range(20):
                body = {"signals": [signal(f"{turn}-{number}-{each}") for each in range(3)]}
                if client.post("/api/v2/signals/bulk", json=body).status_code == 200:
                    answered += 3
                if number == 10 + turn:
                    break
            service.kill()
    with Service(data) as service, httpx.Client(base_url=f"http://{service.http}", timeout=30) as client:
        assert balance(client) == 1000 - answered
        again = {"signals": [signal("0-0-0"), signal("new")]}
        assert client.post("/api/v2/signals/bulk", json=again).json()["ingested"] == 1
        assert balance(client) == 999 - answered
