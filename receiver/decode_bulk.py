"""Attributes whose values never come again, read by the thousand at once.

A value that was not met before costs a turn of the interpreter when it is read by itself. Most such values are plain:
a short or long string that needs no escaping in JSON, or an integer, in the encoding every protobuf library writes.
Arrays tell these apart from all others and cut them out; the others are left to ``decode_codes``.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from receiver.decode_arrow import concat, cut, take

_Ints = NDArray[np.int64]
_Flags = NDArray[np.bool_]

PLAIN, TO_ESCAPE, _NOT_ASCII = 0, 1, 2
_CLASSES: Final = bytes(
    _NOT_ASCII if byte > 0x7F else TO_ESCAPE if byte < 0x20 or byte in b'"\\' else PLAIN for byte in range(256)
)
_LONGEST_INT: Final = 8  # bytes of a varint read here; longer ones, among them all negative integers, are rare


class Values(NamedTuple):
    """Values cut out of their attributes: JSON and text of each are its bytes, strings in JSON between quotes."""

    values: Any  # an Arrow array of large binaries
    keys: _Ints  # key numbers
    quoted: _Flags


# Not by pyarrow.array, which loads pandas at its first use where there is one.
NO_VALUES: Final = Values(
    cut(b"", np.zeros(1, dtype=np.int64)), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_)
)


class Slices:
    """Serialized attributes laid out one after the other, and what their bytes say; all arrays are per attribute."""

    def __init__(self, raws: list[bytes]) -> None:
        self.sizes: _Ints = np.fromiter(map(len, raws), np.int64, len(raws))
        self._joined = b"".join((*raws, bytes(16)))  # padded: what is looked at may be beyond a torn last one
        self._bytes = np.frombuffer(self._joined, dtype=np.uint8)
        self._ends = np.cumsum(self.sizes)
        self._starts = self._ends - self.sizes
        self.heads = self._bytes[self._starts + 1] + np.int64(2)
        """How many bytes the key takes with tag and length, if it is encoded as usual."""
        self._rest = self.sizes - self.heads
        after_key = np.minimum(self._starts + self.heads, len(self._joined) - 8)
        value = [self._bytes[after_key + place].astype(np.int64) for place in range(6)]
        self._find_kinds(value)
        self._value_starts = after_key + np.where(self.is_int, 3, np.where(self._is_long, 6, 4))

    def _find_kinds(self, value: list[_Ints]) -> None:
        """Tell strings and integers in canonical encoding from their first bytes after the key."""
        rest, in_value = self._rest, value[0] == 0x12
        length = value[1] == rest - 2
        is_short = in_value & length & (rest >= 4) & (rest < 130) & (value[2] == 0x0A) & (value[3] == rest - 4)
        self._is_long: _Flags = in_value & (rest >= 134) & (value[3] == 0x0A)
        self._is_long &= _two_bytes(value[1], value[2], rest - 3) & _two_bytes(value[4], value[5], rest - 6)
        self.is_string: _Flags = is_short | self._is_long
        is_int = in_value & length & (rest >= 4) & (rest <= _LONGEST_INT + 3) & (value[2] == 0x18)
        self.is_int: _Flags = is_int

    def _bounds(self) -> _Ints:
        """Offsets that cut every attribute in two: what comes before the value, and the value."""
        bounds = np.empty(2 * len(self.sizes) + 1, dtype=np.int64)
        bounds[:-1:2], bounds[-1] = self._starts, self._ends[-1]
        bounds[1::2] = np.clip(self._value_starts, self._starts, self._ends)
        return bounds

    def classes(self) -> NDArray[np.uint8]:
        """Per attribute whether its value is plain in JSON, needs escaping, or is not ASCII (0, 1, 2)."""
        marks = np.frombuffer(self._joined.translate(_CLASSES), dtype=np.uint8)
        worst = np.maximum.reduceat(marks, self._bounds())[1:-1:2]
        return np.where(self._value_starts < self._ends, worst, PLAIN).astype(np.uint8)

    def strings(self, which: _Ints) -> Any:
        """The values of these attributes as one Arrow array."""
        return take(cut(self._joined, self._bounds()), 2 * which + 1)

    def integers(self) -> tuple[_Ints, _Ints]:
        """Which attributes are integers written as short as can be, and what they are."""
        which = np.flatnonzero(self.is_int)
        starts, widths = self._value_starts[which], self._rest[which] - 3
        numbers = np.zeros(len(which), dtype=np.int64)
        good = np.ones(len(which), dtype=bool)
        for place in range(int(widths.max(initial=0))):
            byte = self._bytes[starts + place].astype(np.int64)
            inside, last = place < widths, place == widths - 1
            good &= ~inside | np.where(last, (byte < 0x80) & ((byte > 0) | (place == 0)), byte >= 0x80)
            numbers |= np.where(inside, (byte & 0x7F) << (7 * place), 0)
        return which[good], numbers[good]


def all_values(chunks: list[Values]) -> Values:
    """Values one after the other."""
    if not chunks:
        return NO_VALUES
    return Values(
        concat([chunk.values for chunk in chunks]),
        np.concatenate([chunk.keys for chunk in chunks]),
        np.concatenate([chunk.quoted for chunk in chunks]),
    )


def _two_bytes(low: _Ints, high: _Ints, length: _Ints) -> _Flags:
    """Whether these are a varint of two bytes that says ``length``."""
    says: _Flags = (low & 0x7F | high << 7) == length
    return says & (low >= 0x80) & (high < 0x80) & (high > 0)
