"""T1 to T17: what the unmodified Python SDK does against the service, and what it finds afterwards."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from conftest import API, KEY, World, eventually, new_world
from openai import OpenAI
from paid import Paid
from paid.core.api_error import ApiError
from paid.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from paid.tracing import (
    cost_attributed_signal,
    generate_tracing_token,
    initialize_tracing,
    paid_autoinstrument,
    paid_tracing,
)

CALL_CENTS = 0.575
ONCE = {"max_retries": 0}


@pytest.fixture(scope="module")
def llm() -> OpenAI:
    """The provider's client, traced."""
    initialize_tracing(KEY)
    paid_autoinstrument(["openai"])
    return OpenAI(api_key="none", base_url=os.environ["PROVIDER_URL"])


def ask(llm: OpenAI) -> None:
    llm.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])


def test_t01_a_signal_burns_a_credit(world: World):
    answer = world.client.signals.create_signals(signals=[world.signal()])

    assert (answer.ingested, answer.duplicates, answer.failed) == (1, 0, 0)
    assert world.balance() == 499


def test_t02_the_same_signal_twice_burns_one(world: World):
    signal = world.signal(idempotencyKey=uuid4().hex)
    world.client.signals.create_signals(signals=[signal])

    assert world.client.signals.create_signals(signals=[signal]).duplicates == 1
    assert world.balance() == 499


def test_t03_a_call_is_priced_with_its_cached_tokens(world: World, llm: OpenAI):
    with paid_tracing(external_customer_id=world.customer, external_product_id=world.product):
        ask(llm)

    query = "SELECT count(*), sum(cost_amount) FROM fact_cost WHERE {me} AND cost_amount IS NOT NULL"
    eventually(lambda: world.rows(query), [[1, CALL_CENTS]])


def test_t04_two_signals_of_one_context_bear_their_own_calls(world: World, llm: OpenAI):
    with paid_tracing(external_customer_id=world.customer, external_product_id=world.product):
        ask(llm)
        cost_attributed_signal("chat_message", {"number": 1})
        ask(llm)
        ask(llm)
        cost_attributed_signal("chat_message", {"number": 2})

    query = "SELECT cost_amount FROM fact_signal WHERE {me} ORDER BY cost_amount"
    eventually(lambda: world.rows(query), [[CALL_CENTS], [2 * CALL_CENTS]])
    assert world.balance() == 498


LEAK = """
import os
from openai import OpenAI
from paid.environment import PaidEnvironment
PaidEnvironment.DEFAULT._value_ = os.environ["MARGINLAKE_URL"] + "/api/v2"
from paid.tracing import cost_attributed_signal, initialize_tracing, paid_autoinstrument, paid_tracing
initialize_tracing(os.environ["MARGINLAKE_KEY"])
paid_autoinstrument(["openai"])
llm = OpenAI(api_key="none", base_url=os.environ["PROVIDER_URL"])
def ask():
    llm.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
with paid_tracing(external_customer_id=os.environ["CUSTOMER"], external_product_id=os.environ["PRODUCT"]):
    ask()
    cost_attributed_signal("chat_message")
ask()  # outside of any context, and yet it carries the scope
"""


def test_t06_a_call_that_leaked_out_of_its_context_is_nobodys(world: World):
    environment = {**os.environ, "CUSTOMER": world.customer, "PRODUCT": world.product}
    subprocess.run([sys.executable, "-c", LEAK], env=environment, check=True, timeout=60)

    eventually(lambda: world.rows("SELECT cost_amount FROM fact_signal WHERE {me}"), [[CALL_CENTS]])
    time.sleep(2)
    assert world.rows("SELECT cost_amount FROM fact_signal WHERE {me}") == [[CALL_CENTS]]
    assert world.rows("SELECT count(*) FROM fact_cost WHERE {me} AND cost_amount IS NOT NULL") == [[1]]


def test_t07_two_processes_of_one_trace_are_both_counted(world: World, llm: OpenAI):
    token = generate_tracing_token()
    for _ in range(2):
        with paid_tracing(external_customer_id=world.customer, external_product_id=world.product, tracing_token=token):
            ask(llm)

    query = "SELECT count(*), count(DISTINCT trace_id) FROM fact_cost WHERE {me} AND cost_amount IS NOT NULL"
    eventually(lambda: world.rows(query), [[2, 1]])


