"""Files of long runs of the key directory, mapped into memory instead of being read from the lake at every start.

They are a cache: any of them may be deleted at any time, and one that is not whole, of another format or of another
lake is not used. Each is written under a name of its own and renamed when it is complete; nothing ever changes one.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import xxhash

from lake.key_runs import Part, Run, Windows, merged_windows

SUFFIX: Final = ".keys"
_UNFINISHED: Final = ".part"
_FORMAT: Final = "marginlake keys 1"
_HEADER_BYTES: Final = 4096
_TYPES: Final = ("<u8", "<i8", "<i8")
_WIDTH: Final = 8
_CHUNK: Final = 1 << 20
_SLICES: Final = 256
"""Two runs are merged in so many pieces, so that it takes little memory."""


class _StoppedError(Exception):
    """The work is not wanted any more."""


class KeyFiles:
    """The files in one folder, which is made when the first is written."""

    def __init__(self, folder: Path):
        self._folder = folder

    def save(self, run: Run) -> Run:
        """The same run, backed by a new file. Raises OSError."""
        return self._write(run.part, len(run), iter([run.windows]))

    def merge(self, earlier: Run, later: Run, *, stop: Callable[[], bool] = lambda: False) -> Run | None:
        """One run of both, backed by a new file; None when `stop()` ended it. Raises OSError."""
        try:
            return self._write(earlier.part + later.part, len(earlier) + len(later), _merged(earlier, later, stop))
        except _StoppedError:
            return None

    def load(self) -> list[Run]:
        """All runs that are whole, in no order; files that are not, and unfinished ones, are deleted."""
        runs = []
        for path in self._paths():
            run = _read(path) if path.suffix == SUFFIX else None
            if run is None:
                self.remove(path)
            else:
                runs.append(run)
        return runs

    def remove(self, path: Path) -> None:
        """Delete one; what is mapped from it stays readable."""
        with suppress(OSError):
            path.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        try:
            return [path for path in self._folder.iterdir() if path.suffix in (SUFFIX, _UNFINISHED)]
        except OSError:
            return []

    def _write(self, part: Part, room: int, pieces: Iterator[Windows]) -> Run:
        """Write pieces that follow one another in the order of keys, and at most `room` keys in all."""
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{part.first_batch}-{part.last_batch}-{secrets.token_hex(8)}{SUFFIX}"
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            with unfinished.open("xb") as file:
                _fill(file, part, room, pieces)
            unfinished.rename(path)
            run = _mapped(path, part, room, _header(path)["keys"])
        except BaseException:
            self.remove(unfinished)
            self.remove(path)
            raise
        return run


def _merged(earlier: Run, later: Run, stop: Callable[[], bool]) -> Iterator[Windows]:
    """Both runs in pieces of a range of keys; raises _StoppedError when `stop()` says so."""
    bounds = [np.uint64(place * (2**64 // _SLICES)) for place in range(1, _SLICES)]
    places = [[0, *np.searchsorted(run.windows.keys, bounds).tolist(), len(run)] for run in (earlier, later)]
    for one, other in zip(*(pairwise(ends) for ends in places), strict=True):
        if stop():
            raise _StoppedError
        if one[0] < one[1] or other[0] < other[1]:
            yield merged_windows(earlier.windows.at(slice(*one)), later.windows.at(slice(*other)))


def _fill(file: BinaryIO, part: Part, room: int, pieces: Iterator[Windows]) -> None:
    """The columns one after the other, each with room for so many values, then the header that says what is there."""
    # written, never mapped: a full disk is then an error, not a signal
    file.truncate(_HEADER_BYTES + len(_TYPES) * _WIDTH * room)
    digests = [xxhash.xxh3_64() for _ in _TYPES]
    count = 0
    for piece in pieces:
        for place, (array, kind) in enumerate(zip(piece, _TYPES, strict=True)):
            values = np.ascontiguousarray(array, kind).data.cast("B")
            file.seek(_HEADER_BYTES + (place * room + count) * _WIDTH)
            file.write(values)
            digests[place].update(values)
        count += len(piece.keys)
    header = {"keys": count, "room": room, "digests": [digest.hexdigest() for digest in digests], **asdict(part)}
    text = json.dumps(header)
    body = f"{_FORMAT}\n{_digest(text)}\n{text}\n".encode()
    file.seek(0)
    file.write(body.ljust(_HEADER_BYTES, b"\0"))
    file.flush()
    # not for a power cut (the digests tell), but so that a disk that fails says so before we rely on the file
    os.fsync(file.fileno())


def _header(path: Path) -> dict[str, Any]:
    """What the file says of itself. Raises OSError, or ValueError when it is none of ours, or not whole."""
    with path.open("rb") as file:
        head, size = file.read(_HEADER_BYTES), os.fstat(file.fileno()).st_size
        found, digest, text, _ = head.decode().split("\n")
        if found != _FORMAT or digest != _digest(text):
            raise ValueError("another format")
        header: dict[str, Any] = json.loads(text)
        if size != _HEADER_BYTES + len(_TYPES) * _WIDTH * header["room"]:
            raise ValueError("another size")
        return header


def _read(path: Path) -> Run | None:
    """The run of a file; None when it cannot be used."""
    try:
        header = _header(path)
        if header["digests"] != _digests(path, header["room"], header["keys"]):
            return None
        part = Part(*(header[name] for name in ("first_batch", "last_batch", "entries", "mark")))
        return _mapped(path, part, header["room"], header["keys"])
    except (OSError, ValueError, KeyError):
        return None


def _digest(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode())


def _digests(path: Path, room: int, count: int) -> list[str]:
    """Hashes of the columns as they are on the disk."""
    found = []
    buffer = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        for place in range(len(_TYPES)):
            digest = xxhash.xxh3_64()
            file.seek(_HEADER_BYTES + place * room * _WIDTH)
            left = count * _WIDTH
            while left and (got := file.readinto(buffer[: min(left, _CHUNK)])):
                digest.update(buffer[:got])
                left -= got
            found.append(digest.hexdigest())
    return found


def _mapped(path: Path, part: Part, room: int, count: int) -> Run:
    keys, first, last = (
        np.asarray(np.memmap(path, kind, "r", _HEADER_BYTES + place * room * _WIDTH, (count,)))
        for place, kind in enumerate(_TYPES)
    )
    return Run(part, Windows(keys, first, last), path)
