"""`marginlake rollup`: finished days are worked out once, so that `margin_daily` answers at once."""

import sys
from datetime import UTC, datetime

from marginlake.commands.interrupts import InterruptFlag
from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, DryRun, From, To, moment
from marginlake.commands.progress import progress_bar
from marginlake.commands.writing import lake_to_change
from marginlake.config import load
from marginlake.failures import UsageError
from marginlake.logs import configure_logs


def rollup(
    *,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    from_: From = None,
    to: To = None,
    dry_run: DryRun = False,
) -> int:
    """Roll up the days that are over; days that are rolled up and did not change since are left alone.

    The view margin_daily gives the same figures before and after. Interrupted, it goes on when run again.
    """
    from analytics.period import Period
    from analytics.rollup import rollup as roll_up
    from analytics.rollup import unrolled

    configure_logs()
    settings = load(config, data)
    now = datetime.now(UTC)
    period = Period(moment(from_), min(moment(to) or now, now))
    if period.start and period.end and period.start >= period.end:
        raise UsageError("--from must be before --to, and in the past")
    with lake_to_change(data, settings) as lake:
        if dry_run:
            todo = unrolled(lake, period)
            events, calls = (int(todo[name].sum()) for name in ("events", "calls"))
            sys.stdout.write(f"would roll up: {todo.height} days, {events} events, {calls} calls\n")
            return 0
        with InterruptFlag() as interrupted, progress_bar("roll up", "days") as tell:
            done = roll_up(lake, period, progress=tell, stop=interrupted.is_set)
            stopped = interrupted.is_set()
    sys.stdout.write(f"rolled up: {done.days} days, {done.events} events, {done.calls} calls\n")
    if done.contended:
        sys.stdout.write(f"{done.contended} days changed meanwhile and stay live: run it again\n")
    if stopped:
        sys.stdout.flush()
        sys.stderr.write("marginlake: stopped; what is rolled up stays, the same command goes on from there\n")
        return 130
    return 0
