"""What an order's dated prices charge for, and when: fees of periods, things bought once, and usage that is over."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

from billing.catalog.pricing import RecurringPercentOfTotal, UsageCostPlus
from billing.invoices.amounts import portion, price_of
from billing.orders.periods import Calendar, Span
from billing.orders.stubs import days_of_price
from billing.orders.threads import Dated, Segment, billing_months, calendar
from billing.tables.orders import Order

_BY_MONEY = ("PerUnit", "GraduatedPricing", "VolumePricing")


@dataclass(frozen=True)
class Charge:
    """Something to charge. key: the same for the same thing, for ever.

    amount: cents before rounding; None where it depends on usage, or on the other lines of the invoice.
    """

    key: str
    dated: Dated
    span: Span
    billing_date: datetime
    kind: Literal["fee", "once", "percent", "usage"]
    quantity: int
    amount: Fraction | None


def charges_due(order: Order, of: Iterable[Segment], now: datetime) -> list[Charge]:
    """All that was to be charged up to now since the order began, charged already or not, by billing date."""
    found = [charge for segment in of for charge in _of_segment(order, segment, now) if charge.billing_date <= now]
    return sorted(found, key=lambda each: (each.billing_date, each.span.start, each.dated.row.position or 0, each.key))


def usage_begun(order: Order, of: Iterable[Segment], now: datetime) -> list[Charge]:
    """The usage of each period that has begun, running ones too; also at prices in credits, which come to no money."""
    return [
        charge
        for segment in of
        if (months := billing_months(order, segment)) is not None and segment.rows[0].pricing.charge_type == "usage"
        for span in calendar(order, segment, months).periods(now)
        for charge in _usage(segment, span)
        if charge.span.start <= now
    ]


def once_charges(order: Order, of: Iterable[Segment]) -> dict[str, Charge]:
    """What is charged once, whenever that is, by key."""
    return {charge.key: charge for segment in of if segment.months is None for charge in _once(order, segment)}


def next_charge(order: Order, segment: Segment, now: datetime) -> datetime | None:
    """When the segment's next period begins or ends, or the segment itself."""
    months = billing_months(order, segment)
    moments = [moment for moment in (segment.begins, segment.ends) if moment is not None and moment > now]
    if months is None:
        months = 1 if not segment.rows[0].pricing.in_advance else None
    if months is not None and (segment.ends is None or segment.ends > now):
        moments.append(calendar(order, segment, months).at(now).end)
    return min(moments, default=None)


def _of_segment(order: Order, segment: Segment, now: datetime) -> Iterator[Charge]:
    pricing = segment.rows[0].pricing
    months = billing_months(order, segment)
    if months is None:
        yield from _once(order, segment)
        return
    periods = calendar(order, segment, months)
    for span in periods.periods(now):
        if pricing.charge_type == "usage":
            yield from (charge for charge in _usage(segment, span) if _is_by_money(charge.dated))
        else:
            yield from _fee(order, segment, periods, span, months)


def _once(order: Order, segment: Segment) -> Iterator[Charge]:
    dated = segment.rows[0]
    if not (segment.is_first or segment.is_amended):
        return
    start = segment.begins
    date = start if dated.pricing.in_advance else calendar(order, segment, 1).at(start).end
    amount = price_of(dated.pricing, order.currency, dated.row.quantity)
    yield Charge(
        f"{segment.thread}/once", dated, Span(start, max(date, start)), date, "once", dated.row.quantity, amount
    )


def _fee(order: Order, segment: Segment, periods: Calendar, span: Span, months: int) -> Iterator[Charge]:
    parts, of_days = segment.within(span), days_of_price(segment, periods, span)
    if not parts or of_days is None:
        return
    dated, first = parts[0]
    date = first.start if dated.pricing.in_advance else _closing(segment, span)
    key = f"{segment.thread}/{span.start.isoformat()}"
    covered = Span(first.start, parts[-1][1].end)
    if isinstance(dated.pricing, RecurringPercentOfTotal):
        yield Charge(key, dated, covered, date, "percent", 1, None)
    elif dated.pricing.pricing_model in _BY_MONEY:
        days = sum((part.end.date() - part.start.date()).days for _, part in parts)
        full = price_of(dated.pricing, order.currency, dated.row.quantity) * months / (segment.months or months)
        amount = portion(full, max(days, 1), of_days)
        yield Charge(key, dated, covered, date, "fee", dated.row.quantity, amount)


def _usage(segment: Segment, span: Span) -> Iterator[Charge]:
    for dated, part in segment.within(span):
        key = f"{dated.row.id}/{span.start.isoformat()}"
        yield Charge(key, dated, part, _closing(segment, span), "usage", 1, None)


def _is_by_money(dated: Dated) -> bool:
    return dated.pricing.pricing_model in _BY_MONEY or isinstance(dated.pricing, UsageCostPlus)


def _closing(segment: Segment, span: Span) -> datetime:
    """When all of the period that there will be is over."""
    return span.end if segment.ends is None else max(min(span.end, segment.ends), span.start)


def without(charges: Sequence[Charge], keys: set[str]) -> list[Charge]:
    """The charges that are on no invoice yet."""
    return [charge for charge in charges if charge.key not in keys]
