"""What a writing process remembers of the lake between its transactions, so that it need not ask again."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from lake.rolled import RolledDays
from lake.windows import KeyWindows


class Remembered(NamedTuple):
    """What a transaction adds to `Known` once it is committed: one directory entry per key, positions of sources.

    rolled: which days are rolled up, where it knows; None when it changed that or never asked.
    """

    entries: pl.DataFrame
    positions: dict[str, int | None]
    rolled: RolledDays | None = None


class Known:
    """The key directory and the positions of sources, as of one snapshot.

    Used under the write lock only. `refresh` catches up with what other processes committed; `committed` adds what this
    one did. Should a commit have happened of which we were not told, the next `refresh` finds it.
    """

    def __init__(self, folder: Path):
        self._windows = KeyWindows(folder)
        self._snapshot = -1
        self.batch = 0
        self.positions: dict[str, int | None] = {}
        self.rolled: RolledDays | None = None

    def refresh(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Bring this up to the snapshot of the transaction that `connection` has just begun."""
        snapshot = _number(connection, "SELECT id FROM ducklake_current_snapshot('lake')")
        if snapshot == self._snapshot:
            return
        rows = connection.execute(
            f"SELECT batch, key_hash, first_time, last_time FROM key_directory WHERE batch > {self.batch}"
        ).to_arrow_reader(1_000_000)
        newest = self.batch
        for part in rows:
            entries = pl.DataFrame(part)
            if entries.height:
                self._windows.add(entries)
                newest = max(newest, int(entries["batch"].max()))  # type: ignore[arg-type]
        self.batch = newest
        self.positions.clear()
        self.rolled = None
        self._snapshot = snapshot

    def committed(self, connection: duckdb.DuckDBPyConnection, remembered: Remembered) -> None:
        """Add what a transaction has just committed; `connection` is any on the same open lake."""
        if remembered.entries.height:
            self._windows.add(remembered.entries)
            self.batch += 1
        self.positions.update(remembered.positions)
        self.rolled = remembered.rolled
        self._snapshot = max(
            self._snapshot, _number(connection, "SELECT id FROM ducklake_last_committed_snapshot('lake')")
        )

    def find(self, hashes: npt.NDArray[np.uint64]) -> pl.DataFrame:
        """Entries of these keys: first_time, last_time."""
        return self._windows.find(hashes)


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return -1 if row is None or row[0] is None else int(row[0])
