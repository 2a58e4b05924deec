"""Rolling up: what finished days came to is worked out once and kept, and `margin_daily` reads it from there.

A day is claimed, worked out from a snapshot without a lock, and put in its place in one short transaction if nothing of
it has changed meanwhile; a change takes the claim away (`lake.rolled`), and the day stays live. So a rollup can run
beside the service, be killed at any point and be run again.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import polars as pl

from analytics.period import Period
from lake.commit import Transaction
from lake.connect import Lake
from lake.daily import DAILY_COLUMNS, daily_sql, utc_day
from lake.rolled import live_days
from lake.schema import TABLES

EVENTS_AT_ONCE = 2_000_000
"""Events and calls of the days that are worked out together, unless one day alone has more."""

DAY = timedelta(days=1)
_SCHEMA = TABLES["margin_rollup"].polars_schema


@dataclass(frozen=True)
class Rollup:
    """Days that were rolled up, events and calls on them. contended: days that changed meanwhile; they stay live."""

    days: int = 0
    events: int = 0
    calls: int = 0
    contended: int = 0

    def __add__(self, other: "Rollup") -> "Rollup":
        return Rollup(
            self.days + other.days,
            self.events + other.events,
            self.calls + other.calls,
            self.contended + other.contended,
        )


def rollup(
    lake: Lake,
    period: Period,
    *,
    most_days: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Rollup:
    """Roll up the days of the period that are not, the oldest first; only days that lie in it whole.

    The period must have an end, which should be in the past: later days would be rolled up again and again. At most
    `most_days`. `progress(done, total)` counts days; between pieces `stop()` may end the work. What is done stays done.
    """
    todo = unrolled(lake, period).slice(0, most_days)
    if todo.is_empty():
        return Rollup()
    claim = uuid.uuid4().hex
    lake.run(partial(_claim, days=todo["day"].to_list(), claim=claim), by_key=False)
    done = Rollup()
    for piece in _pieces(todo):
        if stop():
            break
        done += _roll(lake, piece, claim)
        progress(done.days + done.contended, todo.height)
    return done


def unrolled(lake: Lake, period: Period) -> pl.DataFrame:
    """Days of the period that a rollup would work on, in order: day, events, calls."""
    first, end = _whole_days(period)
    with lake.reading() as tx:
        return _unrolled(tx, first, end)


def _whole_days(period: Period) -> tuple[date | None, date]:
    """The first day that lies in the period whole (None: without bound) and the one after the last."""
    if period.end is None:
        raise ValueError("a rollup needs an end")
    end = period.end.astimezone(UTC).date()
    if period.start is None:
        return None, end
    start = period.start.astimezone(UTC)
    return (start.date() if start.time() == time() else start.date() + DAY), end


def _unrolled(tx: Transaction, first: date | None, end: date) -> pl.DataFrame:
    """day, events, calls of the days from `first` on, before `end`, that are not rolled up but have or had rows."""
    since = f"day < DATE '{end}'" + (f" AND day >= DATE '{first}'" if first else "")
    known = tx.read(f"SELECT day, rolled_at IS NOT NULL AS rolled FROM rolled_days WHERE {since}")
    last = tx.read("SELECT max(day) FROM rolled_days").item()
    # Days up to the last without a row have nothing on them, so only those marked and later ones need be looked at.
    live = known.filter(~pl.col("rolled"))["day"]
    begin = min(
        (day for day in (live.min(), last + DAY if last else None, None) if isinstance(day, date)), default=None
    )
    bounds = [f"{{0}} < {_moment(end)}"]
    bounds += [f"{{0}} >= {_moment(day)}" for day in (first, begin) if day]
    where = " AND ".join(bounds).format("occurred_at")
    counts = tx.read(
        "SELECT day, count(*) FILTER (what = 'event') AS events, count(*) FILTER (what = 'call') AS calls FROM ("
        f"SELECT {utc_day('occurred_at')} AS day, 'event' AS what FROM event_margins WHERE {where} UNION ALL "
        f"SELECT {utc_day('occurred_at')}, 'call' FROM costs WHERE {where}) GROUP BY day"
    )
    counts = counts.join(known.filter("rolled"), on="day", how="anti")
    marked = live.to_frame().join(counts, on="day", how="anti")
    none = pl.lit(0, pl.Int64)
    return pl.concat([counts, marked.select("day", none.alias("events"), none.alias("calls"))]).sort("day")


def _claim(tx: Transaction, days: Sequence[date], claim: str) -> None:
    """Mark these days as being worked on, and as live all earlier ones with rows that were never rolled up."""
    last = max(days)
    rows = _unrolled(tx, None, last + DAY)
    rows = live_days(rows["day"]).with_columns(claim=pl.when(pl.col("day").is_in(days)).then(pl.lit(claim)))
    held = tx.read("SELECT day, claim FROM rolled_days WHERE rolled_at IS NULL").cast({"day": pl.Date})
    # days that another rollup claimed, unless they are wanted here
    kept = held.filter(pl.col("claim").is_not_null() & ~pl.col("day").is_in(days))
    rows = rows.join(kept, on="day", how="anti")
    tx.replace("rolled_days", rows.select("day"), rows)


def _pieces(days: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Runs of days without a gap, of at most EVENTS_AT_ONCE events and calls unless a day has more."""
    begin = size = 0
    rows = days.rows()
    for place, (day, events, calls) in enumerate(rows):
        full = size and size + events + calls > EVENTS_AT_ONCE
        if place and (full or day - rows[place - 1][0] != DAY):
            yield days.slice(begin, place - begin)
            begin, size = place, 0
        size += events + calls
    yield days.slice(begin)


def _roll(lake: Lake, piece: pl.DataFrame, claim: str) -> Rollup:
    """Work out a run of days and put them in place, but for those that changed since they were claimed."""
    first, last = piece["day"][0], piece["day"][-1]
    with lake.reading() as tx:
        rows = worked_out(tx, first, last + DAY)
    placed = lake.run(partial(_place, rows=rows, days=piece.select("day"), claim=claim), by_key=False)
    kept = piece.join(placed, on="day", how="semi")
    return Rollup(kept.height, int(kept["events"].sum()), int(kept["calls"].sum()), piece.height - kept.height)


def worked_out(tx: Transaction, first: date, end: date) -> pl.DataFrame:
    """The rows of `margin_rollup` of the days from `first` on, before `end`."""

    def among(moment: str) -> str:
        return f"({moment} >= {_moment(first)} AND {moment} < {_moment(end)})"

    return tx.read(f"SELECT {', '.join(DAILY_COLUMNS)} FROM ({daily_sql(among)}) ORDER BY ALL").cast(_SCHEMA)


def _place(tx: Transaction, rows: pl.DataFrame, days: pl.DataFrame, claim: str) -> pl.DataFrame:
    """Make `rows` the totals of those of the days that are still claimed; returns these days."""
    claimed = tx.semi("rolled_days", ["day", "claim"], days, "day").filter(pl.col("claim") == claim).select("day")
    tx.delete("margin_rollup", claimed)
    tx.append("margin_rollup", rows.join(claimed, on="day", how="semi"))
    now = pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC"))
    tx.replace("rolled_days", claimed, live_days(claimed["day"]).with_columns(rolled_at=now))
    return claimed


def _moment(day: date) -> str:
    return f"'{day.isoformat()} 00:00:00+00'::TIMESTAMPTZ"
