"""The row of `reprices` that a re-pricing keeps, and the marker by which an interrupted one goes on."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from analytics.period import Period, microseconds, moment
from analytics.reprice_rows import NewPrices
from lake.commit import Transaction
from lake.connect import Lake
from lake.definitions import quoted
from lake.schema import TABLES

_PREFIX = "reprice:"
_CURRENT = "SELECT id FROM ducklake_current_snapshot('lake')"


@dataclass(frozen=True)
class Entry:
    """A row of the table `reprices`."""

    reprice_id: str
    started_at: datetime
    finished_at: datetime | None
    catalog_id: str
    period_from: datetime | None
    period_to: datetime | None
    snapshot_before: int
    calls: int
    changed: int
    cost_before_usd: Decimal
    cost_after_usd: Decimal


class Audit:
    """What is recorded of one run: same prices and same period, taken up again where an interrupted one stopped."""

    def __init__(self, new: NewPrices, period: Period) -> None:
        self._new = new
        self._period = period
        bounds = (_text(period.start), _text(period.end))
        self.source = f"{_PREFIX}{new.catalog_id}:{new.rules_id}:{bounds[0]}:{bounds[1]}"
        self._id = "reprice_" + hashlib.sha256(self.source.encode()).hexdigest()[:12]

    def reached(self, lake: Lake) -> datetime | None:
        """Up to where an interrupted run got; None when there is none."""
        position = lake.progress(self.source)
        return None if position is None else moment(position)

    def entry(self, tx: Transaction) -> Entry:
        """The row of the run that goes on, or of one that begins now.

        The first transaction of a run also records its price book, and makes other interrupted runs begin anew: what
        they had done may be undone by this one.
        """
        if tx.progress(self.source) is not None:
            begun = tx.read(
                f"SELECT * FROM reprices WHERE starts_with(reprice_id, {quoted(self._id)}) AND finished_at IS NULL "
                "ORDER BY started_at DESC LIMIT 1"
            )
            if begun.height:
                return Entry(**begun.row(0, named=True))
        snapshot = int(tx.read(_CURRENT).item())
        self._new.record(tx)
        left = tx.read(f"SELECT DISTINCT source FROM ingest_log WHERE starts_with(source, '{_PREFIX}')")
        for source in left["source"]:
            tx.forget_progress(source)
        calls, cost = tx.read(
            "SELECT count(*), coalesce(sum(cost_usd), 0)::DECIMAL(38,12) FROM costs "
            f"WHERE status <> 'aggregate' AND {self._period.condition('occurred_at')}"
        ).row(0)
        now = datetime.now(UTC)
        return Entry(
            reprice_id=f"{self._id}_{microseconds(now)}",
            started_at=now,
            finished_at=None,
            catalog_id=self._new.catalog_id,
            period_from=self._period.start,
            period_to=self._period.end,
            snapshot_before=snapshot,
            calls=calls,
            changed=0,
            cost_before_usd=cost,
            cost_after_usd=cost,
        )

    def write(self, tx: Transaction, entry: Entry, reached: datetime | None) -> None:
        """Store the row, and how far the run got; None: it is finished and leaves no marker."""
        values: dict[str, list[Any]] = {name: [value] for name, value in vars(entry).items()}
        row = pl.DataFrame(values, schema=TABLES["reprices"].polars_schema)
        tx.replace("reprices", row.select("reprice_id"), row)
        if reached is None:
            tx.forget_progress(self.source)
        else:
            tx.set_progress(self.source, microseconds(reached))


def current_snapshot(lake: Lake) -> int:
    """The snapshot that shows the newest committed state."""
    return int(lake.read(_CURRENT).item())


def _text(bound: datetime | None) -> str:
    return "" if bound is None else bound.isoformat()
