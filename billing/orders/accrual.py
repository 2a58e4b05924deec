"""What the fees of an order's running periods come to by the days of each price: what amendments move is its change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from billing.catalog.pricing import RecurringPercentOfTotal
from billing.invoices.amounts import portion, price_of, rounded
from billing.orders.periods import Span
from billing.orders.stubs import days_of_price
from billing.orders.threads import Dated, Segment, billing_months, calendar
from billing.tables.orders import Order


@dataclass(frozen=True)
class Accrued:
    """A fee in a running period, named as its charge is. accrued: each day at its own price; plain: the whole at the
    price of its first day, which is what the invoice asks for. remaining: days of the period from now on, of `days`.
    """

    key: str
    thread: str
    span: Span
    accrued: int
    plain: int
    remaining: int
    days: int
    dated: Dated


def accruals(order: Order, of: Sequence[Segment], now: datetime) -> dict[str, Accrued]:
    """The fees that run at a moment, by key. Prices that the catalog changed count from the next period on."""
    found = {}
    for segment in of:
        months = billing_months(order, segment)
        pricing = segment.rows[0].pricing
        if months is None or pricing.charge_type == "usage" or isinstance(pricing, RecurringPercentOfTotal):
            continue
        periods = calendar(order, segment, months)
        span = periods.at(now)
        parts, whole = segment.within(span), days_of_price(segment, periods, span)
        if not parts or whole is None:
            continue
        factor = Fraction(months, segment.months or months)
        total, days = Fraction(0), 0
        price = first = price_of(parts[0][0].pricing, order.currency, parts[0][0].row.quantity) * factor
        for place, (dated, part) in enumerate(parts):
            if place and dated.row.opened_by in ("amendment", "plan"):
                price = price_of(dated.pricing, order.currency, dated.row.quantity) * factor
            length = (part.end.date() - part.start.date()).days
            total += price * length / whole
            days += length
        key = f"{segment.thread}/{span.start.isoformat()}"
        found[key] = Accrued(
            key, segment.thread, span, rounded(total), rounded(portion(first, max(days, 1), whole)),
            max((span.end.date() - now.date()).days, 0), whole, parts[-1][0],
        )  # fmt: skip
    return found


def moved(before: Accrued | None, after: Accrued | None, *, charged: bool) -> int:
    """What an amendment adds to a fee (less than 0: takes off) beyond what invoices have asked or will ask for."""
    if charged or before is None or after is None:
        had = 0 if before is None else before.accrued
        has = 0 if after is None else after.accrued
        return has - had if charged else 0
    return (after.accrued - after.plain) - (before.accrued - before.plain)
