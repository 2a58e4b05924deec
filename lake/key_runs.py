"""Sorted runs of the key directory: for each key the window of time in which it has rows, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Hashes = npt.NDArray[np.uint64]
Micros = npt.NDArray[np.int64]

ALWAYS = np.iinfo(np.int64)
"""Its least and greatest value, as first and last time, stand for a row without a time."""


@dataclass(frozen=True)
class Part:
    """The entries of the key directory that the batches from the first to the last filed.

    entries: how many. mark: the XOR of their hashes (`known._MARK`); two lakes that agree in both have the same ones.
    """

    first_batch: int
    last_batch: int
    entries: int
    mark: int

    def __add__(self, other: Part) -> Part:
        """Both together."""
        return Part(
            min(self.first_batch, other.first_batch),
            max(self.last_batch, other.last_batch),
            self.entries + other.entries,
            self.mark ^ other.mark,
        )


class Batches:
    """Batches of the key directory of a lake, by number: how many entries each filed, and their mark."""

    def __init__(self, numbers: Micros, entries: Micros, marks: Hashes):
        """Three arrays of one length; the numbers ascend."""
        self._numbers = numbers
        self._entries = np.concatenate([np.zeros(1, np.int64), np.cumsum(entries)])
        self._marks = np.concatenate([np.zeros(1, np.uint64), np.bitwise_xor.accumulate(marks)])

    def after(self, batch: int) -> int | None:
        """The next number."""
        place = np.searchsorted(self._numbers, batch, side="right")
        return int(self._numbers[place]) if place < len(self._numbers) else None

    def agree(self, part: Part) -> bool:
        """Whether what these batches filed is what `part` holds."""
        return self._between(part.first_batch, part.last_batch) == part

    def parts_after(self, batch: int, entries: int) -> Iterator[Part]:
        """The batches after this one, in parts of so many entries or a little more; the last may have fewer."""
        begin = batch
        while (first := self.after(begin)) is not None:
            place = int(np.searchsorted(self._numbers, first))
            full = int(np.searchsorted(self._entries, self._entries[place] + entries))
            last = int(self._numbers[min(max(full, place + 1), len(self._numbers)) - 1])
            yield self._between(first, last)
            begin = last

    def _between(self, first: int, last: int) -> Part:
        begin, end = (int(at) for at in (
            np.searchsorted(self._numbers, first), np.searchsorted(self._numbers, last, side="right"),
        ))  # fmt: skip
        entries = int(self._entries[end] - self._entries[begin])
        return Part(first, last, entries, int(self._marks[end] ^ self._marks[begin]))


class Windows(NamedTuple):
    """Keys in ascending order, and from when to when (microseconds since 1970) each has rows. Three arrays."""

    keys: Hashes
    first: Micros
    last: Micros

    def at(self, places: npt.NDArray[np.intp] | slice) -> Windows:
        """Those at these places, in this order."""
        return Windows(self.keys[places], self.first[places], self.last[places])


@dataclass(frozen=True)
class Run:
    """What some batches filed, each key once. file: where the arrays are mapped from; None: they are in memory."""

    part: Part
    windows: Windows
    file: Path | None = None

    def __len__(self) -> int:
        """Number of keys."""
        return len(self.windows.keys)


def run_of(entries: pl.DataFrame, part: Part) -> Run:
    """A run of entries in any order: key_hash (UInt64), first_time, last_time (Datetime us UTC, both NULL: always)."""
    windows = Windows(
        entries["key_hash"].to_numpy(),
        entries["first_time"].to_physical().fill_null(ALWAYS.min).to_numpy(),
        entries["last_time"].to_physical().fill_null(ALWAYS.max).to_numpy(),
    )
    return Run(part, _one_per_key(windows, np.argsort(windows.keys)))


def merged(earlier: Run, later: Run) -> Run:
    """One run of both, in memory."""
    return Run(earlier.part + later.part, merged_windows(earlier.windows, later.windows))


def merged_windows(one: Windows, other: Windows) -> Windows:
    """What both hold, one per key."""
    both = Windows(
        np.concatenate([one.keys, other.keys]),
        np.concatenate([one.first, other.first]),
        np.concatenate([one.last, other.last]),
    )
    # this kind of sort finds the sorted stretches and merges them
    return _one_per_key(both, np.argsort(both.keys, kind="stable"))


def _one_per_key(windows: Windows, order: npt.NDArray[np.intp]) -> Windows:
    """The same in this order of ascending keys, those of one key as one."""
    keys, first, last = windows.at(order)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    if len(starts) == len(keys):
        return Windows(keys, first, last)
    return Windows(keys[starts], np.minimum.reduceat(first, starts), np.maximum.reduceat(last, starts))
