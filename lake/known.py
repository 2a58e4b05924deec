"""What a writing process remembers of the lake between its transactions, so that it need not ask again."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from lake.given import given
from lake.key_runs import Batches, Part
from lake.rolled import RolledDays
from lake.windows import RUN_ENTRIES, KeyWindows

_MARK = "bit_xor(hash(batch, key_hash, first_time, last_time))"
"""SQL of the mark of entries (`Part.mark`). The hash is DuckDB's; should a version of it have another one, files of an
earlier version do not fit any more and are made anew."""


class Remembered(NamedTuple):
    """What a transaction adds to `Known` once it is committed: one directory entry per key, positions of sources.

    rolled: which days are rolled up, where it knows; None when it changed that or never asked.
    """

    entries: pl.DataFrame
    positions: dict[str, int | None]
    rolled: RolledDays | None = None


class Known:
    """The key directory and the positions of sources, as of one snapshot.

    Used under the write lock only, but for `beside`. `refresh` catches up with what other processes committed;
    `committed` adds what this one did. Should a commit have happened of which we were not told, the next `refresh`
    finds it.
    """

    def __init__(self, folder: Path):
        """folder: where files of long runs are kept (`key_files`); made when there is one."""
        self._windows = KeyWindows(folder)
        self._recalled = False
        self._snapshot = -1
        self.batch = 0
        self.positions: dict[str, int | None] = {}
        self.rolled: RolledDays | None = None

    def refresh(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Bring this up to the snapshot of the transaction that `connection` has just begun."""
        snapshot = _number(connection, "SELECT id FROM ducklake_current_snapshot('lake')")
        if snapshot == self._snapshot:
            return
        batches = _batches(connection, self.batch)
        if not self._recalled:
            self.batch = self._windows.recall(batches)
            self._recalled = True
        for part in batches.parts_after(self.batch, RUN_ENTRIES):
            self._windows.add(_entries(connection, part), part)
            self.batch = part.last_batch
        self.positions.clear()
        self.rolled = None
        self._snapshot = snapshot

    def committed(self, connection: duckdb.DuckDBPyConnection, remembered: Remembered) -> None:
        """Add what a transaction has just committed; `connection` is any on the same open lake."""
        if remembered.entries.height:
            part = _part(connection, remembered.entries, self.batch + 1)
            self._windows.add(remembered.entries, part)
            self.batch = part.last_batch
        self.positions.update(remembered.positions)
        self.rolled = remembered.rolled
        self._snapshot = max(
            self._snapshot, _number(connection, "SELECT id FROM ducklake_last_committed_snapshot('lake')")
        )

    @property
    def windows(self) -> KeyWindows:
        """The key directory."""
        return self._windows

    def beside(self, connection: duckdb.DuckDBPyConnection) -> Known:
        """The same for a reader without the lock: it asks the lake for what was filed since.

        `connection` must be outside of a transaction, or in one that has just begun.
        """
        return _Beside(self, connection)

    def find(self, hashes: npt.NDArray[np.uint64]) -> pl.DataFrame:
        """Entries of these keys: first_time, last_time."""
        return self._windows.find(hashes)


class _Beside(Known):
    """See `Known.beside`. Positions of sources and rolled days are read from the lake."""

    def __init__(self, of: Known, connection: duckdb.DuckDBPyConnection):
        self.batch = of.batch
        self.positions = {}
        self.rolled = None
        self._of = of
        self._connection = connection

    def find(self, hashes: npt.NDArray[np.uint64]) -> pl.DataFrame:
        """Entries of these keys: first_time, last_time."""
        # all up to `batch` is in the windows, and what is added meanwhile does no harm: runs are never changed
        with given(self._connection, wanted_keys=pl.DataFrame({"key_hash": hashes})):
            later = self._connection.execute(
                f"SELECT first_time, last_time FROM (FROM key_directory WHERE batch > {self.batch}) "
                "SEMI JOIN wanted_keys USING (key_hash)"
            ).pl()
        return pl.concat([self._of.find(hashes), later])


def _batches(connection: duckdb.DuckDBPyConnection, after: int) -> Batches:
    """The batches that the lake has after this one."""
    numbers, entries, marks = connection.execute(
        f"SELECT batch, count(*) AS entries, {_MARK} AS mark FROM key_directory WHERE batch > {after} "
        "GROUP BY batch ORDER BY batch"
    ).fetchnumpy().values()  # fmt: skip
    return Batches(*(np.ma.getdata(array) for array in (numbers, entries, marks)))


def _entries(connection: duckdb.DuckDBPyConnection, part: Part) -> pl.DataFrame:
    """What some batches filed."""
    return connection.execute(
        "SELECT key_hash, first_time, last_time FROM key_directory "
        f"WHERE batch BETWEEN {part.first_batch} AND {part.last_batch}"
    ).pl()


def _part(connection: duckdb.DuckDBPyConnection, entries: pl.DataFrame, batch: int) -> Part:
    """What a part is told by when these entries were filed as one batch."""
    filed = entries.select("key_hash", "first_time", "last_time").to_arrow()  # noqa: F841 (DuckDB finds it by name)
    row = connection.execute(f"SELECT {_MARK} FROM (SELECT {batch}::BIGINT AS batch, * FROM filed)").fetchone()
    return Part(batch, batch, entries.height, row[0] if row else 0)


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return -1 if row is None or row[0] is None else int(row[0])
