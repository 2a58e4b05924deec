"""Spans as protobuf writes them: without the fields that some senders write although they say nothing.

The hash of a span is of what it says, so exporters in JavaScript and older collectors, which write zeros and empty
texts out, are to have the same hash as others. A part of ``wire_scan``.
"""

from receiver.wire_memory import byte_at, called, half_at, inlined, move, put_byte, word_at
from receiver.wire_read import number, piece


@inlined
def _next_field(at: int, stop: int) -> tuple[int, int, bool]:
    """Of a field that was read before: where its content begins and ends, and whether that says nothing."""
    tag = byte_at(at)
    if tag == 0x85:  # flags of a span, the only field with a tag of two bytes
        return at + 2, at + 6, half_at(at + 2) == 0
    kind = tag & 7
    if kind == 1:
        return at + 1, at + 9, word_at(at + 1) == 0
    if kind == 5:
        return at + 1, at + 5, half_at(at + 1) == 0
    if kind == 0:
        value, end = number(at + 1, stop)
        return at + 1, end, value == 0
    start, end = piece(at + 1, stop)
    return start, end, start == end


@called
def _inner_without_defaults(at: int, stop: int, target: int) -> int:
    """Copy a status, event or link without the fields that say what is true without them; the size."""
    size = 0
    while at < stop:
        _, end, idle = _next_field(at, stop)
        if not idle:
            move(target + size, at, end - at)
            size += end - at
        at = end
    return size


@called
def without_defaults(at: int, stop: int, target: int) -> int:
    """The same with a span. Messages within it say by being there that they are there, even without any field."""
    aside = target + stop - at
    size = 0
    while at < stop:
        start, end, idle = _next_field(at, stop)
        tag = byte_at(at)
        if tag == 0x7A or tag == 0x5A or tag == 0x6A:
            inner = _inner_without_defaults(start, end, aside)
            put_byte(target + size, tag)
            size += 1
            rest = inner
            while rest >= 0x80:
                put_byte(target + size, rest & 0x7F | 0x80)
                size += 1
                rest >>= 7
            put_byte(target + size, rest)
            size += 1
            move(target + size, aside, inner)
            size += inner
        elif not idle:
            move(target + size, at, end - at)
            size += end - at
        at = end
    return size
