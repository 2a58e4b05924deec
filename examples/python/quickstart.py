"""The Paid quickstart with the unmodified `paid-python`, against marginlake: only URLs and the key are set.

Environment: MARGINLAKE_URL, MARGINLAKE_KEY (scope admin, since step 7 confirms a payment), PROVIDER_URL.
"""

import os
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

MARGINLAKE = os.environ["MARGINLAKE_URL"]
KEY = os.environ["MARGINLAKE_KEY"]
API = f"{MARGINLAKE}/api/v2"
os.environ["PAID_OTEL_COLLECTOR_ENDPOINT"] = f"{MARGINLAKE}/v1/traces"  # read when `paid` is imported
os.environ["PAID_API_KEY"] = KEY

from openai import OpenAI  # noqa: E402
from paid import CustomerByExternalId, Paid, ProductByExternalId, Signal  # noqa: E402
from paid.environment import PaidEnvironment  # noqa: E402
from paid.tracing import (  # noqa: E402
    cost_attributed_signal,
    initialize_tracing,
    paid_autoinstrument,
    paid_tracing,
)

PaidEnvironment.DEFAULT._value_ = API  # where `cost_attributed_signal` goes, which makes a client of its own

client = Paid(token=KEY, base_url=API)
RUN = uuid4().hex[:8]
CUSTOMER, PRODUCT, CURRENCY = f"acme-{RUN}", f"chatbot-{RUN}", f"chat-credits-{RUN}"
STARTED = datetime.now(UTC) - timedelta(seconds=5)
PLANS = (("starter", 2900, 500), ("pro", 7900, 2000), ("business", 19900, 10000))
CALL_COST_CENTS = 0.575  # what one call to the provider costs, see provider.py


def main() -> None:
    """The seven steps, in order."""
    product_id, plan_ids = step_1_products_and_plans()
    order_id = an_order(product_id)
    step_2_signals()
    step_3_and_4_costs_and_links()
    step_5_delivered_value()
    step_6_balances(order_id)
    step_7_checkout(product_id, plan_ids["pro"])
    print("python: all seven steps of the quickstart hold")


def step_1_products_and_plans() -> tuple[str, dict[str, str]]:
    """A product with a monthly fee and messages paid in credits, in three plans."""
    currency = client.credits.create_credit_currency(name="Chat Credits", key=CURRENCY)
    product = client.products.create_product(name="ChatBot", external_id=PRODUCT)
    detail = client.products.update_product_by_id(
        product.id,
        product_attributes=[
            {"name": "Subscription", "pricing": fee(2900), "creditBenefits": [benefit(currency.id, 500)]},
            {"name": "Chat message", "pricing": message_price(currency.id)},
        ],
    )
    subscription, message = detail.product_attributes
    check("attributes", [subscription.name, message.name], ["Subscription", "Chat message"])
    check("credit cost", message.pricing.credit_cost, 1)

    plans = {}
    for name, price, monthly in PLANS:
        plan = client.plans.create_plan(
            product_id=product.id,
            name=name.title(),
            external_id=f"{name}-{RUN}",
            is_default=name == "starter",
            attributes=[
                {
                    "productAttributeId": subscription.product_attribute_id,
                    "pricing": fee(price),
                    "creditBenefits": [benefit(currency.id, monthly)],
                },
                {"productAttributeId": message.product_attribute_id, "pricing": message_price(currency.id)},
            ],
        )
        plans[name] = plan.id
    listed = client.plans.list_plans(product_id=product.id)
    check("plans", sorted(plan.name for plan in listed.data), ["Business", "Pro", "Starter"])
    return product.id, plans


def an_order(product_id: str) -> str:
    """A customer on the default plan: 500 credits at once."""
    customer = client.customers.create_customer(name="Acme", external_id=CUSTOMER)
    order = client.orders.create_order(
        customer_id=customer.id, name="Acme chatbot", currency="USD", lines=[{"productId": product_id}]
    )
    check("a new order", order.creation_state, "draft")
    active = client.orders.activate_order_by_id(order.id)
    check("the activated order", active.creation_state, "active")
    check("credits of the plan", balance(CUSTOMER), 500)
    return order.id


def step_2_signals() -> None:
    """A message burns a credit; the same message sent twice burns one."""
    message = Signal(
        event_name="chat_message",
        customer=CustomerByExternalId(external_customer_id=CUSTOMER),
        attribution=ProductByExternalId(external_product_id=PRODUCT),
        idempotency_key=f"message-1-{RUN}",
        data={"channel": "web"},
    )
    first = client.signals.create_signals(signals=[message])
    check("the first message", (first.ingested, first.duplicates, first.failed), (1, 0, 0))
    check("credits after one message", balance(CUSTOMER), 499)
    again = client.signals.create_signals(signals=[message])
    check("the same message again", (again.ingested, again.duplicates), (0, 1))
    check("credits after it came twice", balance(CUSTOMER), 499)


def step_3_and_4_costs_and_links() -> None:
    """Two messages in one trace, each with a call of its own: each bears its own cost."""
    initialize_tracing(KEY)
    paid_autoinstrument(["openai"])
    llm = OpenAI(api_key="none", base_url=os.environ["PROVIDER_URL"])
    with paid_tracing(external_customer_id=CUSTOMER, external_product_id=PRODUCT):
        for number in (2, 3):
            llm.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
            cost_attributed_signal("chat_message", {"number": number, "time_saved": 3, "money_saved": 1500})
    check("credits after three messages", balance(CUSTOMER), 497)

    query = (
        "SELECT count(*), sum(cost_amount) FROM fact_cost "
        f"WHERE external_customer_id = '{CUSTOMER}' AND cost_amount IS NOT NULL"
    )
    eventually("the cost of the two calls", lambda: rows(query), [[2, 2 * CALL_COST_CENTS]])
    linked = (
        "SELECT count(*), min(cost_amount), max(cost_amount) FROM fact_signal "
        f"WHERE external_customer_id = '{CUSTOMER}' AND cost_amount > 0"
    )
    eventually("each message's own cost", lambda: rows(linked), [[2, CALL_COST_CENTS, CALL_COST_CENTS]])
    signals = client.signals.list_signals(external_customer_id=CUSTOMER, signal_name="chat_message")
    check("listed signals", signals.pagination.total, 3)
    revenue = f"SELECT sum(revenue_amount) FROM fact_signal WHERE external_customer_id = '{CUSTOMER}'"
    eventually("3 credits of $29 / 500, in cents", lambda: round(rows(revenue)[0][0] or 0, 6), 17.4)


