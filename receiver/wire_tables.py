"""The tables of the scanner as arrays, and the context that leads to them (see ``wire_layout``)."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow
from numpy.typing import NDArray

from receiver.wire_layout import FULL_TABLE, SECRET_AT, TABLES, WORDS
from receiver.wire_xxh3 import SECRET

_pa: Final[Any] = pyarrow


def address_of(data: bytes | NDArray[Any]) -> int:
    """Where bytes or the elements of an array begin; whoever asks keeps them alive."""
    return int(_pa.py_buffer(data).address)


class Context:
    """One block of words and the tables it leads to."""

    def __init__(self) -> None:
        self.words: NDArray[np.int64] = np.zeros(WORDS, dtype=np.int64)
        self.address: Final = address_of(self.words)
        self.words[SECRET_AT] = address_of(SECRET)
        self._arrays: list[NDArray[np.int64]] = [np.empty((0, 1), dtype=np.int64)] * TABLES
        self._held: list[Any] = []

    def table(self, number: int, words: int, rows: int) -> None:
        """Make an empty table; memory that was there before is used again."""
        array = self._arrays[number]
        if array.shape[1] != words or len(array) < rows:
            array = np.empty((rows, words), dtype=np.int64)
        self._place(number, array, 0)

    def shrink(self, numbers: Sequence[int], words: int) -> None:
        """Let tables go that take more than so many words each."""
        for number in numbers:
            if self._arrays[number].size > words:
                self._place(number, np.empty((0, self._arrays[number].shape[1]), dtype=np.int64), 0)

    def fill(self, number: int, rows: NDArray[np.int64]) -> None:
        """Make a table of these rows."""
        self._place(number, np.ascontiguousarray(rows), len(rows))

    def _place(self, number: int, array: NDArray[np.int64], count: int) -> None:
        self._arrays[number] = array
        self.words[3 * number : 3 * number + 3] = address_of(array), len(array), count

    def grow(self) -> None:
        """Give the table that was full twice the room."""
        number = int(self.words[FULL_TABLE])
        rows = self.rows(number)
        array = np.empty((2 * len(self._arrays[number]) + 16, rows.shape[1]), dtype=np.int64)
        array[: len(rows)] = rows
        self._place(number, array, len(rows))

    def rows(self, number: int) -> NDArray[np.int64]:
        """The rows of a table in use; writing to them writes to the table."""
        return self._arrays[number][: int(self.words[3 * number + 2])]

    def hold(self, data: bytes | NDArray[Any]) -> int:
        """Keep data alive as long as the context, and say where it is."""
        self._held.append(data)
        return address_of(data)

    def let_go(self) -> None:
        """Forget what was held."""
        self._held.clear()

    def texts(self, pieces: Sequence[bytes | None]) -> NDArray[np.int64]:
        """Put texts one after the other: address and size of each; size -1 for None."""
        sizes = np.fromiter((-1 if piece is None else len(piece) for piece in pieces), np.int64, len(pieces))
        ends = np.cumsum(np.maximum(sizes, 0))
        base = self.hold(b"".join(piece or b"" for piece in pieces))
        return np.stack((base + ends - np.maximum(sizes, 0), sizes), axis=1)
