"""The keys of attributes that the scanner has met, by number, and what is to be done with their values."""

import ctypes
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from receiver.decode_attributes import CLOCK_KEY, MOVED_RESOURCE_KEY, RESOURCE_KEY
from receiver.decode_events import SIGNAL_EVENT_KEY
from receiver.frames import Wanted
from receiver.redact import Disposition, disposition
from receiver.wire_layout import (
    COLUMN,
    FIRST_WIDE,
    GUESSES,
    KEY_AT,
    KEY_SIZE,
    KEY_WORDS,
    KEYS,
    LAST_EVENT_NAME,
    MOST_GUESSES,
    NAMES,
    NAMES_END,
    PREFIX_AT,
    PREFIX_SIZE,
    RULES,
    SCRUB,
    SLOT_MASK,
    SLOTS,
    STORE,
    WIDE,
)
from receiver.wire_register import register
from receiver.wire_tables import Context, address_of

_MOST_KEYS: Final = 1 << 14
_SLOTS: Final = 1 << 16
_NAME_BYTES: Final = 4 << 20
_FORGET_AFTER: Final = _MOST_KEYS // 2
"""Keys are the sender's choice: what they may take is bounded, and made up ones are not kept for long."""


class Keys:
    """The table of keys of one context; stays from batch to batch."""

    def __init__(self, context: Context, wanted: Wanted, *, capture_content: bool) -> None:
        self._context = context
        self._capture_content = capture_content
        self._columns = {key: FIRST_WIDE + place for place, key in enumerate(sorted(wanted.span_keys))}
        self._first = [RESOURCE_KEY, MOVED_RESOURCE_KEY, CLOCK_KEY, SIGNAL_EVENT_KEY, *sorted(wanted.event_names)]
        self.forget()

    def forget(self) -> None:
        """Start anew with the keys that every table knows."""
        context = self._context
        self._slots: NDArray[np.int32] = np.zeros(_SLOTS, dtype=np.int32)
        self._names: NDArray[np.uint8] = np.empty(_NAME_BYTES, dtype=np.uint8)
        self._prefixes: list[bytes] = []
        self._known = 0
        self.rules: dict[str, int] = {}
        context.table(KEYS, KEY_WORDS, _MOST_KEYS)
        context.words[[SLOTS, SLOT_MASK]] = address_of(self._slots), _SLOTS - 1
        context.words[NAMES] = address_of(self._names)
        context.words[NAMES_END] = context.words[NAMES] + _NAME_BYTES
        context.words[LAST_EVENT_NAME] = len(self._first) - 1
        context.words[GUESSES : GUESSES + MOST_GUESSES] = 0
        for key in self._first:
            name = key.encode()
            register(context.address, address_of(name), len(name))
        self.learn()

    def forget_if_many(self) -> None:
        """Start anew when there are many keys."""
        if self._known > _FORGET_AFTER:
            self.forget()

    def learn(self) -> None:
        """Find out what to do with the keys met since the last time."""
        rows = self._context.rows(KEYS)[self._known :]
        if not len(rows):
            return
        prefixes = []
        for row in rows:
            name = ctypes.string_at(int(row[KEY_AT]), int(row[KEY_SIZE])).decode()
            rule = disposition(name)
            rules = SCRUB if rule is Disposition.ADDRESS else 0
            if rule is not Disposition.SECRET and name in self._columns:
                rules |= WIDE
            if rule is not Disposition.SECRET and (rule is not Disposition.CONTENT or self._capture_content):
                rules |= STORE
            self.rules[name] = row[RULES] = rules
            row[COLUMN] = self._columns.get(name, 0)
            prefixes.append(orjson.dumps(name) + b":")
        joined = b"".join(prefixes)
        self._prefixes.append(joined)
        sizes = np.fromiter(map(len, prefixes), np.int64, len(prefixes))
        rows[:, PREFIX_AT] = address_of(joined) + np.cumsum(sizes) - sizes
        rows[:, PREFIX_SIZE] = sizes
        self._known += len(rows)