def test_t08_direct_costs_are_taken_whole_or_not_at_all(world: World):
    customer = {"externalCustomerId": world.customer}
    good = {"type": "cost", "customer": customer, "amount": 0.25, "currency": "USD", "vendor": "search"}
    usage = {
        "type": "usage",
        "customer": customer,
        "vendor": "openai",
        "model": "gpt-4o",
        "usage": {"inputTokens": 1000, "cacheReadInputTokens": 200, "outputTokens": 300},
    }
    with pytest.raises(BadRequestError):
        world.client.costs.create_costs(costs=[good, {**usage, "model": "no-such-model"}])

    assert world.client.costs.create_costs(costs=[good, usage]).ingested == 2
    query = "SELECT cost_amount FROM fact_cost WHERE {me} ORDER BY cost_amount"
    eventually(lambda: world.rows(query), [[CALL_CENTS], [25]])


def test_t09_products_and_plans_come_back_as_they_were_written(client: Paid, world: World):
    product = client.products.get_product_by_external_id(world.product)
    fee, message = product.product_attributes
    plans = {}
    for name, price, amount in (("Starter", 2900, 500), ("Pro", 7900, 2000), ("Business", 19900, 10000)):
        pricing = {
            "pricingType": "RecurringPerUnit",
            "billingFrequency": "Monthly",
            "billingType": "Advance",
            "pricePoints": [{"currency": "USD", "unitPrice": price}],
        }
        benefit = {
            "creditsCurrencyId": world.currency_id,
            "amount": amount,
            "recipient": "organization",
            "allocationCadence": "monthly",
            "creditGrantTiming": "on_payment",
            "rolloverAmount": 100.5,
            "rolloverDuration": 1,
            "rolloverDurationUnit": "months",
        }
        override = {
            "productAttributeId": fee.product_attribute_id,
            "pricing": pricing,
            "creditBenefits": [benefit],
        }
        plans[name] = client.plans.create_plan(product_id=product.id, name=name, attributes=[override]).id

    for name, price, amount in (("Starter", 2900, 500), ("Pro", 7900, 2000), ("Business", 19900, 10000)):
        attribute = client.plans.get_plan_by_id(plans[name]).attributes[0]
        assert attribute.pricing.price_points[0]["unitPrice"] == price
        benefit = attribute.credit_benefits[0]
        assert (benefit.amount, benefit.rollover_amount, benefit.credit_grant_timing) == (amount, 100.5, "on_payment")
    assert message.pricing.pricing_type == "UsagePrepaidCredits"


def test_t10_the_ledger_adds_up_to_the_balance(world: World):
    for amount in (0.000001, 12.345678):
        world.client.customers.grant_customer_credits_by_external_id(
            world.customer, credit_currency_key=world.currency, amount=amount
        )
    world.client.signals.create_signals(signals=[world.signal() for _ in range(7)])

    entries = world.client.credits.list_credit_transactions(external_customer_id=world.customer).data
    assert sum(Decimal(entry.amount) for entry in entries) == Decimal("505.345679")
    assert world.balance() == 505.345679
    assert [entry.created_at for entry in entries] == sorted((e.created_at for e in entries), reverse=True)


def test_t11_a_paid_checkout_brings_customer_order_and_credits(world: World, raw: httpx.Client):
    product = world.client.products.get_product_by_external_id(world.product)
    buyer = f"buyer-{uuid4().hex[:8]}"
    checkout = world.client.checkouts.create_checkout(
        products=[{"id": product.id}], external_customer_id=buyer, success_url="https://example.com/{CHECKOUT_ID}"
    )
    assert raw.post(f"/checkouts/{checkout.id}/confirm", json={}).status_code == 200

    done = world.client.checkouts.get_checkout(checkout.id)
    assert (done.status, done.external_customer_id) == ("completed", buyer)
    state = world.client.customers.get_customer_state_by_external_id(buyer)
    assert [order.id for order in state.orders] == [done.order_id]
    balances = world.client.customers.get_customer_credit_balances_by_external_id(buyer).data
    assert [each.available for each in balances] == [500]


