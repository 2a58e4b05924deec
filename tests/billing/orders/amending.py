"""Amend an order as a client does, and see what it has come to."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import func, select

from billing.orders.advance import advance
from billing.orders.periods import add_months
from billing.tables.invoices import InvoiceItem, InvoiceLine
from tests.billing.orders import goods
from tests.billing.shop import Shop

MONTHS = {"Monthly": 1, "Quarterly": 3, "Semi-Annually": 6, "Annual": 12}


def price(cents: int, frequency: str = "Monthly", billing: str = "Advance", kind: str = "RecurringPerUnit") -> Any:
    """A price per unit and period, as `newPricing` has it."""
    return goods.fee(cents, pricingType=kind, billingFrequency=frequency, billingType=billing)["pricing"]


def options(shop: Shop, order_id: str) -> dict[str, Any]:
    """What of an order can be amended."""
    answer = shop.api.get(f"/orders/{order_id}/amendments/options")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def attribute(shop: Shop, order_id: str, place: int = 0) -> str:
    """The id of what the first line of an order sells."""
    return str(options(shop, order_id)["lines"][0]["attributes"][place]["orderLineAttributeId"])


def ask(shop: Shop, order_id: str, *intents: dict[str, Any], preview: bool = False, **fields: Any) -> Any:
    """The answer to an amendment of an order's present version, or to its preview."""
    body = {"orderVersion": options(shop, order_id)["orderVersion"], "intents": list(intents), **fields}
    return shop.api.post(f"/orders/{order_id}/amendments{'/preview' if preview else ''}", json=body)


def amend(shop: Shop, order_id: str, *intents: dict[str, Any]) -> dict[str, int]:
    """Look at the plan of an amendment, then do just that. What it moves in cents, by kind; a credit is below zero."""
    plan = ask(shop, order_id, *intents, preview=True)
    assert plan.status_code == 200, plan.text
    done = ask(shop, order_id, *intents, planHash=plan.json()["planHash"])
    assert done.status_code == 200, done.text
    seen, came = (moves(each) for each in (plan.json(), done.json()["plan"]))
    assert seen == came
    return came


def moves(plan: dict[str, Any]) -> dict[str, int]:
    """What a plan moves in cents, by kind."""
    found: dict[str, int] = {}
    for effect in plan["moneyEffects"]:
        sign = -1 if effect["kind"] == "prorationCredit" else 1
        found[effect["kind"]] = found.get(effect["kind"], 0) + sign * effect["amountMinor"]
    return found


def reprice(row: str, pricing: Any, **fields: Any) -> dict[str, Any]:
    """The intent of another price."""
    return {"type": "updatePricing", "orderLineAttributeId": row, "newPricing": pricing, **fields}


def money(shop: Shop) -> int:
    """Cents: all that is on invoices, and what waits for the next one."""
    with shop.database.read() as session:
        asked = session.scalar(select(func.sum(InvoiceLine.amount))) or 0
        waiting = session.scalar(select(func.sum(InvoiceItem.amount - InvoiceItem.applied))) or 0
    return int(asked) + int(waiting)


def pieces(shop: Shop) -> int:
    """How many amounts were rounded to come to `money`."""
    with shop.database.read() as session:
        lines = session.scalar(select(func.count()).select_from(InvoiceLine)) or 0
        return int(lines) + int(session.scalar(select(func.count()).select_from(InvoiceItem)) or 0)


def running(shop: Shop, *attributes: dict[str, Any], **fields: Any) -> str:
    """An order that began on March 1; it is March 15, so 17 of 31 days are left."""
    bot = goods.product(shop, *attributes)
    return str(goods.order(shop, goods.customer(shop), bot["id"], "2026-03-01T00:00:00Z", **fields)["id"])


def totals(shop: Shop) -> list[int]:
    """What each invoice comes to, the oldest first."""
    return [each["invoiceTotal"] for each in goods.invoices(shop)]


def until(shop: Shop, moment: str) -> None:
    """Time goes by, to a moment in UTC."""
    shop.clock.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    advance(shop.billing, shop.clock())


def by_day(stretches: list[tuple[datetime, datetime, int, int]]) -> Fraction:
    """What (start, end, months, price of so many months) one after another come to: each day is its part of the period
    that it is in, counted from the start.
    """
    total = Fraction(0)
    for start, end, months, cents in stretches:
        number, begin = 0, start
        while begin < end:
            number += 1
            finish = add_months(start, months * number, start.day)
            days = (min(finish, end).date() - begin.date()).days
            total += Fraction(cents * days, (finish.date() - begin.date()).days)
            begin = finish
    return total
