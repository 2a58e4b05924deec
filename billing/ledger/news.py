"""Who waits to hear that credits are used up, that usage costs extra, or that a cap is full, hears of it here."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from billing.api.model import Model, Time
from billing.customers.caps import caps_crossed
from billing.ledger.outcome import DebitOutcome, Depleted, Overage
from billing.tables.customers import Customer
from billing.tables.ledger import CreditCurrency
from billing.units import Credits, Number, from_micro
from billing.webhooks.emit import emit


class DepletedCredits(Model):
    """`data.credits` of `billing-credits-depleted`."""

    customer_id: str
    external_customer_id: str | None
    credits_currency_id: str
    credit_currency_key: str
    currency_name: str
    available: Credits
    depleted_at: Time


class IncurredOverage(Model):
    """`data.overage` of `billing-overage-incurred`. credits: what was used beyond; unitPrice: minor units."""

    customer_id: str
    external_customer_id: str | None
    credits_currency_id: str
    credit_currency_key: str
    currency_name: str
    order_id: str | None
    product_id: str | None
    credits: Credits
    unit_price: Number
    incurred_at: Time


def tell(session: Session, outcome: DebitOutcome, now: datetime) -> None:
    """Queue the messages of what debits have just brought about; also those of the caps that they have filled."""
    for depleted in outcome.depleted:
        credits_ = DepletedCredits(**_whose(session, depleted), available=from_micro(0), depleted_at=now)
        emit(session, "billing-credits-depleted", _object(depleted), _body(credits_), now)
    for overage in outcome.overages:
        incurred = IncurredOverage(
            **_whose(session, overage),
            order_id=overage.order_id,
            product_id=overage.product_id,
            credits=from_micro(overage.amount_micro),
            unit_price=overage.unit_price,
            incurred_at=now,
        )
        emit(session, "billing-overage-incurred", _object(overage), _body(incurred), now)
    if outcome.done:
        caps_crossed(session, outcome.done, now)


def _whose(session: Session, news: Depleted | Overage) -> dict[str, Any]:
    currency = session.get_one(CreditCurrency, news.currency_id)
    return {
        "customer_id": news.customer_id,
        "external_customer_id": session.get_one(Customer, news.customer_id).external_id,
        "credits_currency_id": currency.id,
        "credit_currency_key": currency.key,
        "currency_name": currency.name,
    }


def _object(news: Depleted | Overage) -> str:
    return f"{news.customer_id}/{news.currency_id}"


def _body(message: Model) -> dict[str, Any]:
    return message.model_dump(mode="json", by_alias=True, exclude_none=True)
