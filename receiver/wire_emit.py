"""What follows the scan: addresses that may hold credentials are set apart, columns measured, and then written."""

from receiver.wire_layout import (
    ATTRIBUTE_WORDS,
    ATTRIBUTES,
    BOOL,
    CLOCK,
    CLOCKS,
    COLUMN,
    COLUMN_WORDS,
    COLUMNS,
    DATA_AT,
    DATA_SIZE,
    DOUBLE,
    FILLED,
    FIRST_ATTRIBUTE,
    FLAGS,
    FULL,
    ID_AT,
    ID_COLUMN,
    INT,
    IS_ADDRESS,
    JSON_COLUMN,
    KEY_WORDS,
    KEYS,
    LAST_ATTRIBUTE,
    LAST_PLACE,
    MESSAGE_AT,
    MESSAGE_COLUMN,
    MOVED_RESOURCE,
    NAME_AT,
    NAME_COLUMN,
    NEEDED,
    NONE,
    ODD,
    ODD_AT,
    ODD_PAYLOAD,
    ODD_PLACE,
    ODD_SIZE,
    ODD_VALUES,
    ODD_WORDS,
    OF_PAYLOAD,
    OF_SCOPE,
    PARENT_AT,
    PARENT_COLUMN,
    PREFIX_AT,
    PREFIX_SIZE,
    REPEATED,
    RESOURCE,
    RULES,
    SCOPE_WORDS,
    SCOPES,
    SCRATCH,
    SCRUB,
    SPAN_WORDS,
    SPANS,
    STORE,
    STRING,
    STRINGS,
    TAIL_AT,
    TAIL_SIZE,
    TEXT,
    TO_SETTLE,
    TRACE_AT,
    TRACE_COLUMN,
    TRACE_STATE_AT,
    TRACE_STATE_COLUMN,
    VIEWS_AT,
    WIDE,
)
from receiver.wire_memory import (
    byte_at,
    called,
    compiled,
    half_at,
    inlined,
    move,
    put_byte,
    put_half,
    put_word,
    word_at,
)
from receiver.wire_read import new_row
from receiver.wire_write import pooled, put_cell, put_json, put_text, size_of_value


@inlined
def _key_row(context: int, key: int) -> int:
    return word_at(context + 24 * KEYS) + 8 * KEY_WORDS * key


@called
def _may_hold_credentials(at: int, stop: int) -> bool:
    """Whether ``scrub_url`` looks into a text at all."""
    for place in range(at, stop):
        byte = byte_at(place)
        if byte == 0x3F or byte == 0x40 or byte == 0x3D:
            return True
    return False


@called
def _set_apart(context: int, span: int, row: int) -> bool:
    """Make a text an odd value; False when there is no room."""
    odd = new_row(context, ODD_VALUES, ODD_WORDS)
    if odd == 0:
        return False
    scope = word_at(context + 24 * SCOPES) + 8 * SCOPE_WORDS * word_at(span + 8 * OF_SCOPE)
    put_word(odd + 8 * ODD_AT, word_at(row + 8))
    put_word(odd + 8 * ODD_SIZE, size_of_value(word_at(row + 16)))
    put_word(odd + 8 * ODD_PLACE, IS_ADDRESS)
    put_word(odd + 8 * ODD_PAYLOAD, word_at(scope + 8 * OF_PAYLOAD))
    put_word(row, word_at(row) & ~15 | ODD)
    put_word(row + 8, word_at(context + 24 * ODD_VALUES + 16) - 1)
    return True


@compiled
def settle(context: int) -> int:
    """Once the rules of all keys are known: set apart the addresses that are to be scrubbed.

    ``FULL`` when the table of odd values must grow; then call again.
    """
    spans = word_at(context + 24 * SPANS)
    for place in range(word_at(context + 24 * SPANS + 16)):
        span = spans + 8 * SPAN_WORDS * place
        if word_at(span + 8 * FLAGS) & TO_SETTLE == 0:
            continue
        row = word_at(context + 24 * ATTRIBUTES) + 8 * ATTRIBUTE_WORDS * word_at(span + 8 * FIRST_ATTRIBUTE)
        last = word_at(context + 24 * ATTRIBUTES) + 8 * ATTRIBUTE_WORDS * word_at(span + 8 * LAST_ATTRIBUTE)
        while row < last:
            kind = word_at(row) & 15
            if kind in (STRING, TEXT):
                rules = word_at(_key_row(context, word_at(row) >> 4) + 8 * RULES)
                at, size = word_at(row + 8), size_of_value(word_at(row + 16))
                if rules & SCRUB and _may_hold_credentials(at, at + size) and not _set_apart(context, span, row):
                    return FULL
            row += 8 * ATTRIBUTE_WORDS
    return 0


