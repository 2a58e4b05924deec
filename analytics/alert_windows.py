"""Windows of time that alerts look at: aligned in UTC, the running one and those that late data may still change."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from analytics.alert_rules import Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """From `start` until just before `end`, UTC."""

    start: datetime
    end: datetime


def window_at(span: Span, moment: datetime) -> Window:
    """The window of this length in which a moment (UTC) lies."""
    if span.unit == "month":
        start = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return Window(start, (start + timedelta(days=31)).replace(day=1))
    length = timedelta(hours=span.hours) if span.unit == "hours" else timedelta(days=1)
    start = moment - (moment - _EPOCH) % length
    return Window(start, start + length)


def windows(span: Span, now: datetime, late: timedelta) -> list[Window]:
    """The window of `now` and those before it that ended less than `late` ago, oldest first."""
    found = [window_at(span, now)]
    while found[-1].start > now - late:
        found.append(window_at(span, found[-1].start - timedelta(microseconds=1)))
    return found[::-1]
