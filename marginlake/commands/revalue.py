"""`marginlake revalue`: what events delivered to the customers, worked out again from their data."""

import sys

from marginlake.commands.interrupts import InterruptFlag
from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, DryRun, From, To, period_of
from marginlake.commands.progress import progress_bar
from marginlake.commands.writing import lake_to_change
from marginlake.config import load
from marginlake.logs import configure_logs


def revalue(
    *,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    from_: From = None,
    to: To = None,
    dry_run: DryRun = False,
) -> int:
    """Recompute delivered value by the value models in force; writes only what differs, so twice is once."""
    from analytics.revalue import revalue as value_again
    from marginlake.adoption import adopt, rules_in

    configure_logs()
    settings = load(config, data)
    period = period_of(from_, to)
    with lake_to_change(data, settings) as lake:
        rules = rules_in(lake, settings, data)
        if not dry_run:
            adopt(lake, settings, rules)
        with InterruptFlag() as interrupted, progress_bar("revalue", "events") as tell:
            done = value_again(lake, rules.events, period, dry_run=dry_run, progress=tell, stop=interrupted.is_set)
    verb = "would change" if dry_run else "changed"
    sys.stdout.write(f"{verb}: {done.values} event_values, {done.margins} event_margins\n")
    if done.finished:
        return 0
    sys.stdout.flush()
    sys.stderr.write("marginlake: stopped; what was done stays, the same command does the rest\n")
    return 130
