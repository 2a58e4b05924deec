"""A customer on an order with prices in credits, put into the database by hand."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from billing.catalog.pricing import parse_pricing, stored
from billing.customers.create import new_customer
from billing.ids import new_id
from billing.ledger.grants import Grant, open_grant
from billing.metering.use import Use
from billing.tables.catalog import Product
from billing.tables.customers import Customer
from billing.tables.ledger import CreditCurrency
from billing.tables.orders import Order, OrderAttribute, OrderLine
from tests.billing.shop import NOW, Shop

JANUARY = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def currency(shop: Shop, key: str = "chat") -> str:
    """A currency of credits; its id."""

    def work(session: Session) -> str:
        row = CreditCurrency(
            id=new_id("cc"), key=key, name=key, description=None, status="active", archived_at=None,
            created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add(row)
        return row.id

    return shop.database.write(work)


def order(
    shop: Shop,
    customer: str,
    *prices: Mapping[str, Any],
    product: str = "bot",
    start: datetime = JANUARY,
    end: datetime | None = None,
    state: str = "active",
) -> str:
    """An order of a product with these prices for a customer (both by external id, made where they are not there)."""

    def work(session: Session) -> str:
        buyer = session.query(Customer).filter_by(external_id=customer).one_or_none()
        buyer = buyer or new_customer(session, customer, NOW, external_id=customer)
        sold = session.query(Product).filter_by(external_id=product).one_or_none()
        if sold is None:
            sold = Product(
                id=new_id("prod"), external_id=product, name=product, description=None, active=True,
                product_code=None, details=None, archived_at=None, created_at=NOW, updated_at=NOW,
            )  # fmt: skip
            session.add(sold)
        made = Order(
            id=new_id("ord"), number=session.query(Order).count() + 1, version=1, external_id=None,
            customer_id=buyer.id, billing_customer_id=None, billing_contact_ids=[], name="an order",
            creation_state=state, currency="USD", start_date=start, end_date=end, subscription_terms=None,
            billing_anchor=None, billing_frequency_override=None, payment_terms=None, auto_post_invoices=False,
            auto_send_billing_emails=False, auto_send_payment_emails=False, purchase_order_reference=None,
            details=None, activated_at=start, paused_at=None, deleted_at=None, created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add(made)
        line = OrderLine(
            id=new_id("ol"), order_id=made.id, position=0, product_id=sold.id, plan_id=None, name=product,
            description=None, line_type="STANDARD", start_date=start, end_date=end, overrides=None,
            created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add(line)
        session.flush()
        for price in prices:
            pricing = stored(parse_pricing(dict(price)))
            session.add(
                OrderAttribute(
                    id=new_id("oa"), order_id=made.id, order_line_id=line.id, customer_id=buyer.id,
                    product_id=sold.id, product_attribute_id=None, name="messages", event_name=pricing["eventName"],
                    pricing_type=pricing["pricingType"], pricing=pricing, credit_benefits=[], quantity=1,
                    valid_from=start, valid_to=end,
                )
            )  # fmt: skip
        session.flush()
        return made.id

    return shop.database.write(work)


def grant(shop: Shop, customer: str, currency_id: str, amount: int) -> None:
    """Credits without an end."""

    def work(session: Session) -> None:
        buyer = session.query(Customer).filter_by(external_id=customer).one()
        open_grant(
            session,
            Grant(
                key=new_id("test"), customer_id=buyer.id, currency_id=currency_id, amount_micro=amount * 10**6,
                starts_at=JANUARY, origin="purchased",
            ),
            NOW,
        )  # fmt: skip

    shop.database.write(work)


def message(currency_id: str, **more: Any) -> dict[str, Any]:
    """A credit a chat_message, unless said otherwise."""
    return {
        "pricingType": "UsagePrepaidCredits",
        "eventName": "chat_message",
        "creditsCurrencyId": currency_id,
        "creditCost": 1,
    } | more


def use(signal_id: str = "sig_1", **more: Any) -> Use:
    """A chat_message of acme, at noon."""
    return Use(
        **{
            "signal_id": signal_id,
            "event_name": "chat_message",
            "customer": "acme",
            "product": "bot",
            "occurred_at": NOW,
            "quantity": Decimal(1),
            "data": None,
        }
        | more
    )


def available(shop: Shop, customer: str = "acme") -> Decimal:
    """The credits that a customer has, in all."""
    answer = shop.api.get(f"/customers/external/{customer}/credits/balances")
    assert answer.status_code == 200, answer.text
    return sum((Decimal(str(each["available"])) for each in answer.json()["data"]), Decimal(0))
