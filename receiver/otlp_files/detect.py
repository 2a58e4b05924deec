"""Which format a file has, told by its first bytes and never by its name."""

from enum import Enum, auto
from typing import Final

from receiver.journal.record import RECORD_MAGIC
from receiver.journal.segments import SEGMENT_HEADER_BYTES, SEGMENT_MAGIC
from receiver.otlp_files.wire import WireError, starts_like_request, varint
from receiver.packed_files import ZSTD_MAGIC

HEAD_BYTES: Final = 1 << 16
LENGTH_BYTES: Final = 4
BOM: Final = b"\xef\xbb\xbf"

_BLANK: Final = b" \t\r\n"
_LONGEST_MESSAGE: Final = 1 << 27
_LINE_STARTS: Final = (b'\n{"resourceSpans":', b'\n{"resourceMetrics":', b'\n{"resourceLogs":')


class Format(Enum):
    """The formats an import file can have."""

    SEGMENT = auto()
    JSON = auto()
    PROTOBUF = auto()
    FIXED_DELIMITED = auto()
    VARINT_DELIMITED = auto()


def detect(head: bytes) -> Format | None:
    """The format of a file that starts with `head` (its first `HEAD_BYTES`, or all of it); None when it is none."""
    # A segment whose header is damaged still has its first record behind it.
    if head.startswith(SEGMENT_MAGIC) or head.startswith(RECORD_MAGIC, SEGMENT_HEADER_BYTES):
        return Format.SEGMENT
    if looks_like_json(head):
        return Format.JSON
    # A request that was cut short is still one, hence never `whole` here.
    if starts_like_request(head, whole=False):
        return Format.PROTOBUF
    if _fixed_delimited(head):
        return Format.FIXED_DELIMITED
    if _varint_delimited(head):
        return Format.VARINT_DELIMITED
    # Lines whose first one is damaged, as when a log was cut at some byte.
    return Format.JSON if any(key in head for key in _LINE_STARTS) else None


def looks_like_json(head: bytes) -> bool:
    """Whether a JSON object starts here. A lone `{` is not enough: it can be the length of a protobuf message."""
    text = head.removeprefix(BOM).lstrip(_BLANK)
    return text.startswith(b"{") and text[1:].lstrip(_BLANK)[:1] in (b'"', b"}", b"")


def _fixed_delimited(head: bytes) -> bool:
    at = 0
    while (length := int.from_bytes(head[at : at + LENGTH_BYTES], "big")) == 0:
        at += LENGTH_BYTES
        if at >= len(head):
            return False
    message = head[at + LENGTH_BYTES : at + LENGTH_BYTES + length]
    if not message or length > _LONGEST_MESSAGE:
        return False
    if message.startswith(ZSTD_MAGIC) or looks_like_json(message):
        return True
    return starts_like_request(message, len(message) == length)


def _varint_delimited(head: bytes) -> bool:
    at = 0
    while at < len(head) and head[at] == 0:
        at += 1
    try:
        number = varint(head, at)
    except WireError:
        return False
    if number is None:
        return False
    length, start = number
    message = head[start : start + length]
    return bool(message) and starts_like_request(message, len(message) == length)
