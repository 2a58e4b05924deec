"""Bytes and offsets as Arrow and Polars columns without a copy; behind ``Any``, for numpy arrays are buffers too."""

from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow
from numpy.typing import NDArray

_pa: Final[Any] = pyarrow


def binary_array(pieces: list[bytes]) -> Any:
    """Pieces as an Arrow array of large binaries."""
    return _pa.array(pieces, type=_pa.large_binary())


def cut(data: bytes, bounds: NDArray[np.int64]) -> Any:
    """An Arrow array whose elements are ``data`` cut at ``bounds`` (one more than there are elements)."""
    return _pa.LargeBinaryArray.from_buffers(
        _pa.large_binary(), len(bounds) - 1, [None, _pa.py_buffer(bounds), _pa.py_buffer(data)]
    )


def take(array: Any, places: NDArray[np.int64]) -> Any:
    """The elements at ``places`` in that order, their bytes one after the other."""
    return array.take(_pa.array(places))


def concat(arrays: list[Any]) -> Any:
    """Arrays one after the other."""
    return _pa.concat_arrays(arrays)


def decimal(numbers: NDArray[np.int64]) -> Any:
    """Integers in decimal, as large binaries."""
    return _pa.array(numbers).cast(_pa.large_string()).cast(_pa.large_binary())


def text(array: Any, name: str = "") -> pl.Series:
    """Large binaries that are UTF-8 (which is checked) as a String column."""
    return _series(name, array.cast(_pa.large_string()))


def joined_text(array: Any, bounds: NDArray[np.int64], name: str) -> pl.Series:
    """A String column whose rows are runs of elements of ``array`` joined; row n is ``array[bounds[n]:bounds[n + 1]]``.

    The elements must be UTF-8 and ``array`` no slice: its bytes are the data of the column as they are.
    """
    _, offsets, data = array.buffers()
    rows = np.frombuffer(offsets, dtype=np.int64)[bounds]
    return _series(name, _pa.LargeStringArray.from_buffers(len(bounds) - 1, _pa.py_buffer(rows), data))


def hex_digits(digits: bytes, width: int, given: NDArray[np.bool_], name: str) -> pl.Series:
    """ASCII text of ``width`` characters a row as a String column, null where not ``given``."""
    bounds = np.arange(len(given) + 1, dtype=np.int64) * width
    valid = np.packbits(given, bitorder="little")
    return _series(
        name,
        _pa.LargeStringArray.from_buffers(
            len(given), _pa.py_buffer(bounds), _pa.py_buffer(digits), _pa.py_buffer(valid)
        ),
    )


def _series(name: str, array: Any) -> pl.Series:
    return pl.Series(name, pl.from_arrow(array), dtype=pl.String)
