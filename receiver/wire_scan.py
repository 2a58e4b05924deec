"""First pass over the bytes: every payload is checked and taken apart into spans and attributes; nothing is copied.

A payload counts as a whole or not at all: what was found of one that the scanner cannot read is taken back.
"""

from receiver.wire_defaults import without_defaults
from receiver.wire_inner import odd_value, read_count, read_event, read_link, read_status, value_place
from receiver.wire_layout import (
    ATTRIBUTE_WORDS,
    ATTRIBUTES,
    BITS,
    CLOCK,
    CONTENT_HASH,
    DOUBLE,
    DOUBLE_WORDS,
    DOUBLES,
    END,
    EVENT_AT,
    EVENT_POSITION,
    EVENT_SIZE,
    EVENT_SPAN,
    EVENT_WORDS,
    EVENTS,
    FAIL,
    FIRST_ATTRIBUTE,
    FIRST_SPAN,
    FLAGS,
    FULL,
    HAS_MOVED,
    HAS_RESOURCE,
    ID_AT,
    IDLE,
    IN_SPAN,
    KEY_WORDS,
    KEYS,
    KIND,
    LAST_ATTRIBUTE,
    MOVED_RESOURCE,
    NAME_AT,
    NEXT_PAYLOAD,
    NONE,
    ODD,
    ODD_VALUES,
    OF_PAYLOAD,
    OF_SCOPE,
    PARENT_AT,
    PAYLOAD_WORDS,
    PAYLOADS,
    REPEATED,
    RESOURCE,
    RESOURCE_AT,
    RESOURCE_SIZE,
    RULES,
    SCOPE_AT,
    SCOPE_SIZE,
    SCOPE_WORDS,
    SCOPES,
    SCRATCH,
    SCRUB,
    SECRET_AT,
    SEEN,
    SERIAL,
    SPAN_WORDS,
    SPANS,
    START,
    STATE,
    STORE,
    TEXT,
    TO_SETTLE,
    TOTALS,
    TRACE_AT,
    TRACE_STATE_AT,
    VALUE,
    VALUE_SIZE,
    WANTED,
)
from receiver.wire_memory import byte_at, called, compiled, half_at, inlined, put_word, word_at
from receiver.wire_read import escapes, guess_key, kind_of_text, new_row, piece, read_value
from receiver.wire_xxh3 import xxh3


@inlined
def _attribute(context: int, at: int, stop: int, span: int) -> int:
    """Take an attribute of a span."""
    key_at, key_end, value_at, value_end = value_place(at, stop)
    if key_at < 0:
        return FAIL
    row = span + 8 * FIRST_ATTRIBUTE
    position = word_at(context + 24 * ATTRIBUTES + 16) - word_at(row)
    key = guess_key(context, position, key_at, key_end - key_at)
    if key < 0 or key == CLOCK:
        return FAIL
    kind = NONE if value_at == 0 else read_value(context, value_at, value_end)
    if kind < 0:
        return FAIL
    row = new_row(context, ATTRIBUTES, ATTRIBUTE_WORDS)
    if row == 0:
        return FULL
    value, size = word_at(context + 8 * VALUE), word_at(context + 8 * VALUE_SIZE)
    if kind == DOUBLE:
        double = new_row(context, DOUBLES, DOUBLE_WORDS)
        if double == 0:
            return FULL
        put_word(double + 8 * BITS, value)
        value = word_at(context + 24 * DOUBLES + 16) - 1
    elif kind == ODD:
        value = odd_value(context, at, stop, IN_SPAN)
        if value < 0:
            return FULL
    rules = word_at(word_at(context + 24 * KEYS) + 8 * (KEY_WORDS * key + RULES))
    if kind == TEXT and rules & STORE:
        size |= escapes(value, value + size) << 32
    if rules & SCRUB:
        put_word(span + 8 * FLAGS, word_at(span + 8 * FLAGS) | TO_SETTLE)
    put_word(row, key << 4 | kind)
    put_word(row + 8, value)
    put_word(row + 16, size)
    seen = word_at(context + 24 * KEYS) + 8 * (KEY_WORDS * key + SEEN)
    serial = word_at(context + 8 * SERIAL)
    if key <= MOVED_RESOURCE:
        mark = HAS_RESOURCE if key == RESOURCE else HAS_MOVED
        put_word(span + 8 * FLAGS, word_at(span + 8 * FLAGS) | mark)
    if word_at(seen) == serial:
        put_word(span + 8 * FLAGS, word_at(span + 8 * FLAGS) | REPEATED)
    put_word(seen, serial)
    return 0


