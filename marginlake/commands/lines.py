"""Lines of a file or of standard input."""

import sys
from collections.abc import Iterator
from pathlib import Path

from marginlake.commands.options import STANDARD_INPUT, no_option
from marginlake.failures import CommandError


def read_lines(file: str) -> Iterator[str]:
    """The lines of a file, `-` being standard input; bytes that are no UTF-8 become U+FFFD. Raises CommandError."""
    if no_option(file) == STANDARD_INPUT:
        for line in sys.stdin.buffer:
            yield line.decode(errors="replace")
        return
    path = Path(file)
    if not path.is_file():
        raise CommandError(f"{path}: no such file")
    with path.open(encoding="utf-8", errors="replace") as stream:
        yield from stream
