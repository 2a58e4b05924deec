"""Which days are rolled up, and which of them a transaction makes stale: the view `margin_daily` is never wrong.

A day's totals depend on the events of that day, on the links and costs of those events, and on the costs of that day
that no event bears. So a row that comes or goes ends the day it lies on, a link those of its cost and of its event, and
a cost that changes those of its events too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

import polars as pl

from lake.tables.rollup import ROLLED_DAYS

WATCHED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"event_margins": ("occurred_at",), "costs": ("occurred_at",), "cost_links": ("occurred_at", "event_at")}
)
"""The tables that `margin_daily` is made of, and the times of the days on which their rows count."""


@dataclass(frozen=True)
class RolledDays:
    """The table `rolled_days` in short.

    last: the last day in it, None when nothing was ever rolled up. live: the days up to then that are worked out as
    they are read and that no rollup is working on: nothing can make them stale.
    """

    last: date | None
    live: frozenset[date]

    @classmethod
    def of(cls, rows: pl.DataFrame) -> RolledDays:
        """From the rows of the table."""
        live = rows.filter(pl.col("rolled_at").is_null() & pl.col("claim").is_null())
        last = rows["day"].max()
        return cls(last if isinstance(last, date) else None, frozenset(live["day"]))

    @property
    def end(self) -> datetime | None:
        """The first moment after the last day."""
        return None if self.last is None else datetime.combine(self.last, time(), UTC) + timedelta(days=1)

    def days_of(self, rows: pl.DataFrame, table: str) -> set[date]:
        """The days up to the last on which rows of a watched table count."""
        times = pl.concat([rows[name].rename("at") for name in WATCHED[table]])
        return set(times.filter(times < self.end).dt.date().unique()) if self.end else set()

    def stale(self, days: Iterable[date]) -> pl.DataFrame:
        """What becomes of these days, all of them changed: rows of the table for those that must be marked."""
        return live_days(sorted(day for day in days if day not in self.live))


def live_days(days: Iterable[date]) -> pl.DataFrame:
    """Rows of `rolled_days` that say of days that they are not rolled up."""
    return pl.DataFrame({"day": list(days)}, schema={"day": pl.Date}).select(
        "day", *(pl.lit(None, kind).alias(name) for name, kind in ROLLED_DAYS.polars_schema.items() if name != "day")
    )
