"""A stretch of time, and how to walk through its calls in pieces that fit in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WIDTHS = (86_400_000_000, 60_000_000, 1_000_000, 1_000, 1)
"""Microseconds of the buckets that calls are counted in: days, and finer where a day has too many."""


@dataclass(frozen=True)
class Period:
    """From `start` (inclusive) to `end` (exclusive); None is without bound. UTC."""

    start: datetime | None = None
    end: datetime | None = None

    def condition(self, column: str) -> str:
        """SQL condition on a time column."""
        parts = [f"{column} IS NOT NULL"]
        if self.start is not None:
            parts.append(f"{column} >= '{self.start.isoformat()}'::TIMESTAMPTZ")
        if self.end is not None:
            parts.append(f"{column} < '{self.end.isoformat()}'::TIMESTAMPTZ")
        return " AND ".join(parts)

    def holds(self, column: str) -> pl.Expr:
        """Whether a time column of a frame is within."""
        inside = pl.col(column).is_not_null()
        if self.start is not None:
            inside &= pl.col(column) >= self.start
        if self.end is not None:
            inside &= pl.col(column) < self.end
        return inside


@dataclass(frozen=True)
class Window:
    """A part of a period (its `period` is bounded on both sides) and how many calls it held when it was cut."""

    period: Period
    calls: int


def windows(read: Callable[[str], pl.DataFrame], period: Period, size: int, of: str = "costs") -> list[Window]:
    """The period cut, in the order of time, into windows of at most `size` calls; without gaps between them.

    Only a single microsecond with more calls than that makes a larger window. `read` answers SQL on the lake. `of`:
    the table whose rows are counted by their occurred_at, where not calls.
    """
    found: list[Window] = []
    begun = period.start
    first = last = calls = 0
    for start, end, count in _buckets(read, period, size, _WIDTHS, of):
        if calls and calls + count > size:
            found.append(_window(begun or moment(first), moment(last), period, calls))
            begun, calls = moment(last), 0
        if not calls:
            first = start
        last, calls = end, calls + count
    if calls:
        found.append(_window(begun or moment(first), moment(last), period, calls))
    return found


def one_by_one(
    found: Sequence[Window], progress: Callable[[int, int], None], stop: Callable[[], bool]
) -> Iterator[Period]:
    """The periods of windows, each once the work on the one before is done, of which `progress(done, total)` is told.

    Ends early when `stop` says so.
    """
    done, total = 0, sum(window.calls for window in found)
    for window in found:
        if stop():
            return
        yield window.period
        done += window.calls
        progress(done, total)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def moment(since_1970: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + since_1970 * _MICROSECOND


def _window(start: datetime, end: datetime, period: Period, calls: int) -> Window:
    return Window(Period(start, end if period.end is None else min(end, period.end)), calls)


def _buckets(
    read: Callable[[str], pl.DataFrame], period: Period, size: int, widths: tuple[int, ...], of: str
) -> Iterator[tuple[int, int, int]]:
    """(start, end, calls) of stretches of time that hold calls, in microseconds; too full ones are cut further."""
    width, *finer = widths
    at = "epoch_us(occurred_at)"
    counts = read(
        f"SELECT {at} - (({at} % {width}) + {width}) % {width} AS start, count(*) AS calls "
        f"FROM {of} WHERE {period.condition('occurred_at')} GROUP BY start ORDER BY start"
    )
    for start, calls in counts.iter_rows():
        if calls > size and finer:
            inner = Period(_later(period.start, moment(start)), _earlier(period.end, moment(start + width)))
            yield from _buckets(read, inner, size, tuple(finer), of)
        else:
            yield start, start + width, calls


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
