"""Messages within a span, checked and taken: key-value pairs, events, links, the status. Parts of ``wire_scan``."""

from receiver.wire_layout import (
    FAIL,
    FIRST_EVENT_NAME,
    FULL,
    IDLE,
    IN_EVENT,
    IN_LINK,
    LAST_EVENT_NAME,
    MESSAGE_AT,
    MESSAGE_SIZE,
    NEXT_PAYLOAD,
    ODD,
    ODD_AT,
    ODD_PAYLOAD,
    ODD_PLACE,
    ODD_SIZE,
    ODD_VALUES,
    ODD_WORDS,
    SIGNAL_EVENT,
    STATUS,
    WANTED,
)
from receiver.wire_memory import byte_at, called, half_at, inlined, put_word, word_at
from receiver.wire_read import find_key, kind_of_text, new_row, number, piece, read_value


@called
def odd_value(context: int, at: int, stop: int, place: int) -> int:
    """Set an attribute apart that the message class must read; its place among these."""
    row = new_row(context, ODD_VALUES, ODD_WORDS)
    if row == 0:
        return FULL
    put_word(row + 8 * ODD_AT, at)
    put_word(row + 8 * ODD_SIZE, stop - at)
    put_word(row + 8 * ODD_PLACE, place)
    put_word(row + 8 * ODD_PAYLOAD, word_at(context + 8 * NEXT_PAYLOAD))
    return word_at(context + 24 * ODD_VALUES + 16) - 1


@inlined
def value_place(at: int, stop: int) -> tuple[int, int, int, int]:
    """Of a ``KeyValue``: where key and value begin and end. The key must be there, the value may be absent (0, 0)."""
    if stop - at < 3 or byte_at(at) != 0x0A:
        return FAIL, 0, 0, 0
    key, key_end = piece(at + 1, stop)
    if key < 0 or key == key_end:
        return FAIL, 0, 0, 0
    if key_end == stop:
        return key, key_end, 0, 0
    if byte_at(key_end) != 0x12:
        return FAIL, 0, 0, 0
    value, end = piece(key_end + 1, stop)
    if value < 0 or end != stop:
        return FAIL, 0, 0, 0
    return key, key_end, value, stop


@called
def _inner_attribute(context: int, at: int, stop: int, place: int) -> int:
    """Check an attribute of an event or a link; ``WANTED`` when its key marks a signal."""
    key_at, key_end, value_at, value_end = value_place(at, stop)
    if key_at < 0 or kind_of_text(key_at, key_end) < 0:
        return FAIL
    if value_at != 0:
        kind = read_value(context, value_at, value_end)
        if kind < 0:
            return FAIL
        if kind == ODD and odd_value(context, at, stop, place) < 0:
            return FULL
    return WANTED if find_key(context, key_at, key_end - key_at, False) == SIGNAL_EVENT else 0


@inlined
def read_count(at: int, stop: int) -> tuple[int, int]:
    """A 32-bit number without sign, and where it ends (``FAIL``: it is none)."""
    value, end = number(at, stop)
    return value, FAIL if value < 0 or value > 0xFFFFFFFF else end


@called
def read_event(context: int, at: int, stop: int) -> int:
    """Check a span event: ``WANTED``, ``IDLE``, or both."""
    last = answer = 0
    while at < stop:
        tag = byte_at(at)
        if tag < last or (tag == last and tag != 0x1A):
            return FAIL
        last = tag
        if tag == 0x09:
            if stop - at < 9:
                return FAIL
            if word_at(at + 1) == 0:
                answer |= IDLE
            at += 9
        elif tag == 0x20:
            count, at = read_count(at + 1, stop)
            if at < 0:
                return FAIL
            if count == 0:
                answer |= IDLE
        elif tag == 0x12 or tag == 0x1A:
            start, end = piece(at + 1, stop)
            if start < 0:
                return FAIL
            if tag == 0x1A:
                inner = _inner_attribute(context, start, end, IN_EVENT)
                if inner < 0:
                    return inner
                answer |= inner
            else:
                if kind_of_text(start, end) < 0:
                    return FAIL
                if start == end:
                    answer |= IDLE
                name = find_key(context, start, end - start, False)
                if FIRST_EVENT_NAME <= name <= word_at(context + 8 * LAST_EVENT_NAME):
                    answer |= WANTED
            at = end
        else:
            return FAIL
    return answer


@called
def read_link(context: int, at: int, stop: int) -> int:
    """Check a span link: 0 or ``IDLE``."""
    last = answer = 0
    while at < stop:
        tag = byte_at(at)
        if tag < last or (tag == last and tag != 0x22):
            return FAIL
        last = tag
        if tag == 0x28:
            count, at = read_count(at + 1, stop)
            if at < 0:
                return FAIL
            if count == 0:
                answer = IDLE
        elif tag == 0x35:
            if stop - at < 5:
                return FAIL
            if half_at(at + 1) == 0:
                answer = IDLE
            at += 5
        elif tag == 0x0A or tag == 0x12 or tag == 0x1A or tag == 0x22:
            start, end = piece(at + 1, stop)
            if start < 0:
                return FAIL
            if tag == 0x22:
                inner = _inner_attribute(context, start, end, IN_LINK)
                if inner < 0:
                    return inner
            elif start == end:
                answer = IDLE
            elif tag == 0x1A and kind_of_text(start, end) < 0:
                return FAIL
            at = end
        else:
            return FAIL
    return answer


@called
def read_status(at: int, stop: int, span: int) -> int:
    """Take a status: 0 or ``IDLE``."""
    last = answer = 0
    while at < stop:
        tag = byte_at(at)
        if tag <= last:
            return FAIL
        last = tag
        if tag == 0x12:
            start, end = piece(at + 1, stop)
            if start < 0 or kind_of_text(start, end) < 0:
                return FAIL
            if start == end:
                answer = IDLE
            put_word(span + 8 * MESSAGE_AT, start)
            put_word(span + 8 * MESSAGE_SIZE, end - start)
            at = end
        elif tag == 0x18:
            code, at = read_count(at + 1, stop)
            if at < 0 or code > 0x7FFFFFFF:
                return FAIL
            if code == 0:
                answer = IDLE
            put_word(span + 8 * STATUS, code)
        else:
            return FAIL
    return answer