@inlined
def _need(context: int, column: int, size: int) -> None:
    """Count a cell and the room it takes beside its view."""
    entry = word_at(context + 24 * COLUMNS) + 8 * COLUMN_WORDS * column
    put_word(entry + 8 * FILLED, word_at(entry + 8 * FILLED) + 1)
    if size > 12:
        put_word(entry + 8 * NEEDED, word_at(entry + 8 * NEEDED) + size)


@inlined
def _most_json(kind: int, size: int) -> int:
    """The most bytes a value takes as JSON; odd values and doubles aside."""
    if kind == INT:
        return 20
    if kind in (BOOL, NONE):
        return 5
    written = size_of_value(size) + (size >> 32)
    return written if kind == STRINGS else written + 2


@compiled
def measure(context: int) -> None:
    """Count what columns will need, in ``NEEDED`` and ``FILLED``; never less than what is written.

    Wide columns are given by key as their number among all columns, whether they occur or not.
    """
    spans = word_at(context + 24 * SPANS)
    json = 0
    for place in range(word_at(context + 24 * SPANS + 16)):
        span = spans + 8 * SPAN_WORDS * place
        row = word_at(context + 24 * ATTRIBUTES) + 8 * ATTRIBUTE_WORDS * word_at(span + 8 * FIRST_ATTRIBUTE)
        last = word_at(context + 24 * ATTRIBUTES) + 8 * ATTRIBUTE_WORDS * word_at(span + 8 * LAST_ATTRIBUTE)
        while row < last:
            head = word_at(row)
            kind, size = head & 15, word_at(row + 16)
            key = _key_row(context, head >> 4)
            rules = word_at(key + 8 * RULES)
            if rules & STORE:
                json += word_at(key + 8 * PREFIX_SIZE) + 1
                if kind in (ODD, DOUBLE):
                    json += word_at(pooled(context, kind, word_at(row + 8)) + 8)
                else:
                    json += _most_json(kind, size)
            if rules & WIDE and kind != NONE:
                text = size_of_value(size)
                if kind in (ODD, DOUBLE):
                    text = word_at(pooled(context, kind, word_at(row + 8)) + 24)
                elif kind != STRING and kind != TEXT:
                    text = _most_json(kind, size)
                if text >= 0:
                    _need(context, word_at(key + 8 * COLUMN), text)
            row += 8 * ATTRIBUTE_WORDS
        scope = word_at(context + 24 * SCOPES) + 8 * SCOPE_WORDS * word_at(span + 8 * OF_SCOPE)
        json += 8 + word_at(scope + 8 * TAIL_SIZE)
        if word_at(context + 8 * CLOCKS) != 0:
            json += 32 + word_at(word_at(context + 8 * CLOCKS) + 16 * place + 8)
        _need(context, NAME_COLUMN, word_at(span + 8 * NAME_AT + 8))
        _need(context, MESSAGE_COLUMN, word_at(span + 8 * MESSAGE_AT + 8))
        _need(context, TRACE_STATE_COLUMN, word_at(span + 8 * TRACE_STATE_AT + 8))
    entry = word_at(context + 24 * COLUMNS) + 8 * COLUMN_WORDS * JSON_COLUMN
    put_word(entry + 8 * NEEDED, json)


@inlined
def _hex_digits(half: int) -> int:
    """Four bytes as eight hex digits, both in the order of memory."""
    spread = (half & 0xFFFF) | (half & 0xFFFF0000) << 16
    spread = (spread & 0x000000FF000000FF) | (spread & 0x0000FF000000FF00) << 8
    digits = (spread >> 4 & 0x000F000F000F000F) | (spread & 0x000F000F000F000F) << 8
    letters = (digits + 0x0606060606060606) >> 4 & 0x0101010101010101  # 1 for digits from ten on
    return digits + 0x3030303030303030 + letters * 0x27


@inlined
def _put_id(context: int, column: int, row: int, at: int, size: int) -> None:
    """Make the hex digits of an id a cell."""
    scratch = word_at(context + 8 * SCRATCH)
    for place in range(0, size, 4):
        put_word(scratch + 2 * place, _hex_digits(half_at(at + place)))
    put_cell(context, column, row, scratch, 2 * size)


@inlined
def _put_member(context: int, target: int, key: int, row: int) -> int:
    """Write a member of the JSON object with its comma; where it ends."""
    size = word_at(key + 8 * PREFIX_SIZE)
    move(target, word_at(key + 8 * PREFIX_AT), size)
    target = put_json(context, target + size, word_at(row) & 15, word_at(row + 8), size_of_value(word_at(row + 16)))
    put_byte(target, 0x2C)
    return target + 1