class Receiver:
    """Keeps what webhooks bring."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.server.shutdown()
    opened.server.server_close()


def test_t12_webhooks_are_signed_over_their_raw_bytes(client: Paid, receiver: Receiver):
    name = "billing-credits-depleted"
    client.webhooks.update_webhook(name, enabled=True, url=receiver.url)
    secret = client.webhooks.rotate_webhook_secret().signing_secret
    client.webhooks.test_webhook(name)

    eventually(lambda: len(receiver.got), 1)
    headers, body = receiver.got[0]
    content = json.loads(body)
    assert (content["event"], content["isTest"]) == (name, True)
    parts = dict(part.split("=", 1) for part in headers["x-webhook-signature"].split(","))
    digest = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).digest()
    assert parts["s"] == base64.b64encode(digest).decode()
    assert abs(int(parts["t"]) / 1000 - time.time()) < 300
    client.webhooks.update_webhook(name, enabled=False)


def test_t13_value_is_delivered_and_a_sealed_receipt_never_changes(client: Paid, world: World):
    slug = f"time-saved-{uuid4().hex[:6]}"
    client.signals.create_signals(signals=[world.signal(data={"time_saved": 3}), world.signal(data={"time_saved": 4})])
    client.value_metrics.create_value_metric(
        name="Time saved",
        slug=slug,
        unit={"type": "duration", "durationUnit": "minutes"},
        monetary_conversion={"valuePerUnit": 50},
        formula={"expression": "time_saved", "variables": [{"id": "time_saved", "label": "Minutes saved"}]},
        signal={"eventName": "chat_message", "defaults": {"time_saved": 0}},
    )
    value = f"SELECT sum(amount) FROM fact_value WHERE {{me}} AND metric = '{slug}'"
    eventually(lambda: world.rows(value), [[7]])
    period = {"start_date": datetime.now(UTC) - timedelta(hours=1), "end_date": datetime.now(UTC)}
    receipt = client.value_receipts.create_value_receipt(external_customer_id=world.customer, **period)
    client.value_receipts.seal_value_receipt(receipt.id)

    with pytest.raises(ConflictError):
        client.value_receipts.refresh_value_receipt(receipt.id, request_options=ONCE)
    synced = client.value_receipts.sync_value_receipt(external_customer_id=world.customer, **period)
    assert (synced.id, synced.status) == (receipt.id, "posted")
    assert client.value_receipts.publish_value_receipt(receipt.id).status == "posted"


def test_t14_errors_are_the_sdks_own_kinds(client: Paid, world: World):
    for key in ("", "wrong"):
        with pytest.raises(ForbiddenError):
            Paid(token=key, base_url=API).products.list_products()
    with pytest.raises(BadRequestError):
        client.credits.create_credit_currency(name="x", key="Not A Key")
    with pytest.raises(NotFoundError):
        client.customers.get_customer_by_id("cus_none")
    client.customers.create_customer_alias_by_external_id(world.customer, alias=f"{world.customer}-2")
    other = new_world(client)
    with pytest.raises(ConflictError):
        client.customers.create_customer_alias_by_external_id(
            other.customer, alias=f"{world.customer}-2", request_options=ONCE
        )
    with pytest.raises(ApiError) as flat:
        client.signals.create_signals(signals=[{"eventName": "e", "externalCustomerId": "flat"}], request_options=ONCE)
    assert flat.value.status_code == 400


def test_t15_pages_say_exactly_whether_there_is_more(client: Paid, world: World):
    client.signals.create_signals(signals=[world.signal() for _ in range(3)])
    eventually(lambda: client.signals.list_signals(external_customer_id=world.customer).pagination.total, 3)

    pages = [client.signals.list_signals(external_customer_id=world.customer, limit=2, offset=at) for at in (0, 2)]

    assert [(len(page.data), page.pagination.has_more) for page in pages] == [(2, True), (1, False)]
    customers = client.customers.list_customers(limit=1)
    assert customers.pagination.has_more is (customers.pagination.total > 1)


def test_t16_analytics_answer_in_the_vendors_shape(client: Paid):
    answer = client.analytics.execute_analytics_query(query="SELECT count(*) AS events FROM fact_signal")

    assert [column.name for column in answer.columns] == ["events"]
    assert isinstance(answer.rows[0][0], str)  # 64-bit integers are text
    assert answer.meta.row_count == 1
    views = {view.name for view in client.analytics.get_analytics_schema().views}
    assert {"fact_signal", "fact_cost", "dim_customer", "dim_product"} <= views


def test_t17_the_old_client_is_understood(world: World):
    """The paths and bodies of paid-python 0.6.0, as recorded, and its spans, whose key is in the resource."""
    v1 = API.replace("/api/v2", "/api/v1")
    body = {
        "signals": [
            {
                "event_name": "chat_message",
                "external_agent_id": world.product,
                "external_customer_id": world.customer,
                "data": {"quantity": 1},
                "idempotency_key": uuid4().hex,
            }
        ]
    }
    answer = httpx.post(f"{v1}/usage/signals/bulk", json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)
    assert answer.is_success
    assert world.balance() == 499
    spans = Path(__file__).parent / "paid_python_0.6.0.pb"
    request = spans.read_bytes()
    refused = httpx.post(
        API.replace("/api/v2", "/v1/traces"), content=request, headers={"content-type": "application/x-protobuf"}
    )
    assert refused.status_code == 401  # the recorded key is a fake
