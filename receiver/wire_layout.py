"""Where the scanner keeps what it finds: tables of 64-bit words, reached through one block of words, the context.

Compiled code gets the address of the context and nothing else. Tables come first in it, as address, rows there is
room for, and rows in use; single words follow. A text is an address and a size; what stands there stays where it is
while a batch is decoded: in the payloads, or in bytes that the batch holds on to.
"""

from typing import Final

PAYLOADS: Final = 0  # address, size, state
SCOPES: Final = 1
SPANS: Final = 2
ATTRIBUTES: Final = 3
DOUBLES: Final = 4
ODD_VALUES: Final = 5
EVENTS: Final = 6
KEYS: Final = 7
COLUMNS: Final = 8
TABLES: Final = 9

# single words of the context
NEXT_PAYLOAD: Final = 3 * TABLES
SLOTS: Final = NEXT_PAYLOAD + 1  # of the hash table of keys: half words, key number + 1
SLOT_MASK: Final = NEXT_PAYLOAD + 2
NAMES: Final = NEXT_PAYLOAD + 3  # where the names of new keys are copied to
NAMES_END: Final = NEXT_PAYLOAD + 4
LAST_EVENT_NAME: Final = NEXT_PAYLOAD + 5  # keys up to this one, from FIRST_EVENT_NAME, are names of wanted events
SERIAL: Final = NEXT_PAYLOAD + 6  # a number for every span ever read, to tell repeated keys
SECRET_AT: Final = NEXT_PAYLOAD + 7
SCRATCH: Final = NEXT_PAYLOAD + 8  # room for a span
VALUE: Final = NEXT_PAYLOAD + 9  # what ``read_value`` found, and its size
VALUE_SIZE: Final = NEXT_PAYLOAD + 10
CLOCKS: Final = NEXT_PAYLOAD + 11  # by span: address and size of the JSON under ``marginlake.clock``; 0 without any
FULL_TABLE: Final = NEXT_PAYLOAD + 12  # the table that must grow, after ``FULL``
TOTALS: Final = NEXT_PAYLOAD + 16  # eight words for the hash
GUESSES: Final = NEXT_PAYLOAD + 24  # by position in a span: the number of the key that stood there last
MOST_GUESSES: Final = 64
WORDS: Final = GUESSES + MOST_GUESSES

# payloads
PAYLOAD_WORDS: Final = 3
STATE: Final = 2  # 0: read, 1: left to the reference decoder

# scopes: one for each ScopeSpans with spans
SCOPE_WORDS: Final = 8
OF_PAYLOAD, RESOURCE_AT, RESOURCE_SIZE, SCOPE_AT, SCOPE_SIZE, FIRST_SPAN, TAIL_AT, TAIL_SIZE = range(SCOPE_WORDS)

# spans
SPAN_WORDS: Final = 18
(
    TRACE_AT, ID_AT, PARENT_AT, NAME_AT, NAME_SIZE, TRACE_STATE_AT, TRACE_STATE_SIZE, MESSAGE_AT, MESSAGE_SIZE,
    KIND, START, END, STATUS, CONTENT_HASH, FIRST_ATTRIBUTE, LAST_ATTRIBUTE, OF_SCOPE, FLAGS,
) = range(SPAN_WORDS)  # fmt: skip
REPEATED: Final = 1  # flags: a key comes twice
HAS_RESOURCE: Final = 2  # there is an attribute ``resource`` of its own
HAS_MOVED: Final = 4  # and one ``span.resource``
TO_SETTLE: Final = 8  # there may be addresses to scrub

# attributes: key number << 4 | kind, value, size | bytes that escaping adds << 32
ATTRIBUTE_WORDS: Final = 3
NONE: Final = 0
STRING: Final = 1  # address; nothing in it needs escaping
TEXT: Final = 2  # address; needs escaping
BOOL: Final = 3
INT: Final = 4
DOUBLE: Final = 5  # place among the doubles
STRINGS: Final = 6  # address of an array of strings; what is added is what its JSON takes beyond its size
ODD: Final = 7  # place among the odd values

# doubles and what they are in JSON and in text; odd values likewise, and where they stand
DOUBLE_WORDS: Final = 5
BITS: Final = 4
ODD_WORDS: Final = 8
JSON_AT, JSON_SIZE, TEXT_AT, TEXT_SIZE, ODD_AT, ODD_SIZE, ODD_PLACE, ODD_PAYLOAD = range(ODD_WORDS)
IN_SPAN: Final = 0  # a KeyValue of a span, of an event, of a link; or a string that is an address
IN_EVENT: Final = 1
IN_LINK: Final = 2
IS_ADDRESS: Final = 3

# events that are wanted
EVENT_WORDS: Final = 4
EVENT_SPAN, EVENT_POSITION, EVENT_AT, EVENT_SIZE = range(EVENT_WORDS)

# keys
KEY_WORDS: Final = 9
KEY_HASH, KEY_AT, KEY_SIZE, SEEN, RULES, COLUMN, PREFIX_AT, PREFIX_SIZE, LAST_PLACE = range(KEY_WORDS)
STORE: Final = 1  # rules: into the JSON, into a wide column, look for credentials
WIDE: Final = 2
SCRUB: Final = 4
NOT_LEARNED: Final = -1  # all of them: what a key means is not known yet

# columns of text
COLUMN_WORDS: Final = 6
VIEWS_AT, VALID_AT, DATA_AT, DATA_SIZE, NEEDED, FILLED = range(COLUMN_WORDS)
(
    TRACE_COLUMN, ID_COLUMN, PARENT_COLUMN, NAME_COLUMN, MESSAGE_COLUMN, TRACE_STATE_COLUMN, JSON_COLUMN, FIRST_WIDE,
) = range(8)  # fmt: skip

# keys every table knows, by number
RESOURCE: Final = 0
MOVED_RESOURCE: Final = 1
CLOCK: Final = 2
SIGNAL_EVENT: Final = 3
FIRST_EVENT_NAME: Final = 4

FAIL: Final = -1  # answers of functions: this payload is none for the scanner; a table is full
FULL: Final = -2
WANTED: Final = 1  # an event becomes a row
IDLE: Final = 2  # a field is written out although it says nothing
