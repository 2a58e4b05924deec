"""Attributes as small numbers: one lookup says what to do with an attribute that was met before.

A code stands for a serialized attribute (key and value) and leads to its entry: the piece of JSON it adds to the
``attributes`` column, its text in a wide column, and its key. Values that come again keep their code from batch to
batch; others have one for their batch only. How much is kept is bounded, whatever a sender makes up.
"""

from collections.abc import Iterable
from itertools import repeat
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from receiver.decode_arrow import decimal
from receiver.decode_bulk import PLAIN, TO_ESCAPE, Slices, Values, all_values
from receiver.decode_values import json_value, text_value
from receiver.decode_view import parse_attribute
from receiver.redact import Disposition, disposition, scrub_url


class Entries(NamedTuple):
    """What codes lead to, a list per part: tuples by the ten thousand would keep the garbage collector busy."""

    pieces: list[bytes]  # of JSON: `"key":value,`, or empty when not stored
    texts: list[str | None]  # None when not wanted or without a value
    keys: list[int]  # key numbers


NOTHING: Final = 0
"""The code of an attribute that is neither stored nor wanted."""

OPENING: Final = 1
"""The code of the brace that begins every object."""

NO_KEY: Final = 0
"""The key number of entries that are no attribute."""

KEPT_CODES: Final = 16_384
"""Codes below are kept, codes from here on belong to one batch."""

BULK_CODES: Final = 1 << 40
"""Codes from here on are places in ``bulk()``."""

_MANY: Final = 48  # attributes; reading fewer together does not pay

_KEPT_BYTES: Final = 128  # of a serialized attribute: longer ones are mostly prompts, which do not come again
_KEPT_PER_KEY: Final = 512  # a key with more values than this (ids, counts) must not crowd out the others
_KEPT_KEY_BYTES: Final = 4 << 20
_KEY_COST: Final = 256  # what a key takes besides its name, about
_ANEW_AFTER: Final = 1 << 20  # attributes without a kept code: then start anew, for traffic may have changed

_dumps = orjson.dumps


_STORE, _WIDE, _SCRUB, _ROOM = 1, 2, 4, 8
"""What to do with the values of a key: into the JSON, into a column, as an address; whether to keep more of them."""


class _Key:
    """What is to be done with the attributes of one key."""

    __slots__ = ("column", "number", "prefix", "room", "rules")

    def __init__(self, name: str, number: int, column: int, *, capture_content: bool) -> None:
        rule = disposition(name)
        self.number = number
        self.column = -1 if rule is Disposition.SECRET else column
        self.prefix = _dumps(name) + b":"
        self.room = _KEPT_PER_KEY
        self.rules = _ROOM | (_WIDE if self.column >= 0 else 0) | (_SCRUB if rule is Disposition.ADDRESS else 0)
        if rule is not Disposition.SECRET and (rule is not Disposition.CONTENT or capture_content):
            self.rules |= _STORE


