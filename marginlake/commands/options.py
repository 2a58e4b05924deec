"""Options that several commands share."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from marginlake.failures import UsageError

if TYPE_CHECKING:
    from analytics.period import Period

DEFAULT_DATA = Path("marginlake-data")

STANDARD_INPUT = "-"
_LIKE_AN_OPTION = re.compile(r"--?[A-Za-z][\w-]*(=.*)?")

DataDir = Annotated[Path, Parameter(name="--data", help="Data directory: lake, journal and archive.")]
ConfigFile = Annotated[Path | None, Parameter(name="--config", help="TOML settings; default: DIR/marginlake.toml.")]
From = Annotated[str | None, Parameter(name="--from", help="Start of the period, e.g. 2026-11-01 (UTC).")]
To = Annotated[str | None, Parameter(name="--to", help="End of the period, exclusive.")]
DryRun = Annotated[bool, Parameter(name="--dry-run", negative="", help="Say what would change, change nothing.")]


def moment(text: str | None) -> datetime | None:
    """The instant an option names, UTC. Raises UsageError."""
    from marginlake.config import ConfigError, parse_time  # settings are loaded only where they are used

    try:
        return None if text is None else parse_time(text)
    except ConfigError as error:
        raise UsageError(str(error)) from None


def period_of(start: str | None, end: str | None) -> "Period":
    """The period that `--from` and `--to` name. Raises UsageError."""
    from analytics.period import Period  # Polars is loaded only when there is something to do

    period = Period(moment(start), moment(end))
    if period.start and period.end and period.start >= period.end:
        raise UsageError("--from must be before --to")
    return period


def no_option(text: str) -> str:
    """An argument that may begin with a hyphen (`-`, an SQL comment) but is no misspelt option. Raises UsageError."""
    if _LIKE_AN_OPTION.fullmatch(text):
        raise UsageError(f"Unknown option: {text}.")
    return text
