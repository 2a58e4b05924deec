"""Where the scanner's machine code is kept: by what its sources say, so that every copy of them finds it.

numba by itself looks at the file of a function only, not at those it calls into, and would run old code after an edit;
and it keeps code by the place of the sources, so that another checkout or environment would compile it all again.
"""

import hashlib
import os
from pathlib import Path
from types import FunctionType
from typing import Final

import numba

LOCATOR: Final = f"{__name__}.BySources"
"""As numba's setting CACHE_LOCATOR_CLASSES names it."""

_PYTHON: Final = {"wire_cache", "wire_columns", "wire_decode", "wire_keys", "wire_odd", "wire_ready", "wire_tables"}
"""Modules of the scanner in which nothing is compiled."""


def cache_directory() -> str | None:
    """A directory of this version of the sources and of numba, or None where nothing can be written."""
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=8)
    for source in sorted(Path(__file__).parent.glob("wire_*.py")):
        if source.stem not in _PYTHON:
            digest.update(source.read_bytes())
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        directory = (Path(base) if base else Path.home() / ".cache") / "marginlake" / f"scanner-{digest.hexdigest()}"
        directory.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return str(directory) if os.access(directory, os.W_OK) else None


CACHE: Final = cache_directory()


class BySources:
    """A cache locator of numba's: all functions in one directory, which no edit of the sources leaves in use."""

    def __init__(self, line: int) -> None:
        self._line = line

    @classmethod
    def from_function(cls, function: FunctionType, _file: str) -> "BySources":
        """The place of a function, wherever its file lies."""
        return cls(function.__code__.co_firstlineno)

    def ensure_cache_path(self) -> None:
        """Make the directory again, if somebody has emptied the cache meanwhile. Raises OSError."""
        Path(self.get_cache_path()).mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """The directory; numba asks only where there is one."""
        return CACHE or ""

    def get_source_stamp(self) -> str:
        """Nothing to compare: the directory's name says which sources these are."""
        return ""

    def get_disambiguator(self) -> str:
        """What tells functions of one name apart."""
        return str(self._line)