class AttributeCodes(dict[bytes, int]):
    """Codes of serialized attributes: ``codes[raw]`` always answers, or raises what says that ``raw`` is malformed.

    Depends on which keys are wanted and on whether content is captured. Not for two batches at a time.
    """

    def __init__(self, wanted: Iterable[str], *, capture_content: bool) -> None:
        super().__init__()
        self.columns: Final = sorted(wanted)
        """The wide columns: ``column_of_key`` numbers into this list."""
        self.irregular = 0
        """How many attributes met so far were not in canonical encoding."""
        self._column_of: Final = {name: column for column, name in enumerate(self.columns)}
        self._capture_content: Final = capture_content
        self._start_batch()
        self._forget()

    def _start_batch(self) -> None:
        self._passing = Entries([], [], [])
        self._bulk: list[Values] = []
        self._bulk_count = 0

    def _forget(self) -> None:
        self.clear()
        self._kept = Entries([b"", b"{"], [None, None], [NO_KEY, NO_KEY])
        self._keys: dict[str, _Key] = {}
        self._heads: dict[bytes, int] = {}
        self._key_bytes = 0
        self._passed = 0

    def pass_on(self, fragment: bytes) -> int:
        """A code of this batch for a piece of JSON that is no attribute."""
        return self._pass(fragment, None, NO_KEY)

    def entries(self, used: NDArray[np.intp]) -> Entries:
        """The entries of these kept codes, then all of this batch from code ``KEPT_CODES`` on."""
        codes = used.tolist()
        pieces, texts, keys = self._kept
        passing = self._passing
        return Entries(
            [pieces[code] for code in codes] + passing.pieces,
            [texts[code] for code in codes] + passing.texts,
            [keys[code] for code in codes] + passing.keys,
        )

    def bulk(self) -> Values:
        """What codes from ``BULK_CODES`` on stand for."""
        return all_values(self._bulk)

    def prefixes(self) -> list[bytes]:
        """By key number: what stands before a value in JSON, ``"key":``."""
        return [b"", *(key.prefix for key in self._keys.values())]

    def stored_keys(self) -> NDArray[np.bool_]:
        """By key number: whether its values go into the JSON."""
        return np.fromiter((False, *(key.rules & _STORE != 0 for key in self._keys.values())), np.bool_)

    def number(self, name: str) -> int:
        """The number of a key."""
        return self._key(name).number

    def column_of_key(self) -> NDArray[np.int32]:
        """By key number: the wide column (index into ``columns``), or -1."""
        return np.fromiter((-1, *(key.column for key in self._keys.values())), dtype=np.int32)

    def end_batch(self) -> None:
        """Forget the codes of this batch; and everything when keys abound or much traffic found no kept code."""
        self._passed += len(self._passing.pieces) + self._bulk_count
        self._start_batch()
        if self._passed > _ANEW_AFTER or self._key_bytes > _KEPT_KEY_BYTES:
            self._forget()

    def look_up(self, attributes: list[bytes]) -> NDArray[np.int64]:
        """The codes of serialized attributes. Raises ``DecodeError`` when one of them is malformed."""
        flat = np.fromiter(map(self.get, attributes, repeat(-1)), np.int64, len(attributes))
        unknown = np.flatnonzero(flat < 0)
        if len(unknown) >= _MANY:
            unknown = self._look_up_in_bulk(attributes, unknown, flat)
        for place in unknown.tolist():
            flat[place] = self[attributes[place]]
        return flat

    def _look_up_in_bulk(
        self, attributes: list[bytes], unknown: NDArray[np.intp], flat: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        """Fill in the codes of plain values of known keys; returns the places of all others."""
        raws = [attributes[place] for place in unknown.tolist()]
        slices, head = Slices(raws), self._heads.get
        numbers = np.array([head(raw[:end], NO_KEY) for raw, end in zip(raws, slices.heads.tolist(), strict=True)])
        rules = np.fromiter((0, *(key.rules for key in self._keys.values())), np.int64)[numbers]
        kept = (rules & _SCRUB != 0) | (numbers == NO_KEY)
        if len(self._kept.pieces) < KEPT_CODES:
            kept |= (rules & _ROOM != 0) & (slices.sizes <= _KEPT_BYTES)
        classes = slices.classes()
        stored = rules & _STORE != 0
        strings = slices.is_string & ~kept & ((classes == PLAIN) | (classes == TO_ESCAPE) & ~stored)
        integers, values = slices.integers()
        plain = ~kept[integers]
        integers, values = integers[plain], values[plain]
        done = strings.copy()
        done[integers] = True
        flat[unknown[done]] = NOTHING
        used = rules & (_STORE | _WIDE) != 0
        named, counted = np.flatnonzero(strings & used), used[integers]
        self._bulk_codes(unknown[named], slices.strings(named), numbers[named], flat, quoted=True)
        self._bulk_codes(
            unknown[integers[counted]], decimal(values[counted]), numbers[integers[counted]], flat, quoted=False
        )
        left: NDArray[np.intp] = unknown[~done]
        return left

    def _bulk_codes(
        self, places: NDArray[np.intp], values: Any, keys: NDArray[np.int64], flat: NDArray[np.int64], *, quoted: bool
    ) -> None:
        flat[places] = np.arange(BULK_CODES + self._bulk_count, BULK_CODES + self._bulk_count + len(places))
        self._bulk_count += len(places)
        self._bulk.append(Values(values, keys, np.full(len(places), quoted)))

    def __missing__(self, raw: bytes) -> int:
        """Read one attribute with the ordinary message, whatever it holds; raises ``DecodeError``."""
        pair = parse_attribute(raw)
        canonical = pair.SerializeToString() == raw
        if not canonical:
            self.irregular += 1
        key, value = self._key(pair.key), pair.value
        rules = key.rules
        if canonical and pair.key and raw[1] < 0x80:
            self._heads[raw[: raw[1] + 2]] = key.number
        if not rules & (_STORE | _WIDE):
            return NOTHING
        text: str | None = value.string_value
        piece = b""
        if text:
            if rules & _STORE:
                piece = key.prefix + _dumps(scrub_url(text) if rules & _SCRUB else text) + b","
            if not rules & _WIDE:
                text = None
        else:
            if rules & _STORE:
                piece = key.prefix + _dumps(json_value(value, capture_content=self._capture_content)) + b","
            text = text_value(value) if rules & _WIDE else None
        if canonical and rules & _ROOM and len(raw) <= _KEPT_BYTES:
            return self._keep(raw, key, piece, text)
        return self._pass(piece, text, key.number)

    def _key(self, name: str) -> _Key:
        key = self._keys.get(name)
        if key is None:
            number, column = len(self._keys) + 1, self._column_of.get(name, -1)
            key = self._keys[name] = _Key(name, number, column, capture_content=self._capture_content)
            self._key_bytes += len(name) + _KEY_COST
        return key

    def _keep(self, raw: bytes, key: _Key, piece: bytes, text: str | None) -> int:
        pieces, texts, keys = self._kept
        code = len(pieces)
        if code >= KEPT_CODES:
            return self._pass(piece, text, key.number)
        key.room -= 1
        if not key.room:
            key.rules &= ~_ROOM
        pieces.append(piece)
        texts.append(text)
        keys.append(key.number)
        self[raw] = code
        return code

    def _pass(self, piece: bytes, text: str | None, key: int) -> int:
        pieces, texts, keys = self._passing
        code = KEPT_CODES + len(pieces)
        pieces.append(piece)
        texts.append(text)
        keys.append(key)
        return code
