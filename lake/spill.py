"""Where DuckDB puts what does not fit its memory limit: below the data directory, not in the working directory."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

SPILL_DIRECTORY: Final = "tmp"
_LEFT_AFTER_SECONDS: Final = 86_400.0


def spill_directory(data_dir: Path) -> str:
    """The folder, made by DuckDB when it needs it; what a killed process left there a day ago or earlier goes."""
    folder = data_dir / SPILL_DIRECTORY
    with suppress(OSError):
        for file in folder.glob("duckdb_temp*"):
            if time.time() - file.stat().st_mtime > _LEFT_AFTER_SECONDS:
                file.unlink(missing_ok=True)
    return str(folder)