@inlined
def _text_field(at: int, size: int, span: int, place: int) -> int:
    """Note a field of text in the row of its span."""
    put_word(span + 8 * place, at)
    put_word(span + 8 * place + 8, size)
    return kind_of_text(at, at + size)


@inlined
def _some_field(context: int, tag: int, at: int, stop: int, span: int, position: int) -> int:
    """Take a field of a span whose content is from ``at`` to ``stop``."""
    size = stop - at
    if tag == 0x4A:
        return _attribute(context, at, stop, span)
    if tag == 0x0A:
        if size != 16 or (word_at(at) == 0 and word_at(at + 8) == 0):
            return FAIL
        put_word(span + 8 * TRACE_AT, at)
        return 0
    if tag == 0x12:
        if size != 8 or word_at(at) == 0:
            return FAIL
        put_word(span + 8 * ID_AT, at)
        return 0
    if tag == 0x22:
        if size != 8 and size != 0:
            return FAIL
        if size == 8 and word_at(at) != 0:
            put_word(span + 8 * PARENT_AT, at)
        return 0
    if tag == 0x1A:
        return _text_field(at, size, span, TRACE_STATE_AT)
    if tag == 0x2A:
        return _text_field(at, size, span, NAME_AT)
    if tag == 0x7A:
        return read_status(at, stop, span)
    if tag == 0x6A:
        return read_link(context, at, stop)
    if tag == 0x5A:
        answer = read_event(context, at, stop)
        if answer >= 0 and answer & WANTED:
            row = new_row(context, EVENTS, EVENT_WORDS)
            if row == 0:
                return FULL
            put_word(row + 8 * EVENT_SPAN, word_at(context + 24 * SPANS + 16) - 1)
            put_word(row + 8 * EVENT_POSITION, position)
            put_word(row + 8 * EVENT_AT, at)
            put_word(row + 8 * EVENT_SIZE, size)
        return answer
    return FAIL


@inlined
def _fields(context: int, at: int, stop: int, span: int) -> int:
    """Take the fields of a span: 0, or ``IDLE`` when some are written out although they say nothing."""
    last = position = 0
    idle = False
    while at < stop:
        tag = byte_at(at)
        if tag < last or (tag == last and tag != 0x4A and tag != 0x5A and tag != 0x6A):
            return FAIL
        last = tag
        if tag == 0x85:
            if stop - at < 6 or byte_at(at + 1) != 0x01:
                return FAIL
            idle = idle or half_at(at + 2) == 0
            at += 6
        elif tag == 0x39 or tag == 0x41:
            if stop - at < 9:
                return FAIL
            value = word_at(at + 1)
            idle = idle or value == 0
            put_word(span + 8 * (START if tag == 0x39 else END), value)
            at += 9
        elif tag == 0x30 or tag == 0x50 or tag == 0x60 or tag == 0x70:
            value, at = read_count(at + 1, stop)
            if at < 0 or (tag == 0x30 and value > 0x7FFFFFFF):
                return FAIL
            idle = idle or value == 0
            if tag == 0x30:
                put_word(span + 8 * KIND, value)
        else:
            start, end = piece(at + 1, stop)
            if start < 0:
                return FAIL
            answer = _some_field(context, tag, start, end, span, position)
            if answer < 0:
                return answer
            idle = idle or answer & IDLE != 0 or (start == end and (tag == 0x1A or tag == 0x22 or tag == 0x2A))
            if tag == 0x5A:
                position += 1
            at = end
    return IDLE if idle else 0


@called
def _span(context: int, at: int, stop: int) -> int:
    """Take a span."""
    span = new_row(context, SPANS, SPAN_WORDS)
    if span == 0:
        return FULL
    for word in range(SPAN_WORDS):
        put_word(span + 8 * word, 0)
    put_word(context + 8 * SERIAL, word_at(context + 8 * SERIAL) + 1)
    put_word(span + 8 * FIRST_ATTRIBUTE, word_at(context + 24 * ATTRIBUTES + 16))
    answer = _fields(context, at, stop, span)
    if answer < 0:
        return answer
    if word_at(span + 8 * TRACE_AT) == 0 or word_at(span + 8 * ID_AT) == 0:
        return FAIL
    if word_at(span + 8 * FLAGS) & (HAS_RESOURCE | HAS_MOVED) == HAS_RESOURCE | HAS_MOVED:
        return FAIL
    put_word(span + 8 * LAST_ATTRIBUTE, word_at(context + 24 * ATTRIBUTES + 16))
    put_word(span + 8 * OF_SCOPE, word_at(context + 24 * SCOPES + 16) - 1)
    size = stop - at
    if answer == IDLE:
        scratch = word_at(context + 8 * SCRATCH)
        size, at = without_defaults(at, stop, scratch), scratch
    digest = xxh3(at, size, word_at(context + 8 * SECRET_AT), context + 8 * TOTALS)
    put_word(span + 8 * CONTENT_HASH, digest)
    return 0


