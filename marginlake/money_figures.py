"""The figures of money for `/metrics`: sums of the UTC day and month so far, read from the lake in one go.

Labels are bounded: of each family the combinations with most money in them have series of their own, the rest are
together under `other`.
"""

from collections.abc import Container, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import polars as pl

from analytics.alert_rules import Span
from analytics.alert_windows import Window, window_at
from analytics.frames import MONEY_SUM
from lake.commit import Transaction
from lake.connect import Lake
from lake.daily import CLEAN_DAYS, daily_sql, utc_day

OTHER: Final = "other"
NONE: Final = "none"
"""The label of rows that have no product, model, customer or event."""

_CALL_LABELS: Final = {"provider": "provider", "model": "model"}
_MARGIN_LABELS: Final = {"product": "product_id", "customer": "customer_id", "event": "event_name"}
_CALL_SUMS: Final = ("calls", "unpriced_calls", "cost_usd")
_MARGIN_SUMS: Final = (
    "signals", "signals_without_revenue", "revenue_usd", "linked_cost_usd", "unclaimed_cost_usd", "value_usd",
    "margin_usd", "margin_known_usd",
)  # fmt: skip


_NO_CALLS: Final = pl.DataFrame(
    schema={
        "day": pl.Date, "provider": pl.String, "model": pl.String, "calls": pl.Int64, "unpriced_calls": pl.Int64,
        "cost_usd": MONEY_SUM, "weight_usd": MONEY_SUM,
    }
)  # fmt: skip

ROWS_AT_ONCE: Final = 200_000
"""Events and calls that one step reads, unless a day has more."""


@dataclass(frozen=True)
class MoneyFigures:
    """`calls` and `margins`: one row per window and combination of labels, with the label columns and the sums."""

    read_at: datetime
    calls: pl.DataFrame
    margins: pl.DataFrame


