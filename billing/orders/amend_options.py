"""What of an order can be amended."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from billing.catalog.pricing import parse_pricing, price_point
from billing.invoices.amounts import price_of, rounded
from billing.orders.amend_pricing import FEES
from billing.orders.periods import Calendar
from billing.orders.reprice import current_rows
from billing.orders.status import status_of
from billing.orders.stubs import is_stub
from billing.orders.threads import override_months
from billing.tables.orders import Order, OrderAttribute, OrderLine

_MONEY = {
    "axis": "money", "relevance": "midCycle",
    "options": [
        {"value": "prorate", "isDefault": True, "available": True},
        {"value": "none", "isDefault": False, "available": True},
    ],
}  # fmt: skip
_STUB = {
    "axis": "chargeStub", "relevance": "midCycle", "appliesTo": [{"chargeTypes": list(FEES)}],
    "options": [
        {"value": "prorated", "isDefault": True}, {"value": "none", "isDefault": False},
        {"value": "full", "isDefault": False},
    ],
}  # fmt: skip


def options(session: Session, order: Order, now: datetime) -> dict[str, Any]:
    """The options of an order as the API shows them."""
    status = status_of(order, now)
    content: dict[str, Any] = {
        "orderId": order.id, "orderVersion": order.version, "currency": order.currency,
        "effectiveDate": now.date().isoformat(), "amendable": status == "active",
        "lines": [
            {
                "orderLineId": line.id, "attributes": [_attribute(order, row) for row in _rows(session, line, now)],
                "intents": [{"kind": "updateLineTerm", "axes": [_MONEY]}],
            }
            for line in order.lines
        ],
        "addAttribute": {"axes": [_STUB]}, "orderTerm": {"kind": "updateOrderTerm", "axes": [_MONEY]},
    }  # fmt: skip
    if status != "active":
        reason = f"only an active order can be amended; this one is {status}"
        return content | {"notAmendableCode": f"ORDER_{status.upper()}", "notAmendableReason": reason}
    periods = Calendar(order.start_date, override_months(order) or 1, order.billing_anchor)
    period = periods.at(now)
    stub = is_stub(periods, period, now)
    return content | {"currentPeriodEnd": period.end.date().isoformat(), "stubPeriodExists": stub}


def _rows(session: Session, line: OrderLine, now: datetime) -> list[OrderAttribute]:
    return [row for row in current_rows(session, line, now) if row.valid_from <= now]


def _attribute(order: Order, row: OrderAttribute) -> dict[str, Any]:
    pricing = parse_pricing(row.pricing)
    point = price_point(pricing, order.currency)
    is_usage = pricing.charge_type == "usage"
    state: dict[str, Any] = {
        "quantity": row.quantity, "currency": order.currency, "chargeType": pricing.charge_type,
        "meteredUsage": is_usage, "productId": row.product_id,
    }  # fmt: skip
    if point is not None and pricing.pricing_model == "PerUnit":
        state["unitPriceMinor"] = point.unit_price
    if not is_usage:
        state["totalAmountMinor"] = rounded(price_of(pricing, order.currency, row.quantity))
    if (cost := getattr(pricing, "credit_cost", None)) is not None:
        state["creditCost"] = cost
    kinds = ["updatePricing", "endAttribute"] if is_usage else ["updateQuantity", "updatePricing", "endAttribute"]
    content = {
        "orderLineAttributeId": row.id, "state": state, "meteredUsage": is_usage,
        "intents": [{"kind": kind, "axes": [_MONEY]} for kind in kinds],
    }  # fmt: skip
    if pricing.charge_type == "oneTime":
        return content | {"intents": [], "lockedReason": "it was charged once, when it was sold"}
    return content
