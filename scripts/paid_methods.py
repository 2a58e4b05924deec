"""Call every method of the Paid Python SDK once, on a service made for it, and say what came of each, as JSON lines.

Runs in an environment that has the SDK, with MARGINLAKE_URL and MARGINLAKE_KEY. A method works when the service
answers with a success that the SDK can read; methods that make no sense here answer 501 with the reason.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from paid import Paid
from paid.core.api_error import ApiError

API = f"{os.environ['MARGINLAKE_URL']}/api/v2"
RUN = uuid4().hex[:6]
NOW = datetime.now(UTC)
seen: list[httpx.Response] = []
client = Paid(
    token=os.environ["MARGINLAKE_KEY"],
    base_url=API,
    httpx_client=httpx.Client(timeout=60, event_hooks={"response": [seen.append]}),
)
known: dict[str, Any] = {}
called: list[str] = []


def call(name: str, /, *arguments: Any, keep: dict[str, Callable[[Any], Any]] | None = None, **named: Any) -> Any:
    """Call one method, print what came of it, and keep parts of its answer in `known`."""
    called.append(name)
    resource, method = name.split(".")
    seen.clear()
    outcome, note, answer = "works", "", None
    try:
        answer = getattr(getattr(client, resource), method)(*arguments, **named, request_options={"max_retries": 0})
        for key, part in (keep or {}).items():
            known[key] = part(answer)
    except ApiError as error:
        body = error.body if isinstance(error.body, dict) else getattr(error.body, "dict", dict)()
        note = str((body or {}).get("details") or error.body)
        outcome = "501" if error.status_code == 501 else "failed"
    except Exception as error:  # noqa: BLE001 (whatever it is, it is a finding)
        outcome, note = "failed", f"{type(error).__name__}: {error}"
    last = seen[-1] if seen else None
    status = last.status_code if last else None
    verb = last.request.method if last else "-"
    print(
        json.dumps({"method": name, "verb": verb, "status": status, "outcome": outcome, "note": " ".join(note.split())})
    )
    return answer


def main() -> None:
    """All methods, in an order in which each finds what it needs."""
    catalog()
    customers()
    orders()
    signals_and_costs()
    credits()
    invoices_and_payments()
    checkouts()
    webhooks()
    value()
    analytics()
    views()
    endings()
    missing = set(methods()) - set(called)
    if missing:
        sys.exit(f"not called: {', '.join(sorted(missing))}")


def methods() -> list[str]:
    """Every method that the client has."""
    found = []
    for resource in dir(client):
        if not resource.startswith("_"):
            part = getattr(client, resource)
            found += [
                f"{resource}.{name}"
                for name in dir(part)
                if not name.startswith("_") and name != "with_raw_response" and callable(getattr(part, name))
            ]
    return found


def fee(cents: int) -> dict[str, Any]:
    return {
        "pricingType": "RecurringPerUnit",
        "billingFrequency": "Monthly",
        "billingType": "Advance",
        "pricePoints": [{"currency": "USD", "unitPrice": cents}],
    }


def seats() -> dict[str, Any]:
    return fee(1000) | {"pricingType": "SeatBasedPerUnit"}


def catalog() -> None:
    call("credits.create_credit_currency", name="Chat", key=f"chat_{RUN}", keep={"currency": lambda a: a.id})
    call("credits.list_credit_currencies", status="active")
    call("credits.update_credit_currency_by_id", known["currency"], description="for chats")
    call("products.create_product", name="Bot", external_id=f"bot-{RUN}", keep={"product": lambda a: a.id})
    usage = {
        "pricingType": "UsagePrepaidCredits",
        "eventName": "chat",
        "creditsCurrencyId": known["currency"],
        "creditCost": 1,
    }
    benefit = {"creditsCurrencyId": known["currency"], "amount": 100, "recipient": "organization"}
    known["benefit"] = benefit
    call(
        "products.update_product_by_id",
        known["product"],
        product_attributes=[
            {"name": "Fee", "pricing": fee(2900), "creditBenefits": [benefit]},
            {"name": "Chat", "pricing": usage},
            {"name": "Seats", "pricing": seats()},
        ],
        keep={"attributes": lambda a: [each.product_attribute_id for each in a.product_attributes]},
    )
    call("products.update_product_by_external_id", f"bot-{RUN}", description="answers")
    call("products.get_product_by_id", known["product"])
    call("products.get_product_by_external_id", f"bot-{RUN}")
    call("products.list_products", limit=5, offset=0, active=True)
    call("pricing.list_pricing", product_id=known["product"])
    call("pricing.get_pricing", known["attributes"][0])
    call("pricing.update_pricing", known["attributes"][0], pricing=fee(3000), credit_benefits=[benefit])
    overrides = [{"productAttributeId": known["attributes"][0], "pricing": fee(7900), "creditBenefits": [benefit]}]
    call(
        "plans.create_plan",
        product_id=known["product"],
        name="Pro",
        external_id=f"pro-{RUN}",
        attributes=overrides,
        keep={"plan": lambda a: a.id},
    )
    call("plans.get_plan_by_id", known["plan"])
    call("plans.get_plan_by_external_id", f"pro-{RUN}")
    call("plans.list_plans", product_id=known["product"], include_archived=True)
    call("plans.update_plan_by_id", known["plan"], name="Professional")
    call("plans.update_plan_by_external_id", f"pro-{RUN}", attributes=overrides)
    call("plans.update_plan_upgrade_path", product_id=known["product"], groups=[{"planIds": [known["plan"]]}])


def customers() -> None:
    one, two = f"acme-{RUN}", f"globex-{RUN}"
    known["external"] = one
    call(
        "customers.create_customer",
        name="Acme",
        external_id=one,
        email="billing@acme.example",
        keep={"customer": lambda a: a.id},
    )
    other = client.customers.create_customer(name="Globex", external_id=two)
    known["other"], known["other_external"] = other.id, two
    call("customers.get_customer_by_id", known["customer"])
    call("customers.get_customer_by_external_id", one)
    call("customers.list_customers", limit=5, name="Acme", external_id=one)
    call("customers.update_customer_by_id", known["customer"], legal_name="Acme Inc.")
    call("customers.update_customer_by_external_id", one, phone="+1 555 0100")
    call("customers.create_customer_alias", known["customer"], alias=f"acme-us-{RUN}")
    call("customers.create_customer_alias_by_external_id", one, alias=f"acme-eu-{RUN}", name="Europe")
    call("customers.list_customer_aliases", known["customer"])
    call("customers.list_customer_aliases_by_external_id", one)
    call("customers.delete_customer_alias", known["customer"], f"acme-us-{RUN}")
    call("customers.delete_customer_alias_by_external_id", one, f"acme-eu-{RUN}")
    call("customers.upsert_customer_user_by_external_id", one, "ann", name="Ann", email="ann@acme.example")
    call("customers.create_customer_unit", known["other"], external_id="company", name="Company")
    call(
        "customers.create_customer_unit_by_external_id",
        two,
        external_id="team",
        name="Team",
        parent_external_id="company",
    )
    call("customers.get_customer_unit", known["other"], "team")
    call("customers.get_customer_unit_by_external_id", two, "team")
    call("customers.list_customer_units", known["other"])
    call("customers.list_customer_units_by_external_id", two, parent_external_id="company")
    call("customers.update_customer_unit", known["other"], "team", name="The team")
    call("customers.update_customer_unit_by_external_id", two, "team", metadata={"floor": 2})
    call(
        "customers.set_customer_unit_cap",
        known["other"],
        "team",
        amount=50,
        frequency="MONTHLY",
        credits_currency_id=known["currency"],
    )
    call(
        "customers.set_customer_unit_cap_by_external_id",
        two,
        "company",
        amount=500,
        frequency="MONTHLY",
        credits_currency_id=known["currency"],
    )
    call("customers.get_customer_unit_cap", known["other"], "team", credits_currency_id=known["currency"])
    call("customers.get_customer_unit_cap_by_external_id", two, "company", credits_currency_id=known["currency"])
    call("customers.end_customer_unit_cap", known["other"], "team", credits_currency_id=known["currency"])
    call("customers.end_customer_unit_cap_by_external_id", two, "company", credits_currency_id=known["currency"])
    call("customers.delete_customer_unit", known["other"], "team")
    call("customers.delete_customer_unit_by_external_id", two, "company")
    call(
        "contacts.create_contact",
        customer_id=known["customer"],
        email="ann@acme.example",
        first_name="Ann",
        external_id=f"ann-{RUN}",
        keep={"contact": lambda a: a.id},
    )
    call("contacts.get_contact_by_id", known["contact"])
    call("contacts.get_contact_by_external_id", f"ann-{RUN}")
    call("contacts.list_contacts", limit=5)
    call("contacts.update_contact_by_id", known["contact"], last_name="Archer")
    call("contacts.update_contact_by_external_id", f"ann-{RUN}", phone="+1 555 0101")
    call("contacts.delete_contact_by_external_id", f"ann-{RUN}")
    second = client.contacts.create_contact(customer_id=known["customer"], email="bob@acme.example")
    call("contacts.delete_contact_by_id", second.id)
    call("customer_groups.create_customer_group", name=f"Early {RUN}", keep={"group": lambda a: a.id})
    call("customer_groups.get_customer_group", known["group"])
    call("customer_groups.list_customer_groups")
    call("customer_groups.update_customer_group", known["group"], description="first to come")
    call("customer_groups.create_customer_group_members", known["group"], customer_ids=[known["customer"]])
    call("customer_groups.update_customer_group_members", known["group"], customer_ids=[known["other"]])
    call("customer_groups.delete_customer_group_members", known["group"], customer_ids=[known["other"]])
    call("customer_groups.delete_customer_group", known["group"])


def orders() -> None:
    call(
        "orders.create_order",
        customer_id=known["customer"],
        name="Acme bot",
        currency="USD",
        start_date=NOW - timedelta(days=40),
        auto_post_invoices=True,
        lines=[{"productId": known["product"]}],
        keep={"order": lambda a: a.id},
    )
    call("orders.update_order_by_id", known["order"], purchase_order_reference="PO-1")
    call("orders.activate_order_by_id", known["order"])
    call("orders.get_order_by_id", known["order"])
    call("orders.list_orders", customer_id=known["customer"], status="active")
    call("orders.get_order_lines", known["order"])
    call("orders.list_order_seats", known["order"], keep={"seats": lambda a: [seat.id for seat in a.data]})
    seat = known["seats"][0] if known.get("seats") else "none"
    call("orders.update_order_seat_assignment", known["order"], seat, user_external_id="ann")
    call(
        "orders.batch_order_seat_assignments",
        known["order"],
        assignments=[{"seatId": seat, "userExternalId": None}],
    )
    draft = client.orders.create_order(customer_id=known["customer"], name="Never mind")
    call("orders.delete_order_by_id", draft.id)
    call("amendments.get_order_amendment_options", known["order"])
    version = client.orders.get_order_by_id(known["order"]).version
    intents = [{"type": "updateOrderTerm", "newEndDate": NOW + timedelta(days=400)}]
    call("amendments.preview_order_amendment", known["order"], order_version=version, intents=intents)
    call("amendments.execute_order_amendment", known["order"], order_version=version, intents=intents)


def signals_and_costs() -> None:
    known["signal_key"] = f"s-{RUN}"
    signal = {
        "eventName": "chat",
        "customer": {"externalCustomerId": known["external"]},
        "attribution": {"externalProductId": f"bot-{RUN}"},
        "idempotencyKey": known["signal_key"],
        "data": {"time_saved": 3, "time_saved_unit": "minutes"},
    }
    call("signals.create_signals", signals=[signal])
    until = time.monotonic() + 20
    while not client.signals.list_signals(external_customer_id=known["external"]).data and time.monotonic() < until:
        time.sleep(0.2)
    call("signals.list_signals", limit=5, signal_name="chat", keep={"signal": lambda a: a.data[0].id})
    call("signals.get_signal_by_id", known.get("signal", "none"))
    usage = {
        "type": "usage",
        "customer": {"externalCustomerId": known["external"]},
        "vendor": "openai",
        "model": "gpt-4o",
        "usage": {"inputTokens": 1000, "outputTokens": 100},
    }
    cost = {
        "type": "cost",
        "customer": {"externalCustomerId": known["external"]},
        "amount": 0.25,
        "currency": "USD",
        "vendor": "search",
    }
    call("costs.create_costs", costs=[usage, cost])


def credits() -> None:
    key = f"chat_{RUN}"
    call("customers.grant_customer_credits", known["customer"], credit_currency_key=key, amount=5)
    call("customers.grant_customer_credits_by_external_id", known["external"], credit_currency_key=key, amount=0.000001)
    call("customers.get_customer_credit_balances", known["customer"])
    call("customers.get_customer_credit_balances_by_external_id", known["external"])
    call("customers.list_customer_pending_credit_consumption", known["customer"])
    call("customers.list_customer_pending_credit_consumption_by_external_id", known["external"])
    call("credits.list_credit_transactions", customer_id=known["customer"], type="grant")


def invoices_and_payments() -> None:
    call("invoices.list_invoices", customer_id=known["customer"], keep={"invoice": lambda a: a.data[0].id})
    invoice = known.get("invoice", "none")
    call("invoices.get_invoice_by_id", invoice)
    call("invoices.get_invoice_lines", invoice)
    call("invoices.update_invoice_by_id", invoice, metadata={"ledger": "4711"})
    call(
        "payments.create_payment",
        customer_id=known["customer"],
        amount=3000,
        currency="USD",
        payment_type="bankTransfer",
        keep={"payment": lambda a: a.id},
    )
    payment = known.get("payment", "none")
    call("payments.get_payment", payment)
    call("payments.list_payments", customer_id=known["customer"])
    posted = [each.id for each in client.invoices.list_invoices(customer_id=known["customer"], status="posted").data]
    allocation = {"invoiceId": posted[0] if posted else invoice, "amount": 1000}
    call("payment_allocations.create_payment_allocation", payment_id=payment, allocations=[allocation])
    call("payment_allocations.list_payment_allocations", payment_id=payment)
    call("payment_methods.create_payment_method", customer_id=known["customer"], confirmation_token="ctoken_1")
    call("payment_methods.list_payment_methods", customer_id=known["customer"])
    call("payment_methods.get_payment_method", "pm_1")
    call("payment_methods.update_default_payment_method", "pm_1")
    call("payment_methods.delete_payment_method", "pm_1")


def checkouts() -> None:
    call(
        "checkouts.create_checkout",
        products=[{"id": known["product"]}],
        external_customer_id=f"initech-{RUN}",
        success_url="https://example.com/?id={CHECKOUT_ID}",
        keep={"checkout": lambda a: a.id},
    )
    call("checkouts.get_checkout", known.get("checkout", "none"))
    call("checkouts.list_checkouts", status="active")
    call("checkouts.archive_checkout", known.get("checkout", "none"))
    call("customer_portals.create_customer_portal", customer_id=known["customer"], return_url="https://example.com")


def webhooks() -> None:
    call("webhooks.list_webhooks")
    call("webhooks.update_webhook", "billing-credits-depleted", enabled=True, url="https://example.com/hook")
    call("webhooks.test_webhook", "billing-credits-depleted")
    call("webhooks.rotate_webhook_secret")


def value() -> None:
    slug = f"time-saved-{RUN}"
    call(
        "value_metrics.create_value_metric",
        name="Time saved",
        slug=slug,
        unit={"type": "duration", "durationUnit": "minutes"},
        monetary_conversion={"valuePerUnit": 50},
        formula={"expression": "time_saved", "variables": [{"id": "time_saved", "label": "Minutes"}]},
        signal={"eventName": "chat"},
    )
    call("value_metrics.get_value_metric", slug)
    call("value_metrics.list_value_metrics")
    call("value_metrics.update_value_metric", slug, description="what the customer need not do")
    call("value_models.get_current_value_model", keep={"model": lambda a: a})
    call("value_models.list_value_model_versions", keep={"version": lambda a: a.data[0].version})
    call("value_models.get_value_model_version", known.get("version", 1))
    call("value_models.refresh_value_model_backfill")
    content = {
        "currency": "USD",
        "valueTypes": [
            {
                "id": "hours",
                "name": "Hours",
                "unit": {"type": "custom", "unit": "hours"},
            }
        ],
        "formulas": [{"id": "f", "expression": "hours", "variables": [{"id": "hours", "label": "Hours"}]}],
        "signals": [{"eventName": "chat", "formulas": [{"formulaId": "f", "variableMapping": {"hours": "hours"}}]}],
    }
    if known.get("model") is not None:
        content = json.loads(known["model"].content.json()) if hasattr(known["model"], "content") else content
    call("value_models.update_value_model", content=content)
    period = {"start_date": NOW - timedelta(days=1), "end_date": NOW, "external_customer_id": known["external"]}
    call("value_receipts.create_value_receipt", **period, keep={"receipt": lambda a: a.id})
    call("value_receipts.sync_value_receipt", **period)
    receipt = known.get("receipt", "none")
    call("value_receipts.get_value_receipt_by_id", receipt)
    call("value_receipts.list_value_receipts", external_customer_id=known["external"])
    call("value_receipts.refresh_value_receipt", receipt)
    call("value_receipts.archive_value_receipt", receipt)
    call("value_receipts.unarchive_value_receipt", receipt)
    call("value_receipts.seal_value_receipt", receipt)
    call("value_receipts.publish_value_receipt", receipt, publish_expires_at=NOW + timedelta(days=30))
    call("value_receipts.unpublish_value_receipt", receipt)
    call("value_metrics.archive_value_metric", slug)


def analytics() -> None:
    query = "SELECT count(*) AS events FROM fact_signal"
    call("analytics.execute_analytics_query", query=query)
    call("analytics.get_analytics_schema")
    call("analytics.get_signals_metadata", signal_name="chat")
    call("analytics_experimental.execute_experimental_analytics_query", query=query)
    call("analytics_experimental.get_experimental_analytics_schema")
    call("analytics_experimental.get_experimental_signals_metadata")


def views() -> None:
    call("custom_views_experimental.list_custom_views")
    call("custom_views_experimental.create_custom_view", name="Margins", queries=[], render_bundle="<p></p>")
    call("custom_views_experimental.get_custom_view", "cv_1")
    call("custom_views_experimental.update_custom_view", "cv_1", name="Margins")
    call("custom_views_experimental.publish_custom_view", "cv_1")
    call("custom_views_experimental.update_custom_view_period", "cv_1", period={"kind": "relative"})
    call("custom_views_experimental.get_custom_view_data", "cv_1")
    call("custom_views_experimental.get_custom_view_embed_token", "cv_1", customer_id=known["customer"])


def endings() -> None:
    call("customers.get_customer_state_by_id", known["customer"])
    call("customers.get_customer_state_by_external_id", known["external"])
    call("customers.delete_customer_by_id", known["other"])
    third = f"hooli-{RUN}"
    client.customers.create_customer(name="Hooli", external_id=third)
    call("customers.delete_customer_by_external_id", third)


if __name__ == "__main__":
    main()
