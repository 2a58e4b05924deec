"""The parts of OTLP on the wire: lengths, numbers, texts, keys and values, in the encoding every library writes.

Compiled parts of ``wire_scan``. What is encoded otherwise but could still be valid is never an error here, only
``FAIL``, which leaves its payload to the reference decoder, or an odd value.
"""

import numpy as np

from receiver.wire_layout import (
    BOOL,
    DOUBLE,
    FAIL,
    FULL_TABLE,
    GUESSES,
    INT,
    KEY_AT,
    KEY_HASH,
    KEY_SIZE,
    KEY_WORDS,
    KEYS,
    LAST_PLACE,
    MOST_GUESSES,
    NAMES,
    NAMES_END,
    NONE,
    NOT_LEARNED,
    ODD,
    RULES,
    SEEN,
    SLOT_MASK,
    SLOTS,
    STRING,
    STRINGS,
    TEXT,
    VALUE,
    VALUE_SIZE,
)
from receiver.wire_memory import bits_at, byte_at, called, half_at, inlined, marks_at, move, put_half, put_word, word_at

_HIGH = np.uint64(0x8080808080808080)
_ONES = np.uint64(0x0101010101010101)
_SPACES = np.uint64(0x2020202020202020)
_QUOTES = np.uint64(0x2222222222222222)
_BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MOST_PROBES = 64


@inlined
def new_row(context: int, table: int, words: int) -> int:
    """The address of the next row of a table, or 0 when there is none."""
    entry = context + 24 * table
    count = word_at(entry + 16)
    if count >= word_at(entry + 8):
        put_word(context + 8 * FULL_TABLE, table)
        return 0
    put_word(entry + 16, count + 1)
    return word_at(entry) + 8 * words * count


@inlined
def piece(at: int, stop: int) -> tuple[int, int]:
    """Where the bytes begin and end whose length stands at ``at``; -1 when they do not end before ``stop``."""
    if at >= stop:
        return FAIL, FAIL
    size = byte_at(at)
    at += 1
    if size >= 0x80:
        size &= 0x7F
        shift = 7
        while True:
            if at >= stop or shift > 28:
                return FAIL, FAIL
            byte = byte_at(at)
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if byte == 0:
            return FAIL, FAIL
    if size > stop - at:
        return FAIL, FAIL
    return at, at + size


@inlined
def number(at: int, stop: int) -> tuple[int, int]:
    """A varint as 64 bits, and where it ends; -1 when it is longer than it has to be or torn."""
    value = 0
    shift = 0
    while at < stop:
        byte = byte_at(at)
        at += 1
        if shift == 63 and byte > 1:
            return 0, FAIL
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift > 0:
                return 0, FAIL
            return value, at
        shift += 7
    return 0, FAIL


@called
def _is_utf8(at: int, stop: int) -> bool:
    while at < stop:
        if stop - at >= 8 and bits_at(at) & _HIGH == 0:
            at += 8
            continue
        byte = byte_at(at)
        at += 1
        if byte < 0x80:
            continue
        lowest, highest = 0x80, 0xBF
        if byte < 0xC2 or byte > 0xF4:
            return False
        if byte < 0xE0:
            more = 1
        elif byte < 0xF0:
            more = 2
            if byte == 0xE0:
                lowest = 0xA0
            elif byte == 0xED:  # surrogates
                highest = 0x9F
        else:
            more = 3
            if byte == 0xF0:
                lowest = 0x90
            elif byte == 0xF4:
                highest = 0x8F
        if stop - at < more:
            return False
        if byte_at(at) < lowest or byte_at(at) > highest:
            return False
        for place in range(1, more):
            if byte_at(at + place) & 0xC0 != 0x80:
                return False
        at += more
    return True


@inlined
def _marks_of_word(at: int) -> int:
    """What ``marks_at`` says, of eight bytes; which of them is not told."""
    word = bits_at(at)
    quote, backslash = word ^ _QUOTES, word ^ _BACKSLASHES
    odd = ((word - _SPACES) & ~word) | ((quote - _ONES) & ~quote) | ((backslash - _ONES) & ~backslash)
    marks = 1 if odd & _HIGH != 0 else 0
    return marks | 1 << 32 if word & _HIGH != 0 else marks


@called
def kind_of_text(at: int, stop: int) -> int:
    """``STRING``, or ``TEXT`` when JSON must escape something in it, or ``FAIL`` when it is not UTF-8."""
    marks = 0
    size = stop - at
    if size >= 32:
        place = at
        while place < stop - 32:
            marks |= marks_at(place)
            place += 32
        marks |= marks_at(stop - 32)
    elif size >= 8:
        marks = _marks_of_word(at) | _marks_of_word(stop - 8)
        if size > 16:
            marks |= _marks_of_word(at + 8) | _marks_of_word(stop - 16)
    else:
        for place in range(at, stop):
            byte = byte_at(place)
            if byte >= 0x80:
                marks |= 1 << 32
            elif byte < 0x20 or byte == 0x22 or byte == 0x5C:
                marks |= 1
    if marks >> 32 != 0 and not _is_utf8(at, stop):
        return FAIL
    return TEXT if marks & 0xFFFFFFFF != 0 else STRING


@called
def escapes(at: int, stop: int) -> int:
    """How many bytes escaping adds to a text."""
    added = 0
    for place in range(at, stop):
        byte = byte_at(place)
        if byte == 0x22 or byte == 0x5C or (byte < 0x0E and byte > 0x07 and byte != 0x0B):
            added += 1
        elif byte < 0x20:
            added += 5
    return added