@called
def _scope_spans(context: int, at: int, stop: int) -> int:
    """Take a ``ScopeSpans``: its spans, and a scope that says where they begin if there are any."""
    scope = new_row(context, SCOPES, SCOPE_WORDS)
    if scope == 0:
        return FULL
    for word in range(SCOPE_WORDS):
        put_word(scope + 8 * word, 0)
    first = word_at(context + 24 * SPANS + 16)
    put_word(scope + 8 * OF_PAYLOAD, word_at(context + 8 * NEXT_PAYLOAD))
    put_word(scope + 8 * FIRST_SPAN, first)
    while at < stop:
        tag = byte_at(at)
        start, end = piece(at + 1, stop)
        if start < 0:
            return FAIL
        if tag == 0x12:
            answer = _span(context, start, end)
            if answer < 0:
                return answer
        elif tag == 0x0A:
            if word_at(scope + 8 * SCOPE_AT) != 0:
                return FAIL
            put_word(scope + 8 * SCOPE_AT, start)
            put_word(scope + 8 * SCOPE_SIZE, end - start)
        elif tag != 0x1A or kind_of_text(start, end) < 0:
            return FAIL
        at = end
    return 0


@called
def _resource_spans(context: int, at: int, stop: int) -> int:
    """Take a ``ResourceSpans``."""
    first = word_at(context + 24 * SCOPES + 16)
    resource = size = 0
    while at < stop:
        tag = byte_at(at)
        start, end = piece(at + 1, stop)
        if start < 0:
            return FAIL
        if tag == 0x12:
            answer = _scope_spans(context, start, end)
            if answer < 0:
                return answer
        elif tag == 0x0A:
            if resource != 0:
                return FAIL
            resource, size = start, end - start
        elif tag != 0x1A or kind_of_text(start, end) < 0:
            return FAIL
        at = end
    rows = word_at(context + 24 * SCOPES)
    for place in range(first, word_at(context + 24 * SCOPES + 16)):
        put_word(rows + 8 * (SCOPE_WORDS * place + RESOURCE_AT), resource)
        put_word(rows + 8 * (SCOPE_WORDS * place + RESOURCE_SIZE), size)
    if first == word_at(context + 24 * SCOPES + 16) and size > 0:
        return FAIL  # a resource of no spans: nobody else checks it
    return 0


@called
def _payload(context: int, at: int, stop: int) -> int:
    while at < stop:
        if byte_at(at) != 0x0A:
            return FAIL
        start, end = piece(at + 1, stop)
        if start < 0:
            return FAIL
        answer = _resource_spans(context, start, end)
        if answer < 0:
            return answer
        at = end
    return 0


@compiled
def scan(context: int) -> int:
    """Read payloads from ``NEXT_PAYLOAD`` on; 0 when all are read, ``FULL`` when tables must grow before the next."""
    payloads = word_at(context + 24 * PAYLOADS)
    while word_at(context + 8 * NEXT_PAYLOAD) < word_at(context + 24 * PAYLOADS + 16):
        place = word_at(context + 8 * NEXT_PAYLOAD)
        row = payloads + 8 * PAYLOAD_WORDS * place
        scopes, spans = word_at(context + 24 * SCOPES + 16), word_at(context + 24 * SPANS + 16)
        attributes, doubles = word_at(context + 24 * ATTRIBUTES + 16), word_at(context + 24 * DOUBLES + 16)
        odd_values, events = word_at(context + 24 * ODD_VALUES + 16), word_at(context + 24 * EVENTS + 16)
        answer = FAIL
        if word_at(row + 8 * STATE) == 0:
            answer = _payload(context, word_at(row), word_at(row) + word_at(row + 8))
        if answer < 0:
            put_word(context + 24 * SCOPES + 16, scopes)
            put_word(context + 24 * SPANS + 16, spans)
            put_word(context + 24 * ATTRIBUTES + 16, attributes)
            put_word(context + 24 * DOUBLES + 16, doubles)
            put_word(context + 24 * ODD_VALUES + 16, odd_values)
            put_word(context + 24 * EVENTS + 16, events)
            if answer == FULL:
                return FULL
            put_word(row + 8 * STATE, 1)
        put_word(context + 8 * NEXT_PAYLOAD, place + 1)
    return 0
