"""Whether a customer may use a product now: an active order of it, and credits for each event that burns some.

Nothing here stops usage: what arrives is recorded and billed all the same, and applications ask first.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.ledger.balances import balances
from billing.tables.orders import Order, OrderAttribute
from billing.units import MICRO, decimal_text, from_micro

_BURNING: Final = ("UsagePrepaidCredits", "UsageBracketedPrepaidCredits")


@dataclass(frozen=True)
class Allowance:
    """The answer and why. event_name and available (credits): of the event that there are too few credits for."""

    allowed: bool
    message: str
    event_name: str | None = None
    available: Decimal | None = None


def allowance(session: Session, customer_id: str, product_id: str, now: datetime) -> Allowance:
    """Whether the customer may use the product. Events with a price for overage need no credits."""
    attributes = session.scalars(
        select(OrderAttribute)
        .join(Order, Order.id == OrderAttribute.order_id)
        .where(
            OrderAttribute.customer_id == customer_id,
            OrderAttribute.product_id == product_id,
            OrderAttribute.valid_from <= now,
            or_(OrderAttribute.valid_to.is_(None), OrderAttribute.valid_to > now),
            Order.activated_at.is_not(None),
            Order.paused_at.is_(None),
            Order.deleted_at.is_(None),
            or_(Order.end_date.is_(None), Order.end_date > now),
        )
        .order_by(OrderAttribute.event_name, OrderAttribute.id)
    ).all()
    if not attributes:
        return Allowance(allowed=False, message="the customer has no active order of this product")
    available: dict[str, int] = defaultdict(int)
    for balance in balances(session, customer_id, now, allow_negative=True):
        available[balance.currency_id] += balance.available
    for attribute in attributes:
        cost = _credits_needed(attribute, attributes)
        currency = attribute.pricing.get("creditsCurrencyId")
        if cost is not None and currency is not None and available[currency] < cost * MICRO:
            left = from_micro(available[currency])
            return Allowance(
                allowed=False,
                message=f"too few credits for {attribute.event_name}: {decimal_text(left)} available, {decimal_text(cost)} needed",
                event_name=attribute.event_name,
                available=left,
            )
    return Allowance(allowed=True, message="usage is allowed")


def _credits_needed(attribute: OrderAttribute, others: Sequence[OrderAttribute]) -> Decimal | None:
    """Credits that one event takes, a whole one where that depends on the event; None where none are needed."""
    if attribute.pricing_type not in _BURNING or _has_overage(attribute, others):
        return None
    return Decimal(str(attribute.pricing.get("creditCost", 1)))


def _has_overage(attribute: OrderAttribute, others: Sequence[OrderAttribute]) -> bool:
    currency = attribute.pricing.get("creditsCurrencyId")
    benefits: list[Any] = [benefit for other in others for benefit in other.credit_benefits]
    return attribute.pricing.get("overageUnitPrice") is not None or any(
        benefit.get("creditsCurrencyId") == currency and benefit.get("overageUnitPrice") is not None
        for benefit in benefits
    )
