"""How much memory the service lets DuckDB have when the settings do not say."""

import os
from pathlib import Path
from typing import Final

_CGROUP: Final = Path("/sys/fs/cgroup/memory.max")
_SHARE: Final = 4
_LEAST: Final = 1 << 30
_MOST: Final = 2 << 30


def default_memory_limit() -> str:
    """A quarter of this machine's memory, or of what the container may have; at least 1 GiB and at most 2 GiB.

    DuckDB's own default is most of the memory, which it fills with file contents that the system keeps anyway.
    """
    return f"{min(_MOST, max(_LEAST, available_memory() // _SHARE)) >> 20}MiB"


def available_memory(limit_file: Path = _CGROUP) -> int:
    """Bytes that this machine has, or the container where it has a limit."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(limit_file.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return machine
