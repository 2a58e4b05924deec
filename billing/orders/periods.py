"""Billing periods: where one ends the next begins, counted in months from an order's start or on its anchor day.

Every boundary is worked out from the start, so that a 31st comes back after a February. All times are in UTC.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

_MONTHS: Final = 12
_LAST_MONTH: Final = 9999 * _MONTHS + _MONTHS - 1
FAR: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of what has none."""


@dataclass(frozen=True)
class Span:
    """From `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime

    @property
    def days(self) -> int:
        """How many days begin within it, at least 1: what is charged by the day is charged for these."""
        return max((self.end.date() - self.start.date()).days, 1)

    def overlap(self, start: datetime, end: datetime | None) -> "Span | None":
        """What it has in common with another stretch of time; None for nothing."""
        begin, finish = max(self.start, start), self.end if end is None else min(self.end, end)
        return Span(begin, finish) if begin < finish else None


@dataclass(frozen=True)
class Calendar:
    """The boundaries of an order's periods of `months`.

    anchor: the day of the month on which periods begin (the last one of shorter months), at 00:00; None or the day of
    `start`: as `start` itself. With another anchor the first period is a short one, up to the first such day.
    """

    start: datetime
    months: int
    anchor: int | None = None

    def boundary(self, number: int) -> datetime:
        """Where period `number` begins, and the one before it ends; 0 is the start."""
        if number == 0 or self.anchor is None or self.anchor == self.start.day:
            return add_months(self.start, number * self.months, self.start.day)
        return add_months(self._first(), (number - 1) * self.months, self.anchor)

    def periods(self, until: datetime) -> Iterator[Span]:
        """The periods that begin before `until`, or at it."""
        for number in count():
            span = Span(self.boundary(number), self.boundary(number + 1))
            if span.start > until or span.start >= span.end:
                return
            yield span

    def at(self, moment: datetime) -> Span:
        """The period of a moment; the first one for moments before the start."""
        found = Span(self.boundary(0), self.boundary(1))
        for span in self.periods(moment):
            found = span
        return found

    def whole(self, span: Span) -> Span:
        """The period of full length that a period is, or is the last part of: its days are what a full price is for."""
        if self.anchor is None or span.start != self.start or self.anchor == self.start.day:
            return span
        return Span(min(add_months(span.end, -self.months, self.anchor), span.start), span.end)

    def _first(self) -> datetime:
        assert self.anchor is not None
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        for months in range(3):
            day = add_months(midnight, months, self.anchor)
            if day > self.start:
                return day
        return FAR


def add_months(moment: datetime, months: int, day: int | None = None) -> datetime:
    """The moment so many months later, on `day` (default: its own), or on the last day of a month without that day."""
    place = moment.year * _MONTHS + moment.month - 1 + months
    if place > _LAST_MONTH:
        return FAR
    year, month = divmod(max(place, _MONTHS), _MONTHS)
    return moment.replace(year=year, month=month + 1, day=min(day or moment.day, monthrange(year, month + 1)[1]))


def add_duration(moment: datetime, length: int, unit: str) -> datetime:
    """The moment so many `days` or `months` later."""
    if unit == "months":
        return add_months(moment, length)
    try:
        return moment + timedelta(days=length)
    except OverflowError:
        return FAR