@inlined
def _attributes(context: int, span: int, place: int, target: int) -> int:
    """Write the attributes of a span, as JSON to ``target`` and into wide columns; where the JSON ends."""
    flags = word_at(span + 8 * FLAGS)
    row = word_at(context + 24 * ATTRIBUTES) + 8 * ATTRIBUTE_WORDS * word_at(span + 8 * FIRST_ATTRIBUTE)
    last = word_at(context + 24 * ATTRIBUTES) + 8 * ATTRIBUTE_WORDS * word_at(span + 8 * LAST_ATTRIBUTE)
    if flags & REPEATED:
        while row < last:
            put_word(_key_row(context, word_at(row) >> 4) + 8 * LAST_PLACE, row)
            row += 8 * ATTRIBUTE_WORDS
        row = word_at(context + 24 * ATTRIBUTES) + 8 * ATTRIBUTE_WORDS * word_at(span + 8 * FIRST_ATTRIBUTE)
    resource = 0
    while row < last:
        head, chosen = word_at(row), row
        row += 8 * ATTRIBUTE_WORDS
        key = _key_row(context, head >> 4)
        rules = word_at(key + 8 * RULES)
        if rules & (STORE | WIDE) == 0:
            continue
        if flags & REPEATED:
            chosen = word_at(key + 8 * LAST_PLACE)
            if chosen == 0:
                continue
            put_word(key + 8 * LAST_PLACE, 0)
        if rules & WIDE:
            value, size = word_at(chosen + 8), size_of_value(word_at(chosen + 16))
            put_text(context, word_at(key + 8 * COLUMN), place, word_at(chosen) & 15, value, size)
        if rules & STORE:
            if head >> 4 == RESOURCE:
                resource = chosen
            else:
                target = _put_member(context, target, key, chosen)
    clocks = word_at(context + 8 * CLOCKS)
    if clocks != 0 and word_at(clocks + 16 * place + 8) > 0:
        key = _key_row(context, CLOCK)
        size = word_at(key + 8 * PREFIX_SIZE)
        move(target, word_at(key + 8 * PREFIX_AT), size)
        target += size
        size = word_at(clocks + 16 * place + 8)
        move(target, word_at(clocks + 16 * place), size)
        put_byte(target + size, 0x2C)
        target += size + 1
    if resource != 0:
        target = _put_member(context, target, _key_row(context, MOVED_RESOURCE), resource)
    return target


@compiled
def emit(context: int) -> None:
    """Write all columns. Views and flags of validity are zeros before."""
    spans = word_at(context + 24 * SPANS)
    json = word_at(context + 24 * COLUMNS) + 8 * COLUMN_WORDS * JSON_COLUMN
    for place in range(word_at(context + 24 * SPANS + 16)):
        span = spans + 8 * SPAN_WORDS * place
        _put_id(context, TRACE_COLUMN, place, word_at(span + 8 * TRACE_AT), 16)
        _put_id(context, ID_COLUMN, place, word_at(span + 8 * ID_AT), 8)
        if word_at(span + 8 * PARENT_AT) != 0:
            _put_id(context, PARENT_COLUMN, place, word_at(span + 8 * PARENT_AT), 8)
        put_cell(context, NAME_COLUMN, place, word_at(span + 8 * NAME_AT), word_at(span + 8 * NAME_AT + 8))
        size = word_at(span + 8 * MESSAGE_AT + 8)
        if size > 0:
            put_cell(context, MESSAGE_COLUMN, place, word_at(span + 8 * MESSAGE_AT), size)
        size = word_at(span + 8 * TRACE_STATE_AT + 8)
        if size > 0:
            put_cell(context, TRACE_STATE_COLUMN, place, word_at(span + 8 * TRACE_STATE_AT), size)
        used = word_at(json + 8 * DATA_SIZE)
        start = word_at(json + 8 * DATA_AT) + used
        put_byte(start, 0x7B)
        target = _attributes(context, span, place, start + 1)
        scope = word_at(context + 24 * SCOPES) + 8 * SCOPE_WORDS * word_at(span + 8 * OF_SCOPE)
        size = word_at(scope + 8 * TAIL_SIZE)
        move(target, word_at(scope + 8 * TAIL_AT), size)
        target += size
        view = word_at(json + 8 * VIEWS_AT) + 16 * place  # always more than 12 bytes: the resource is in it
        put_half(view, target - start)
        put_half(view + 4, half_at(start))
        put_half(view + 12, used)
        put_word(json + 8 * DATA_SIZE, used + target - start)