@inlined
def _same(left: int, right: int, size: int) -> bool:
    place = 0
    if size >= 8:
        while size - place > 8:
            if word_at(left + place) != word_at(right + place):
                return False
            place += 8
        return word_at(left + size - 8) == word_at(right + size - 8)
    while place < size:
        if byte_at(left + place) != byte_at(right + place):
            return False
        place += 1
    return True


@inlined
def _hash(at: int, size: int) -> int:
    mixed = np.uint64(size) * _FACTOR
    place = 0
    while size - place >= 8:
        mixed = (mixed ^ bits_at(at + place)) * _FACTOR
        mixed ^= mixed >> np.uint64(29)
        place += 8
    if size >= 8:
        mixed = (mixed ^ bits_at(at + size - 8)) * _FACTOR
    else:
        while place < size:
            mixed = (mixed ^ np.uint64(byte_at(at + place))) * _FACTOR
            place += 1
    mixed ^= mixed >> np.uint64(32)
    return np.int64(mixed >> np.uint64(1))  # type: ignore[return-value]


@called
def find_key(context: int, at: int, size: int, add: bool) -> int:
    """The number of a key; ``FAIL`` when it is unknown and not to be added, or cannot be."""
    code = _hash(at, size)
    slots, mask = word_at(context + 8 * SLOTS), word_at(context + 8 * SLOT_MASK)
    slot = slots + 4 * (code & mask)
    for probe in range(1, _MOST_PROBES):
        found = half_at(slot)
        if found == 0:
            break
        row = word_at(context + 24 * KEYS) + 8 * KEY_WORDS * (found - 1)
        if (
            word_at(row + 8 * KEY_HASH) == code
            and word_at(row + 8 * KEY_SIZE) == size
            and _same(word_at(row + 8 * KEY_AT), at, size)
        ):
            return found - 1
        slot = slots + 4 * ((code + probe) & mask)
    if not add or half_at(slot) != 0:
        return FAIL
    name = word_at(context + 8 * NAMES)
    if size > word_at(context + 8 * NAMES_END) - name or not _is_utf8(at, at + size):
        return FAIL
    row = new_row(context, KEYS, KEY_WORDS)
    if row == 0:
        return FAIL
    move(name, at, size)
    put_word(context + 8 * NAMES, name + size)
    put_word(row + 8 * KEY_HASH, code)
    put_word(row + 8 * KEY_AT, name)
    put_word(row + 8 * KEY_SIZE, size)
    put_word(row + 8 * RULES, NOT_LEARNED)
    put_word(row + 8 * SEEN, 0)
    put_word(row + 8 * LAST_PLACE, 0)
    count = word_at(context + 24 * KEYS + 16)
    put_half(slot, count)
    return count - 1


@inlined
def guess_key(context: int, position: int, at: int, size: int) -> int:
    """The number of a key, which is added when it is new; it is mostly the one at this position in the span before."""
    if position >= MOST_GUESSES:
        return find_key(context, at, size, True)
    guess = context + 8 * (GUESSES + position)
    key = word_at(guess)
    row = word_at(context + 24 * KEYS) + 8 * KEY_WORDS * key
    if word_at(row + 8 * KEY_SIZE) == size and _same(word_at(row + 8 * KEY_AT), at, size):
        return key
    key = find_key(context, at, size, True)
    if key >= 0:
        put_word(guess, key)
    return key


@called
def _array(context: int, at: int, stop: int) -> int:
    """``STRINGS`` for an array of nothing but strings, with the size of its JSON beyond its own; else ``ODD``."""
    put_word(context + 8 * VALUE, at)
    written = 2
    place = at
    while place < stop:
        if byte_at(place) != 0x0A:
            return ODD
        start, end = piece(place + 1, stop)
        if start < 0 or start == end or byte_at(start) != 0x0A:
            return ODD
        start, inner_end = piece(start + 1, end)
        if start < 0 or inner_end != end:
            return ODD
        kind = kind_of_text(start, end)
        if kind < 0:
            return FAIL
        written += end - start + 3
        if kind == TEXT:
            written += escapes(start, end)
        place = end
    if at < stop:
        written -= 1
    put_word(context + 8 * VALUE_SIZE, stop - at | written - (stop - at) << 32)
    return STRINGS


@inlined
def read_value(context: int, at: int, stop: int) -> int:
    """The kind of an ``AnyValue``; what it is goes to ``VALUE`` and ``VALUE_SIZE``. ``ODD``: ask the message class."""
    if at == stop:
        return NONE
    tag = byte_at(at)
    if tag == 0x0A or tag == 0x2A:
        start, end = piece(at + 1, stop)
        if start < 0 or end != stop:
            return ODD
        if tag == 0x2A:
            return _array(context, start, stop)
        put_word(context + 8 * VALUE, start)
        put_word(context + 8 * VALUE_SIZE, stop - start)
        return kind_of_text(start, stop)
    if tag == 0x18 or tag == 0x10:
        value, end = number(at + 1, stop)
        if end != stop:
            return ODD
        put_word(context + 8 * VALUE, value)
        put_word(context + 8 * VALUE_SIZE, 0)
        if tag == 0x18:
            return INT
        return BOOL if value == 0 or value == 1 else ODD
    if tag == 0x21 and stop - at == 9:
        value = word_at(at + 1)
        put_word(context + 8 * VALUE, value)
        put_word(context + 8 * VALUE_SIZE, 0)
        return ODD if value >> 52 & 0x7FF == 0x7FF else DOUBLE
    return ODD
