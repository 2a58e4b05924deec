"""Values as JSON and as text, and texts as cells of columns. Compiled parts of ``wire_emit``."""

import numpy as np

from receiver.wire_layout import (
    BOOL,
    COLUMN_WORDS,
    COLUMNS,
    DATA_AT,
    DATA_SIZE,
    DOUBLE,
    DOUBLE_WORDS,
    DOUBLES,
    INT,
    JSON_AT,
    NONE,
    ODD,
    ODD_VALUES,
    ODD_WORDS,
    SCRATCH,
    STRING,
    STRINGS,
    TEXT,
    VALID_AT,
    VIEWS_AT,
)
from receiver.wire_memory import (
    byte_at,
    called,
    half_at,
    inlined,
    marks_at,
    move,
    put_byte,
    put_half,
    put_word,
    trailing_zeros,
    word_at,
)
from receiver.wire_read import piece

_NULL = 0x6C6C756E  # "null" in the order of bytes in memory
_TRUE = 0x65757274
_FALS = 0x736C6166


@inlined
def put_cell(context: int, column: int, row: int, at: int, size: int) -> None:
    """Make a text the cell of a column: up to 12 bytes stand in the view itself, others are copied to the data."""
    entry = word_at(context + 24 * COLUMNS) + 8 * COLUMN_WORDS * column
    view = word_at(entry + 8 * VIEWS_AT) + 16 * row
    valid = word_at(entry + 8 * VALID_AT) + (row >> 3)
    put_byte(valid, byte_at(valid) | 1 << (row & 7))
    put_half(view, size)
    if size <= 12:
        move(view + 4, at, size)
        return
    used = word_at(entry + 8 * DATA_SIZE)
    put_half(view + 4, half_at(at))
    put_half(view + 12, used)
    move(word_at(entry + 8 * DATA_AT) + used, at, size)
    put_word(entry + 8 * DATA_SIZE, used + size)


@called
def put_number(target: int, value: int) -> int:
    """Write an integer in decimal; where it ends."""
    rest = np.uint64(value)
    if value < 0:
        put_byte(target, 0x2D)
        target += 1
        rest = np.uint64(0) - rest
    digits = 1
    limit = np.uint64(10)
    while digits < 20 and rest >= limit:
        digits += 1
        if digits < 20:
            limit *= np.uint64(10)
    for place in range(digits - 1, -1, -1):
        shorter = rest // np.uint64(10)
        put_byte(target + place, np.int64(rest - shorter * np.uint64(10)) + 0x30)
        rest = shorter
    return target + digits


@called
def _put_escaped(target: int, at: int, stop: int) -> int:
    """Write a text with the escapes of JSON; where it ends."""
    start = at
    while at < stop:
        if stop - at >= 32:
            marks = marks_at(at) & 0xFFFFFFFF
            if marks == 0:
                at += 32
                continue
            at += trailing_zeros(marks)
        byte = byte_at(at)
        if byte >= 0x20 and byte != 0x22 and byte != 0x5C:
            at += 1
            continue
        move(target, start, at - start)
        target += at - start
        at += 1
        start = at
        put_byte(target, 0x5C)
        letter = 0
        if byte == 0x22 or byte == 0x5C:
            letter = byte
        elif byte == 0x08:
            letter = 0x62
        elif byte == 0x09:
            letter = 0x74
        elif byte == 0x0A:
            letter = 0x6E
        elif byte == 0x0C:
            letter = 0x66
        elif byte == 0x0D:
            letter = 0x72
        if letter != 0:
            put_byte(target + 1, letter)
            target += 2
        else:
            put_half(target + 1, 0x30303075)  # u000
            put_byte(target + 4, 0x30 | byte >> 4)
            low = byte & 0x0F
            put_byte(target + 5, 0x30 + low if low < 10 else 0x57 + low)
            target += 6
    move(target, start, at - start)
    return target + at - start


@called
def _put_array(target: int, at: int, stop: int) -> int:
    """Write an array of strings as JSON; where it ends."""
    put_byte(target, 0x5B)
    target += 1
    place = at
    while place < stop:
        if place > at:
            put_byte(target, 0x2C)
            target += 1
        start, end = piece(place + 1, stop)
        start, end = piece(start + 1, end)
        put_byte(target, 0x22)
        target = _put_escaped(target + 1, start, end)
        put_byte(target, 0x22)
        target += 1
        place = end
    put_byte(target, 0x5D)
    return target + 1


@inlined
def size_of_value(size: int) -> int:
    """The size proper of what the third word of an attribute says."""
    return size & 0xFFFFFFFF


@inlined
def pooled(context: int, kind: int, value: int) -> int:
    """The row of a double or an odd value."""
    if kind == DOUBLE:
        return word_at(context + 24 * DOUBLES) + 8 * DOUBLE_WORDS * value
    return word_at(context + 24 * ODD_VALUES) + 8 * ODD_WORDS * value


@inlined
def put_json(context: int, target: int, kind: int, value: int, size: int) -> int:
    """Write a value as JSON; where it ends."""
    if kind in (STRING, TEXT):
        put_byte(target, 0x22)
        target += 1
        if kind == STRING:
            move(target, value, size)
            target += size
        else:
            target = _put_escaped(target, value, value + size)
        put_byte(target, 0x22)
        return target + 1
    if kind == INT:
        return put_number(target, value)
    if kind == BOOL:
        put_half(target, _TRUE if value == 1 else _FALS)
        if value == 1:
            return target + 4
        put_byte(target + 4, 0x65)
        return target + 5
    if kind == STRINGS:
        return _put_array(target, value, value + size)
    if kind == NONE:
        put_half(target, _NULL)
        return target + 4
    row = pooled(context, kind, value)
    written = word_at(row + 8 * JSON_AT + 8)
    move(target, word_at(row + 8 * JSON_AT), written)
    return target + written


@inlined
def put_text(context: int, column: int, row: int, kind: int, value: int, size: int) -> None:
    """Make a value the cell of a wide column; nothing where it has no text."""
    if kind in (STRING, TEXT):
        put_cell(context, column, row, value, size)
    elif kind in (DOUBLE, ODD):
        source = pooled(context, kind, value) + 16
        if word_at(source + 8) >= 0:
            put_cell(context, column, row, word_at(source), word_at(source + 8))
    elif kind != NONE:
        scratch = word_at(context + 8 * SCRATCH)
        end = put_json(context, scratch, kind, value, size)
        put_cell(context, column, row, scratch, end - scratch)
