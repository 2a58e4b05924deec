"""Making new Parquet files survive a power cut: DuckLake syncs its catalog, but not the files the catalog names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


class FileSync:
    """Syncs the files that appeared under a directory tree since the last call.

    Names tell what is new, since DuckLake never reuses one; clocks would miss a file made within one tick of them.
    """

    def __init__(self, root: Path):
        self._root = str(root)
        self._known: dict[str, frozenset[str]] = {}

    def mark_existing(self) -> None:
        """Take what is there now as synced already."""
        self._known = dict(self._listing())

    def sync_new(self) -> int:
        """Sync every file not seen before, and the directories that name them; returns the number of files."""
        count = 0
        listing = dict(self._listing())
        for directory, names in listing.items():
            fresh = names - self._known.get(directory, frozenset())
            synced = sum(_sync(f"{directory}/{name}") for name in fresh)
            if synced:
                _sync(directory)
            if directory not in self._known:
                _sync(os.path.dirname(directory))  # noqa: PTH120 (a string all the way: this runs at every commit)
            count += synced
        self._known = listing
        return count

    def _listing(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every directory with the names of its files."""
        pending = [self._root]
        while pending:
            directory = pending.pop()
            names = set()
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
                        else:
                            names.add(entry.name)
            except FileNotFoundError:
                continue
            yield directory, frozenset(names)


def _sync(path: str) -> bool:
    """Flush one file or directory to the disk; False when it is already gone (a rolled-back or cleaned-up file)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True