def step_5_delivered_value() -> None:
    """Minutes saved, worth half a dollar each, on a receipt that never changes once it is sealed."""
    slug = f"time-saved-{RUN}"
    client.value_metrics.create_value_metric(
        name="Time saved",
        slug=slug,
        unit={"type": "duration", "durationUnit": "minutes"},
        monetary_conversion={"valuePerUnit": 50},
        formula={"expression": "time_saved", "variables": [{"id": "time_saved", "label": "Minutes saved"}]},
        signal={"eventName": "chat_message", "defaults": {"time_saved": 0}},
    )
    check("the metric", client.value_metrics.get_value_metric(slug).name, "Time saved")
    end = datetime.now(UTC)
    receipt = client.value_receipts.create_value_receipt(
        external_customer_id=CUSTOMER, start_date=STARTED, end_date=end
    )
    client.value_receipts.seal_value_receipt(receipt.id)
    published = client.value_receipts.publish_value_receipt(receipt.id)
    check("the sealed receipt", published.status, "posted")


def step_6_balances(order_id: str) -> None:
    """A top-up, and a ledger that adds up to the balance."""
    granted = client.customers.grant_customer_credits_by_external_id(
        CUSTOMER, credit_currency_key=CURRENCY, amount=12.345678
    )
    check("the top-up", granted.grant.amount_decimal, "12.345678")
    check("credits with it", balance(CUSTOMER), 509.345678)
    entries = client.credits.list_credit_transactions(external_customer_id=CUSTOMER).data
    check("the sum of the ledger", sum(Decimal(entry.amount) for entry in entries), Decimal("509.345678"))
    spends = [entry for entry in entries if entry.type == "spend"]
    check("spends of the order", {entry.order_id for entry in spends}, {order_id})


def step_7_checkout(product_id: str, plan_id: str) -> None:
    """A new customer buys a plan; the operator confirms the payment, as the default provider wants it."""
    buyer = f"globex-{RUN}"
    checkout = client.checkouts.create_checkout(
        products=[{"id": product_id, "plans": [{"id": plan_id}]}],
        external_customer_id=buyer,
        success_url="https://example.com/welcome?checkout_id={CHECKOUT_ID}",
        single_use=False,
    )
    check("a new checkout", checkout.status, "active")
    with urllib.request.urlopen(checkout.url, timeout=20) as page:
        check("its page", page.status, 200)
    confirm(checkout.id)
    done = client.checkouts.get_checkout(checkout.id)
    check("the paid checkout", (done.status, done.external_customer_id), ("completed", buyer))
    check("credits of the bought plan", balance(buyer), 2000)
    state = client.customers.get_customer_state_by_external_id(buyer)
    check("the buyer's orders", [order.id for order in state.orders], [done.order_id])


def confirm(checkout_id: str) -> None:
    """What an operator does when the money has come: no call of the vendor's SDK."""
    request = urllib.request.Request(
        f"{API}/checkouts/{checkout_id}/confirm",
        data=b"{}",
        method="POST",
        headers={"Authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        check("the confirmation", answer.status, 200)


def fee(cents: int) -> dict[str, Any]:
    """A monthly fee."""
    return {
        "pricingType": "RecurringPerUnit",
        "billingFrequency": "Monthly",
        "billingType": "Advance",
        "pricePoints": [{"currency": "USD", "unitPrice": cents}],
    }


def message_price(currency_id: str) -> dict[str, Any]:
    """A credit a message."""
    return {
        "pricingType": "UsagePrepaidCredits",
        "eventName": "chat_message",
        "creditsCurrencyId": currency_id,
        "creditCost": 1,
    }


def benefit(currency_id: str, amount: int) -> dict[str, Any]:
    """Credits every month."""
    return {
        "creditsCurrencyId": currency_id,
        "amount": amount,
        "recipient": "organization",
        "allocationCadence": "monthly",
    }


def balance(customer: str) -> float:
    """The credits that are left."""
    balances = client.customers.get_customer_credit_balances_by_external_id(customer).data
    return sum(each.available for each in balances if each.currency_key == CURRENCY)


def rows(query: str) -> list[list[Any]]:
    """The answer to a question in SQL; 64-bit integers come as text."""
    answer = client.analytics.execute_analytics_query(query=query)
    return [[int(value) if isinstance(value, str) else value for value in row] for row in answer.rows]


def check(what: str, found: object, expected: object) -> None:
    """Say what holds, or end here."""
    if found != expected:
        raise SystemExit(f"python: {what}: {found!r}, expected {expected!r}")
    print(f"python: {what}: {found!r}")


def eventually(what: str, look: Callable[[], object], expected: object, seconds: float = 20) -> None:
    """Spans are sent in the background and are in the lake a second later."""
    until = time.monotonic() + seconds
    while (found := look()) != expected and time.monotonic() < until:
        time.sleep(0.25)
    check(what, found, expected)


if __name__ == "__main__":
    main()
