"""The journal: what was acknowledged, in order, on the disk before the answer leaves."""

from receiver.journal.errors import Corruption, JournalError
from receiver.journal.reader import Batch
from receiver.journal.record import Kind, Record
from receiver.journal.writer import Journal

__all__ = ["Batch", "Corruption", "Journal", "JournalError", "Kind", "Record"]
