"""Windows of time by key, held so that millions fit in little memory and thousands are looked up in a millisecond."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from lake.key_files import KeyFiles
from lake.key_runs import ALWAYS, Batches, Hashes, Part, Run, merged, run_of

RUN_ENTRIES = 2_000_000
"""A run this long is moved to a file, from where the system pages it in as needed."""

MOST_ENTRIES = 64_000_000
"""Files are not merged to more than this."""


class KeyWindows:
    """A map from key hash to window of time that only ever grows: sorted runs, merged as they pile up.

    Long runs live in files under `folder` (`key_files`). One thread may change it at a time; beside that, others may
    `find` what was added before, and `merge`.
    """

    def __init__(self, folder: Path):
        self._files = KeyFiles(folder)
        self._resting: list[Run] = []
        self._runs: list[Run] = []
        self._rest_from = RUN_ENTRIES

    def __len__(self) -> int:
        """Number of entries; a key added at several times may count more than once."""
        return sum(len(run) for run in (*self._resting, *self._runs))

    def recall(self, batches: Batches) -> int:
        """Take up what files hold of these batches, from the first on without a gap; returns the last batch of them.

        `batches` are all that the lake has. Only before anything is added. Files that are of no use are deleted.
        """
        found = self._files.load()
        wanted, last = batches.after(-1), 0
        while wanted is not None:
            fitting = [run for run in found if run.part.first_batch == wanted and batches.agree(run.part)]
            if not fitting:
                break
            longest = max(fitting, key=lambda run: run.part.last_batch)
            self._resting.append(longest)
            last = longest.part.last_batch
            wanted = batches.after(last)
        for run in found:
            if run.file is not None and all(run is not kept for kept in self._resting):
                self._files.remove(run.file)
        return last

    def add(self, entries: pl.DataFrame, part: Part) -> None:
        """Take in the entries of some batches (as for `run_of`) that come after all before."""
        if entries.height == 0:
            return
        self._runs.append(run_of(entries, part))
        # Runs stay at least twice as long as the next, so that each entry is merged a few times only.
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            self._runs[-2:] = [merged(*self._runs[-2:])]
        if len(self._runs[0]) >= max(RUN_ENTRIES, self._rest_from):
            self._rest()

    def find(self, hashes: Hashes) -> pl.DataFrame:
        """Entries of these keys: first_time, last_time; several for a key are possible, none for an unknown one."""
        wanted = np.sort(hashes)
        firsts, lasts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        # in this order, or a run that comes to rest meanwhile might be missed
        for run in (*self._runs, *self._resting):
            keys, first, last = run.windows
            places = np.searchsorted(keys, wanted)
            places = places[places < len(keys)]
            hits = places[keys[places] == wanted[: len(places)]]
            firsts.append(first[hits])
            lasts.append(last[hits])
        found = pl.DataFrame({"first_time": np.concatenate(firsts), "last_time": np.concatenate(lasts)})
        always = pl.col("first_time") == ALWAYS.min
        return found.select(
            pl.when(~always).then(pl.col(name)).cast(pl.Datetime("us", "UTC")) for name in ("first_time", "last_time")
        )

    def mergeable(self) -> tuple[Run, Run] | None:
        """Two runs in files that should be one: of about the same size, and what they hold follows one another."""
        for place in range(len(self._resting) - 1, 0, -1):
            earlier, later = self._resting[place - 1 : place + 1]
            if len(earlier) < 2 * len(later) and len(earlier) + len(later) <= MOST_ENTRIES:
                return earlier, later
        return None

    def merge(self, pair: tuple[Run, Run], stop: Callable[[], bool]) -> Run | None:
        """One run of both in a new file, which `put` puts in their place; None when `stop()` ended the work."""
        return self._files.merge(*pair, stop=stop)

    def put(self, pair: tuple[Run, Run], run: Run) -> None:
        """Let one run take the place of the two that it was made of; their files go."""
        place = self._resting.index(pair[0])
        self._resting[place : place + 2] = [run]
        for old in pair:
            if old.file is not None:
                self._files.remove(old.file)

    def _rest(self) -> None:
        """Move the longest run to a file. A disk that is full costs memory, nothing else."""
        try:
            run = self._files.save(self._runs[0])
        except OSError:
            self._rest_from = 2 * len(self._runs[0])
            return
        self._rest_from = RUN_ENTRIES
        self._resting.append(run)
        del self._runs[0]
