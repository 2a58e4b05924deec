"""The dated prices of an order, thread by thread: the rows that one attribute of one line has had, one after another.

A thread is cut into segments wherever the length of its billing period or the kind of charge changes; each segment has
its own calendar.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.catalog.pricing import CreditBenefit, Pricing, parse_pricing
from billing.orders.periods import Calendar, Span
from billing.tables.orders import Order, OrderAttribute

AMENDMENT: Final = "amendment"
"""Why a row begins, or has ended."""

_OVERRIDES: Final = {"monthly": 1, "quarterly": 3, "semiAnnually": 6, "annual": 12}


@dataclass(frozen=True)
class Dated:
    """A row with its pricing read."""

    row: OrderAttribute
    pricing: Pricing

    @property
    def benefits(self) -> tuple[CreditBenefit, ...]:
        """The credits that come with it."""
        return tuple(CreditBenefit.model_validate(each) for each in self.row.credit_benefits)


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of a thread that are charged alike. months: of its billing period; None: it is charged once.

    before: the segment of the thread that it follows.
    """

    thread: str
    rows: Sequence[Dated]
    months: int | None
    start: datetime
    before: "Segment | None" = None

    def within(self, span: Span) -> list[tuple[Dated, Span]]:
        """The rows that are in force within a span, each with the part of it in which it is."""
        parts = ((each, span.overlap(each.row.valid_from, each.row.valid_to)) for each in self.rows)
        return [(each, part) for each, part in parts if part is not None]

    @property
    def is_first(self) -> bool:
        """Whether the thread begins with it."""
        return self.before is None

    @property
    def is_amended(self) -> bool:
        """Whether an amendment put it in the place of the one before it, whose rest was credited."""
        return self.before is not None and self.rows[0].row.opened_by == AMENDMENT

    @property
    def begins(self) -> datetime:
        """When it comes into force."""
        return self.rows[0].row.valid_from

    @property
    def ends(self) -> datetime | None:
        """When it is over; None when that is not known."""
        return self.rows[-1].row.valid_to


def segments(order: Order, rows: Iterable[OrderAttribute]) -> list[Segment]:
    """All segments of an order's rows, by line and in the order of time."""
    found: list[Segment] = []
    ordered = sorted(
        (row for row in rows if row.valid_to is None or row.valid_from < row.valid_to),
        key=lambda row: (row.thread, row.valid_from, row.id),
    )
    for thread, of_thread in groupby(ordered, key=lambda row: row.thread):
        dated = [Dated(row, parse_pricing(row.pricing)) for row in of_thread]
        before: Segment | None = None
        for part in _cut(dated):
            start = order.start_date if before is None else part[0].row.valid_from
            before = Segment(thread, part, part[0].pricing.period_months, start, before)
            found.append(before)
    return found


def _cut(dated: Sequence[Dated]) -> list[list[Dated]]:
    parts: list[list[Dated]] = []
    for each in dated:
        if parts and _goes_on(parts[-1][-1], each):
            parts[-1].append(each)
        else:
            parts.append([each])
    return parts


def _goes_on(one: Dated, other: Dated) -> bool:
    """Whether the second row is charged in the periods of the first. A fee stays one where it becomes one by the seat,
    unless an amendment makes it one.
    """
    if AMENDMENT in (one.row.opened_by, other.row.opened_by) and one.pricing.charge_type != other.pricing.charge_type:
        return False
    return is_alike(one.pricing, other.pricing)


def is_alike(one: Pricing, other: Pricing) -> bool:
    """Whether both are fees, or usage, of billing periods of the same length."""
    is_usage = (one.charge_type == "usage", other.charge_type == "usage")
    return one.period_months == other.period_months and is_usage[0] == is_usage[1]


def attributes_of(session: Session, order: Order) -> list[OrderAttribute]:
    """All the rows that an order has had."""
    query = select(OrderAttribute).where(OrderAttribute.order_id == order.id)
    return list(session.scalars(query.order_by(OrderAttribute.valid_from, OrderAttribute.id)))


def calendar(order: Order, segment: Segment, months: int) -> Calendar:
    """The periods of so many months of a segment."""
    return Calendar(segment.start, months, order.billing_anchor)


def billing_months(order: Order, segment: Segment) -> int | None:
    """Months that are billed at once: as the order overrides it, else those of the price. None: charged once."""
    return None if segment.months is None else override_months(order) or segment.months


def override_months(order: Order) -> int | None:
    """Months that the order bills at once, whatever its prices say; None where it does not say."""
    override = order.billing_frequency_override
    if not override:
        return None
    return int(override["customMonths"]) if override["frequency"] == "custom" else _OVERRIDES[override["frequency"]]
