"""`marginlake import`: OTLP files and journal segments into the lake, beside a running service or alone."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir
from marginlake.commands.progress import progress_bar
from marginlake.config import load
from marginlake.failures import CommandError, UsageError
from marginlake.logs import configure_logs


def import_(
    *files: Annotated[Path, Parameter(help="OTLP protobuf, length-delimited, OTLP-JSON, journal segments; .gz, .zst.")],
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
) -> int:
    """Import files of OTLP requests. The same file twice changes nothing; an interrupted import can be resumed."""
    from analytics.period_mates import settle_periods
    from lake.connect import Lake
    from marginlake.adoption import adopt, catch_up, rules_in
    from marginlake.importer import import_file
    from marginlake.upkeep import settle_shared_hours

    if not files:
        raise UsageError("name at least one file to import")
    configure_logs()
    settings = load(config, data)
    for path in files:
        if path.is_dir():
            raise CommandError(f"{path}: is a directory; name the files in it")
        if not path.exists():
            raise CommandError(f"{path}: no such file")
    with Lake.open(data, memory_limit=settings.lake.memory_limit, threads=settings.lake.threads) as lake:
        rules = rules_in(lake, settings, data)
        adopt(lake, settings, rules)
        unreadable = 0
        for path in files:
            with progress_bar(path.name, "requests") as tell:
                done = import_file(lake, path, rules, settings, tell)
            unreadable += done.unreadable
            sys.stdout.write(
                f"{path}: {done.spans} new spans, {done.signals} new signals, {done.known} known, "
                f"{done.rejected} rejected{f', {done.reread} read anew' if done.reread else ''}\n"
            )
            sys.stdout.flush()
        settle_shared_hours(lake, rules)
        settle_periods(lake, rules.events)
        catch_up(lake, rules)
    if unreadable:
        raise CommandError(f"{unreadable} requests could not be read; the table rejected says which and why")
    return 0
