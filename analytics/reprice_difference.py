"""What other prices would make of a period's costs, without changing anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from analytics.frames import MONEY_SUM
from analytics.period import Period, windows
from analytics.reprice_rows import STORED_COLUMNS, NewPrices, compared, grouped
from lake.commit import Transaction
from lake.connect import Lake
from lake.schema import TABLES

CHUNK = 100_000
"""Calls that are in memory at a time."""

KEY = ("provider", "model", "customer_id")
COUNTS = ("calls", "rewritten", "changed", "newly_priced", "newly_unpriced")
SUMS = ("before_usd", "after_usd", "newly_priced_usd")


@dataclass(frozen=True)
class Difference:
    """`groups`: the rows of `reprice_rows.grouped` over the whole period, sorted by their key."""

    groups: pl.DataFrame

    def count(self, name: str) -> int:
        """Sum of one of COUNTS."""
        return int(self.groups[name].sum())

    def total(self, name: str) -> Decimal:
        """Sum of one of SUMS, US dollars."""
        return Decimal(self.groups[name].sum())

    def by(self, *names: str) -> pl.DataFrame:
        """The groups by fewer columns of the key; those of the greatest change first."""
        change = pl.col("after_usd") - pl.col("before_usd")
        summed = _summed(self.groups, names).with_columns(change.alias("change_usd"))
        return summed.sort(pl.col("change_usd").abs(), *names, descending=[True, *[False] * len(names)])


def difference(
    lake: Lake,
    new: NewPrices,
    period: Period | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Difference:
    """Price every billable call of the period (default: all) again and compare; nothing is written.

    Reads `CHUNK` calls at a time. `progress(done, total)` counts calls.
    """
    period, found, done = period or Period(), _no_groups(), 0
    parts = windows(lake.read, period, CHUNK)
    total = sum(part.calls for part in parts)
    for part in parts:
        with lake.reading() as tx:
            stored = stored_calls(tx, part.period, "status <> 'aggregate'")
            found = _summed(pl.concat([found, grouped(compared(stored, new.of(tx, stored)))]), KEY)
        done += part.calls
        progress(done, total)
    return Difference(found.sort(KEY))


def stored_calls(tx: Transaction, period: Period, condition: str = "true") -> pl.DataFrame:
    """Rows of `costs` (STORED_COLUMNS) that occurred in the period and meet an SQL condition."""
    columns = ", ".join(STORED_COLUMNS)
    found = tx.read(f"SELECT {columns} FROM costs WHERE {period.condition('occurred_at')} AND {condition}")
    return found.cast({name: TABLES["costs"].polars_schema[name] for name in STORED_COLUMNS})


def _summed(groups: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    return groups.group_by(key).agg(pl.col(COUNTS).sum(), pl.col(SUMS).sum())


def _no_groups() -> pl.DataFrame:
    texts: dict[str, pl.DataType] = dict.fromkeys(KEY, pl.String())
    return pl.DataFrame(schema=texts | dict.fromkeys(COUNTS, pl.Int64()) | dict.fromkeys(SUMS, MONEY_SUM))
