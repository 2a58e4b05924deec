"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

DEFAULT_DATA = Path("marginlake-data")

DataDir = Annotated[Path, Parameter(name="--data", help="Data directory: lake, journal and archive.")]
ConfigFile = Annotated[Path | None, Parameter(name="--config", help="TOML settings; default: DIR/marginlake.toml.")]
From = Annotated[str | None, Parameter(name="--from", help="Start of the period, e.g. 2026-11-01 (UTC).")]
To = Annotated[str | None, Parameter(name="--to", help="End of the period, exclusive.")]
DryRun = Annotated[bool, Parameter(name="--dry-run", negative="", help="Say what would change, change nothing.")]
