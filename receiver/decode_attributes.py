"""From attribute codes to columns: the ``attributes`` JSON and the wide columns of a whole batch at once."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from receiver.decode_arrow import binary_array, concat, joined_text, take, text
from receiver.decode_codes import BULK_CODES, KEPT_CODES, NO_KEY, NOTHING, OPENING, AttributeCodes

CLOCK_KEY: Final = "marginlake.clock"
"""Where ``attributes`` say that the start time is not the sender's (see ``span_rules.moment``)."""

RESOURCE_KEY: Final = "resource"
"""Where ``attributes`` hold those of the resource."""

MOVED_RESOURCE_KEY: Final = "span.resource"
"""The sender's own attribute of that name makes room for the resource and goes by this one."""

_AFTER: Final = {False: b",", True: b'",'}
"""What follows a value in JSON, by whether it stands between quotes."""


class AttributeColumns:
    """The attributes of the spans of a batch, given as codes of ``codes``.

    ``flat``: the codes of all spans one after the other, ``counts`` of them for each span. ``tails``: for each span the
    code of ``"resource":{...}}``. ``clocks``: by row, the JSON object that stands under ``CLOCK_KEY``.
    """

    def __init__(
        self,
        codes: AttributeCodes,
        flat: NDArray[np.int64],
        counts: NDArray[np.int64],
        tails: NDArray[np.int64],
        clocks: Mapping[int, bytes],
    ) -> None:
        self._codes = codes
        self._height = len(counts)
        # Every row becomes: brace, attributes, resource and closing brace.
        self._ends = np.cumsum(counts + 2)
        self._starts = self._ends - counts - 2
        self._row_of = np.repeat(np.arange(self._height), counts + 2)
        framed = np.empty(len(flat) + 2 * self._height, dtype=np.int64)
        inner = np.ones(len(framed), dtype=bool)
        inner[self._starts] = inner[self._ends - 1] = False
        framed[self._starts], framed[self._ends - 1], framed[inner] = OPENING, tails, flat
        self._number_entries(framed)
        self._build_by_hand(clocks)

    def _number_entries(self, framed: NDArray[np.int64]) -> None:
        """Renumber the codes that occur without gaps: entries, then values read in bulk. 0 remains nothing."""
        seen = np.zeros(KEPT_CODES, dtype=bool)
        seen[NOTHING] = True
        seen[framed[framed < KEPT_CODES]] = True
        used = np.flatnonzero(seen)
        self._entries, self._bulk = self._codes.entries(used), self._codes.bulk()
        self._prefixes, self._stored_keys = self._codes.prefixes(), self._codes.stored_keys()
        count = len(self._entries.keys)
        place = np.empty(KEPT_CODES + count - len(used), dtype=np.int64)
        place[used] = np.arange(len(used))
        place[KEPT_CODES:] = np.arange(len(used), count)
        in_bulk = framed >= BULK_CODES
        self._places = np.where(in_bulk, framed - (BULK_CODES - count), place[np.where(in_bulk, NOTHING, framed)])
        self._first_bulk = count
        self._first_by_hand = count + len(self._bulk.keys)
        self._key_of = np.concatenate((np.array(self._entries.keys, dtype=np.int64), self._bulk.keys))

    def _build_by_hand(self, clocks: Mapping[int, bytes]) -> None:
        """Rows in which keys meet: of a repeated key the last value counts, in the place of the first."""
        keys = self._key_of[self._places]
        attributes = keys != NO_KEY
        span = int(keys.max(initial=0)) + 1
        cells = np.sort(self._row_of[attributes] * span + keys[attributes])
        repeated = cells[1:][cells[1:] == cells[:-1]] // span
        own_resource = self._row_of[keys == self._codes.number(RESOURCE_KEY)]
        self._last: list[tuple[int, int]] = []
        self._by_hand: list[bytes] = []
        for row in sorted({*repeated.tolist(), *own_resource.tolist(), *clocks}):
            start, end = int(self._starts[row]), int(self._ends[row])
            places = self._places[start:end].tolist()
            self._last += [(row, place) for place in places[1:-1]]
            self._places[start:end] = NOTHING
            self._places[start] = self._first_by_hand + len(self._by_hand)
            self._by_hand.append(self._object(places, clocks.get(row)))

    def _object(self, places: list[int], clock: bytes | None) -> bytes:
        """The JSON object of one row."""
        number = self._codes.number
        stored: dict[int, bytes] = {}
        for place in places[1:-1]:
            if piece := self._piece(place):
                stored[int(self._key_of[place])] = piece
        if clock is not None:
            stored[number(CLOCK_KEY)] = _member(CLOCK_KEY) + clock + b","
        moved = stored.pop(number(RESOURCE_KEY), None)
        if moved is not None:
            stored[number(MOVED_RESOURCE_KEY)] = moved.replace(_member(RESOURCE_KEY), _member(MOVED_RESOURCE_KEY), 1)
        return b"".join((b"{", *stored.values(), self._entries.pieces[places[-1]]))

    def _piece(self, place: int) -> bytes:
        """What an attribute adds to the JSON; empty when it is not stored."""
        if place < self._first_bulk:
            return self._entries.pieces[place]
        key, value = int(self._key_of[place]), self._bulk.values[place - self._first_bulk].as_py()
        if not self._stored_keys[key]:
            return b""
        quoted = bool(self._bulk.quoted[place - self._first_bulk])
        return self._prefixes[key] + b'"' * quoted + bytes(value) + _AFTER[quoted]

    def json(self) -> pl.Series:
        """The column ``attributes``.

        Pieces end with their comma, so the pieces of all rows one after the other are the data of the column, and the
        places where rows begin in it are its offsets.
        """
        return joined_text(*self._pieces(), name="attributes")

    def _pieces(self) -> tuple[Any, NDArray[np.int64]]:
        """All pieces in order, and where rows begin and end among them. A value read in bulk makes three."""
        prefixes = self._prefixes
        sources = [binary_array(self._entries.pieces), self._bulk.values, binary_array(self._by_hand)]
        row_bounds = np.concatenate(([0], self._ends))
        bulk = np.flatnonzero((self._places >= self._first_bulk) & (self._places < self._first_by_hand))
        if not len(bulk):
            return take(concat(sources), self._places), row_bounds
        around = [prefix + quote for quote in (b"", b'"') for prefix in prefixes] + [_AFTER[False], _AFTER[True]]
        table = concat([*sources, binary_array(around)])
        first_prefix = self._first_by_hand + len(self._by_hand)
        widths = np.ones(len(self._places), dtype=np.int64)
        widths[bulk] = 3
        bounds = np.concatenate(([0], np.cumsum(widths)))
        spread = np.empty(int(bounds[-1]), dtype=np.int64)
        spread[bounds[:-1]] = self._places
        at, places = bounds[bulk], self._places[bulk]
        keys, quoted = self._key_of[places], self._bulk.quoted[places - self._first_bulk].astype(np.int64)
        stored = self._stored_keys[keys]
        spread[at] = np.where(stored, first_prefix + quoted * len(prefixes) + keys, NOTHING)
        spread[at + 1] = np.where(stored, places, NOTHING)
        spread[at + 2] = np.where(stored, first_prefix + 2 * len(prefixes) + quoted, NOTHING)
        return take(table, spread), bounds[row_bounds]

    def wide(self) -> list[pl.Series]:
        """One column ``@KEY`` for each wanted key that has a value in some row."""
        column_of = self._codes.column_of_key()[self._key_of]
        wanted = np.flatnonzero(column_of >= 0)
        if not len(wanted):
            return []
        columns, layers = np.unique(column_of[wanted], return_inverse=True)
        text_of, layer_of = np.zeros((2, self._first_by_hand + len(self._by_hand)), dtype=np.int64)
        text_of[wanted], layer_of[wanted] = np.arange(1, len(wanted) + 1), layers
        cells = np.zeros((len(columns), self._height), dtype=np.uint32)  # 0: null
        filled = np.flatnonzero(text_of[self._places])
        places = self._places[filled]
        cells[layer_of[places], self._row_of[filled]] = text_of[places]
        for row, place in self._last:
            if text_of[place]:
                cells[layer_of[place], row] = text_of[place]
        texts = self._texts(wanted)[pl.Series(cells.reshape(-1))]
        found = (
            texts.slice(layer * self._height, self._height).alias(f"@{self._codes.columns[column]}")
            for layer, column in enumerate(columns.tolist())
        )
        return [series for series in found if series.null_count() < self._height]

    def _texts(self, wanted: NDArray[np.intp]) -> pl.Series:
        """Null and then the texts of these entries and values."""
        entries, bulk = wanted[wanted < self._first_bulk], wanted[wanted >= self._first_bulk] - self._first_bulk
        texts = pl.Series([None, *(self._entries.texts[entry] for entry in entries.tolist())], dtype=pl.String)
        if len(bulk):
            texts.append(text(take(self._bulk.values, bulk)))
        return texts.rechunk()


def _member(key: str) -> bytes:
    """The beginning of a member of a JSON object; the key needs no escaping."""
    return b'"' + key.encode() + b'":'
