"""The part of a period in which an attribute is added: charged by the day, whole, or not at all."""

from datetime import datetime
from typing import Final, Literal

from billing.orders.periods import Calendar, Span
from billing.orders.threads import Segment

NONE: Final = "none"
FULL: Final = "full"

Stub = Literal["none", "prorated", "full"]


def stored_stub(stub: Stub | None) -> str | None:
    """As a row keeps it."""
    return None if stub == "prorated" else stub


def is_stub(periods: Calendar, span: Span, begins: datetime) -> bool:
    """Whether what begins at a moment of a period has fewer days in it than a full price is for."""
    return span.start <= begins < span.end and Span(begins, span.end).days < periods.whole(span).days


def days_of_price(segment: Segment, periods: Calendar, span: Span) -> int | None:
    """The days of a period that the full price of a segment is for; None where the period is not charged at all."""
    stub = segment.rows[0].row.first_period
    if stub is None or not is_stub(periods, span, segment.begins):
        return periods.whole(span).days
    return None if stub == NONE else Span(segment.begins, span.end).days
