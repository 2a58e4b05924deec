"""What can be wrong with a journal as a whole, and with a part of it."""

from typing import NamedTuple


class JournalError(Exception):
    """The journal cannot be used; the message is one line that names the file or directory and the reason."""


class Corruption(NamedTuple):
    """A stretch of a segment that holds no readable record.

    segment: the file's name. offset, length: where, in bytes. reason: what was found there. lost: the first and last
    sequence number that may have been stored in it (None: no number is missing).
    """

    segment: str
    offset: int
    length: int
    reason: str
    lost: tuple[int, int] | None = None