class MoneyReader:
    """Reads the figures of one lake again and again; what cannot have changed since the last time is not read again."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._calls: dict[date, tuple[datetime, pl.DataFrame]] = {}

    def read(self, labels: Sequence[str], top: int, now: datetime) -> MoneyFigures:
        """The figures as of the newest commit, at once."""
        steps = self.steps(labels, top, now)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                figures: MoneyFigures = end.value
                return figures

    def steps(self, labels: Sequence[str], top: int, now: datetime) -> Generator[None, None, MoneyFigures]:
        """The same in steps of about `ROWS_AT_ONCE` rows, so that others get their turn, all of one snapshot.

        A day that is rolled up is taken from the rollup, and its calls from the last time: as long as it stays rolled
        up, no row of it has changed.
        """
        month = window_at(Span("month"), now)
        calls, margins = [], []
        with self._lake.reading() as tx:
            rolled = _rolled_days(tx, month)
            self._calls = {day: kept for day, kept in self._calls.items() if rolled.get(day) == kept[0]}
            calls += [rows for _, rows in self._calls.values()]
            margins.append(_rolled_margins(tx, month))
            for piece in _pieces(_rows_by_day(tx, month), rolled, self._calls):
                yield
                read = _calls(tx, piece)
                calls.append(read)
                if not piece.rolled:
                    margins.append(_live_margins(tx, piece))
                    continue
                days = [piece.first + timedelta(days=more) for more in range((piece.end - piece.first).days)]
                self._calls |= {
                    day: (rolled[day], read.filter(pl.col("day") == day)) for day in days if day in rolled
                }  # fmt: skip
        return MoneyFigures(
            now,
            bounded(pl.concat([_NO_CALLS, *calls]), [name for name in _CALL_LABELS if name in labels], top, now),
            bounded(pl.concat(margins), [name for name in _MARGIN_LABELS if name in labels], top, now),
        )


def read_alerts(lake: Lake, now: datetime) -> tuple[Mapping[str, int], int]:
    """Alerts that fire in windows that are not over, by severity; and messages that wait for their delivery."""
    moment = f"'{now.isoformat()}'::TIMESTAMPTZ"
    firing = lake.read(
        f"SELECT severity, count(*) FROM alerts WHERE state = 'firing' AND window_end > {moment} GROUP BY ALL"
    )
    waiting = lake.read("SELECT count(*) FROM alerts WHERE delivered_at IS NULL AND next_attempt_at IS NOT NULL").item()
    return dict(firing.rows()), int(waiting)


def bounded(rows: pl.DataFrame, labels: Sequence[str], top: int, now: datetime) -> pl.DataFrame:
    """Sums of the day and the month by labels, for at most `top` combinations and `other`.

    rows: `day`, the label columns, `weight_usd`, and sums. A sum is NULL when nothing is known; `margin_usd` as soon
    as a part of it is not. Both windows have the same combinations.
    """
    sums = [name for name in rows.columns if name not in ("day", "weight_usd", *_CALL_LABELS, *_MARGIN_LABELS)]
    rows = rows.with_columns(pl.col(name).fill_null(NONE) for name in labels)
    if labels:
        ranked = rows.group_by(labels).agg(pl.col("weight_usd").sum())
        kept = ranked.sort("weight_usd", *labels, descending=[True, *(False for _ in labels)]).head(top)
        rows = rows.join(kept.select(*labels, kept=pl.lit(True)), on=labels, how="left").with_columns(
            pl.when("kept").then(pl.col(name)).otherwise(pl.lit(OTHER)).alias(name) for name in labels
        )
    month = rows.with_columns(window=pl.lit("month"))
    day = rows.filter(pl.col("day") == now.date()).with_columns(window=pl.lit("day"))
    return pl.concat([day, month]).group_by("window", *labels).agg(map(_sum, sums)).sort("window", *labels)


def _sum(name: str) -> pl.Expr:
    known = pl.col(name).drop_nulls()
    enough = known.len() == pl.len() if name == "margin_usd" else known.len() > 0
    return pl.when(enough).then(known.sum()).alias(name)


class _Piece(NamedTuple):
    """Days from the first to before the end; those among them that have rows are rolled up, or none is."""

    first: date
    end: date
    rolled: bool

    def holds(self, moment: str) -> str:
        """SQL condition: this time is on one of the days."""
        return f"({moment} >= {_midnight(self.first)} AND {moment} < {_midnight(self.end)})"


def _rolled_days(tx: Transaction, month: Window) -> dict[date, datetime]:
    """The days of the month that are rolled up, and when they were."""
    found = tx.read(
        f"SELECT day, rolled_at FROM rolled_days WHERE rolled_at IS NOT NULL AND {_days_of(month)}"
    )  # fmt: skip
    return dict(found.iter_rows())


def _rows_by_day(tx: Transaction, month: Window) -> list[tuple[date, int]]:
    """Days of the month that have events or calls, in order, and how many."""
    within = f"occurred_at >= {_midnight(month.start)} AND occurred_at < {_midnight(month.end)}"
    found = tx.read(
        f"SELECT {utc_day('occurred_at')} AS day, count(*) FROM (SELECT occurred_at FROM event_margins WHERE {within} "
        f"UNION ALL SELECT occurred_at FROM costs WHERE {within}) GROUP BY day ORDER BY day"
    )
    return found.rows()


def _pieces(
    days: Sequence[tuple[date, int]], rolled: Container[date], done: Container[date]
) -> Iterator[_Piece]:  # fmt: skip
    """Runs of days to read, each of about `ROWS_AT_ONCE` rows or of one day."""
    piece, size = None, 0
    for day, rows in days:
        wanted = not (day in rolled and day in done)
        if piece and (not wanted or piece.rolled != (day in rolled) or size + rows > ROWS_AT_ONCE):
            yield piece
            piece = None
        if wanted:
            size = size + rows if piece else rows
            piece = _Piece(piece.first if piece else day, day + timedelta(days=1), day in rolled)
    if piece:
        yield piece


def _calls(tx: Transaction, piece: _Piece) -> pl.DataFrame:
    rows = tx.read(
        f"SELECT {utc_day('occurred_at')} AS day, provider, "
        "coalesce(model, response_model, request_model) AS model, count(*) AS calls, "
        "count(*) FILTER (WHERE status = 'unpriced') AS unpriced_calls, sum(cost_usd) AS cost_usd "
        f"FROM billable_costs WHERE {piece.holds('occurred_at')} GROUP BY ALL"
    )
    return _typed(rows, _CALL_SUMS).with_columns(weight_usd=_known("cost_usd")).cast(_NO_CALLS.schema)


def _rolled_margins(tx: Transaction, month: Window) -> pl.DataFrame:
    return _margins(tx, f"SELECT * FROM margin_rollup WHERE day IN ({CLEAN_DAYS}) AND {_days_of(month)}")


def _live_margins(tx: Transaction, piece: _Piece) -> pl.DataFrame:
    return _margins(tx, daily_sql(piece.holds))


def _margins(tx: Transaction, daily: str) -> pl.DataFrame:
    """From SQL of rows as the view `margin_daily` has them."""
    rows = tx.read(
        "SELECT day, product_id AS product, customer_id AS customer, event_name AS event, signals, "
        "signals_without_revenue, revenue_usd, linked_cost_usd, unclaimed_cost_usd, value_usd, margin_usd, "
        f"coalesce(revenue_usd, 0) - linked_cost_usd - unclaimed_cost_usd AS margin_known_usd FROM ({daily})"
    )
    costs = _known("linked_cost_usd") + _known("unclaimed_cost_usd")
    return _typed(rows, _MARGIN_SUMS).with_columns(weight_usd=costs + _known("revenue_usd"))


def _days_of(month: Window) -> str:
    return f"day >= '{month.start:%Y-%m-%d}'::DATE AND day < '{month.end:%Y-%m-%d}'::DATE"


def _midnight(day: date) -> str:
    return f"'{day:%Y-%m-%d} 00:00:00+00'::TIMESTAMPTZ"


def _typed(rows: pl.DataFrame, sums: Sequence[str]) -> pl.DataFrame:
    money = {name: MONEY_SUM if name.endswith("_usd") else pl.Int64() for name in sums}
    return rows.with_columns(pl.col(name).cast(dtype) for name, dtype in money.items())


def _known(name: str) -> pl.Expr:
    return pl.col(name).fill_null(pl.lit(Decimal(0), MONEY_SUM))
