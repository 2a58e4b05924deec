"""`marginlake import`: OTLP files and journal segments into the lake, beside a running service or alone."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from marginlake.commands.interrupts import InterruptFlag
from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, DryRun, From, To, period_of
from marginlake.commands.progress import progress_bar
from marginlake.config import load
from marginlake.failures import CommandError, UsageError, told
from marginlake.logs import configure_logs

if TYPE_CHECKING:
    from marginlake.importer import Imported

STOPPED = 130


def import_(
    *files: Annotated[
        Path,
        Parameter(
            help="Files, folders or quoted patterns: OTLP protobuf, length-delimited, OTLP-JSON, journal segments; "
            ".gz, .zst."
        ),
    ],
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    archive: Annotated[
        bool, Parameter(name="--archive", negative="", help="Also the data directory's own archived segments.")
    ] = False,
    from_: From = None,
    to: To = None,
    dry_run: DryRun = False,
) -> int:
    """Import OTLP requests. The same file twice changes nothing; an interrupted import goes on when run again."""
    from analytics.period_mates import settle_periods
    from lake.connect import Lake
    from marginlake.adoption import adopt, catch_up, rules_in
    from marginlake.business import meter_imported
    from marginlake.importer import import_files, preview
    from marginlake.rules import rules_from
    from marginlake.sources import files_of
    from marginlake.upkeep import settle_shared_hours

    if not files and not archive:
        raise UsageError("name at least one file to import")
    configure_logs()
    settings = load(config, data)
    period = period_of(from_, to)
    paths = files_of(files, data if archive else None)
    opened = partial(Lake.open, data, memory_limit=settings.lake.memory_limit, threads=settings.lake.threads)
    if dry_run:
        with progress_bar(_title(paths), "bytes") as tell:
            if (data / "catalog.sqlite").is_file():
                with opened(read_only=True) as lake:
                    rules = rules_in(lake, settings, data)
                    found = preview(lake, paths, rules, settings, period=period, tell=tell)
            else:
                found = preview(None, paths, rules_from(settings, data), settings, period=period, tell=tell)
        sys.stdout.write(f"{_title(paths)}: {counts(found)}\ndry run: nothing was written\n")
        return _ended(found, paths)
    with opened() as lake:
        rules = rules_in(lake, settings, data)
        adopt(lake, settings, rules)
        with InterruptFlag() as interrupted, progress_bar(_title(paths), "bytes") as tell:
            done = import_files(lake, paths, rules, settings, period=period, tell=tell, stop=interrupted.is_set)
        sys.stdout.write(f"{_title(paths)}: {counts(done)}\n")
        sys.stdout.flush()
        if interrupted.is_set():
            sys.stderr.write("marginlake: stopped; the same command goes on from there\n")
            return STOPPED
        settle_shared_hours(lake, rules)
        settle_periods(lake, rules.events)
        catch_up(lake, rules)
        meter_imported(lake, data, settings)
    return _ended(done, paths)


def counts(done: "Imported") -> str:
    """What an import brought, in words."""
    return (
        f"{done.spans} new spans, {done.signals} new signals, {done.known} known, {done.rejected} rejected"
        f"{f', {done.reread} read anew' if done.reread else ''}"
    )


def _title(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"


def _ended(done: "Imported", paths: Sequence[Path]) -> int:
    """Tell of what could not be imported; the exit code."""
    failures = [told(failure.error) for failure in done.failures]
    if len(paths) == 1 and failures:
        raise CommandError(failures[0])
    sys.stdout.flush()
    for failure in failures:
        sys.stderr.write(f"marginlake: {failure}\n")
    if failures:
        raise CommandError(f"{len(failures)} of {len(paths)} files could not be imported")
    if done.unreadable:
        raise CommandError(f"{done.unreadable} requests could not be read; the table rejected says which and why")
    return 0
