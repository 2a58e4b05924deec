"""Memory for the columns the scanner writes, and these columns as Polars series without a copy."""

from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow
from numpy.typing import NDArray

from receiver.wire_layout import COLUMN_WORDS, COLUMNS, DATA_AT, DATA_SIZE, FILLED, NEEDED, VALID_AT, VIEWS_AT
from receiver.wire_tables import Context, address_of

_pa: Final[Any] = pyarrow

MOST_DATA: Final = (1 << 31) - 1
"""Bytes of text in one column beside the views, whose offsets have 31 bits."""


class Columns:
    """Columns of text of ``height`` rows, by number."""

    def __init__(self, context: Context, count: int) -> None:
        context.fill(COLUMNS, np.zeros((count, COLUMN_WORDS), dtype=np.int64))
        self._rows = context.rows(COLUMNS)
        self._parts: dict[int, tuple[Any, NDArray[np.uint8], Any]] = {}

    def room_for(self, number: int, size: int) -> None:
        """Say what a column needs, where that was not counted."""
        self._rows[number, [NEEDED, FILLED]] = size, 1

    def always(self, number: int) -> None:
        """Have a column whether it has cells or not."""
        self._rows[number, FILLED] = 1

    def too_large(self) -> bool:
        """Whether a column needs more than it can have."""
        return bool((self._rows[:, NEEDED] > MOST_DATA).any())

    def allocate(self, height: int) -> list[int]:
        """Get memory for the columns that have cells; returns their numbers."""
        self._height = height
        used = np.flatnonzero(self._rows[:, FILLED]).tolist()
        for number in used:
            views = np.zeros(16 * height, dtype=np.uint8)
            valid = np.zeros((height + 7) // 8, dtype=np.uint8)
            data = _pa.allocate_buffer(int(self._rows[number, NEEDED]))
            self._parts[number] = views, valid, data
            self._rows[number, [VIEWS_AT, VALID_AT, DATA_AT]] = address_of(views), address_of(valid), data.address
        return used

    def series(self, number: int, name: str, *, complete: bool = False) -> pl.Series:
        """A column once it is written; ``complete``: every row has a text."""
        views, valid, data = self._parts[number]
        validity = None if complete else _pa.py_buffer(valid)
        used = data.slice(0, int(self._rows[number, DATA_SIZE]))
        array = _pa.Array.from_buffers(_pa.string_view(), self._height, [validity, _pa.py_buffer(views), used])
        return pl.Series(name, pl.from_arrow(array), dtype=pl.String)
