"""The failures a user can meet and understand: each is told in one line, never as a traceback."""

import duckdb

from lake.errors import LakeError
from marginlake.config import ConfigError
from receiver.journal.writer import JournalError
from receiver.otlp_files import ImportFileError


class CommandError(Exception):
    """A command cannot do what was asked; the message is one line that says why and what to try."""


EXPECTED: tuple[type[Exception], ...] = (
    CommandError,
    ConfigError,
    ImportFileError,
    JournalError,
    LakeError,
    duckdb.Error,
    OSError,
)


def one_line(message: str) -> str:
    """The first meaningful line of a message, with the rest of a short one joined to it."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:3])[:600] if lines else "no reason given"
