"""Windows of time by key, held so that millions fit in little memory and thousands are looked up in a millisecond."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

_RUN_ENTRIES = 2_000_000
"""A run this long is not merged any further but moved to a file, from where the system pages it in as needed."""

_ALWAYS = np.iinfo(np.int64)
_Hashes = npt.NDArray[np.uint64]
_Micros = npt.NDArray[np.int64]


class _Run(NamedTuple):
    """Distinct keys in ascending order, and from when to when (microseconds since 1970) each has rows."""

    keys: _Hashes
    first: _Micros
    last: _Micros


class KeyWindows:
    """A map from key hash to window of time that only ever grows: sorted runs, merged as they pile up.

    Long runs live in unnamed files under `folder`, which vanish with the process. Not thread-safe.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._runs: list[_Run] = []
        self._resting: list[_Run] = []

    def __len__(self) -> int:
        """Number of entries; a key added at several times may count more than once."""
        return sum(len(run.keys) for run in (*self._runs, *self._resting))

    def add(self, entries: pl.DataFrame) -> None:
        """Take in entries: key_hash (UInt64), first_time and last_time (Datetime us UTC, both NULL: at any time)."""
        if entries.height == 0:
            return
        run = _Run(
            entries["key_hash"].to_numpy(),
            entries["first_time"].to_physical().fill_null(_ALWAYS.min).to_numpy(),
            entries["last_time"].to_physical().fill_null(_ALWAYS.max).to_numpy(),
        )
        self._runs.append(_merged([run]))
        # Runs stay at least twice as long as the next, so that each entry is merged a few times only.
        while len(self._runs) > 1 and len(self._runs[-2].keys) < 2 * len(self._runs[-1].keys):
            self._runs[-2:] = [_merged(self._runs[-2:])]
        if len(self._runs[0].keys) >= _RUN_ENTRIES:
            self._resting.append(self._to_file(self._runs.pop(0)))

    def find(self, hashes: _Hashes) -> pl.DataFrame:
        """Entries of these keys: first_time, last_time; several for a key are possible, none for an unknown one."""
        wanted = np.sort(hashes)
        firsts, lasts = [], []
        for run in (*self._runs, *self._resting):
            places = np.searchsorted(run.keys, wanted)
            places = places[places < len(run.keys)]
            hits = places[run.keys[places] == wanted[: len(places)]]
            firsts.append(run.first[hits])
            lasts.append(run.last[hits])
        empty = np.empty(0, np.int64)
        found = pl.DataFrame(
            {"first_time": np.concatenate([empty, *firsts]), "last_time": np.concatenate([empty, *lasts])}
        )
        always = pl.col("first_time") == _ALWAYS.min
        return found.select(
            pl.when(~always).then(pl.col(name)).cast(pl.Datetime("us", "UTC")) for name in ("first_time", "last_time")
        )

    def _to_file(self, run: _Run) -> _Run:
        """The same run, backed by a file that has no name any more."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            for column in run:
                file.write(column.tobytes())
            file.flush()
            size = len(run.keys)
            return _Run(
                np.memmap(file, np.uint64, "r", 0, size),
                np.memmap(file, np.int64, "r", 8 * size, size),
                np.memmap(file, np.int64, "r", 16 * size, size),
            )


def _merged(runs: list[_Run]) -> _Run:
    """One run of all entries, one per key."""
    keys = np.concatenate([run.keys for run in runs])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    first = np.concatenate([run.first for run in runs])[order]
    last = np.concatenate([run.last for run in runs])[order]
    return _Run(keys[starts], np.minimum.reduceat(first, starts), np.maximum.reduceat(last, starts))
