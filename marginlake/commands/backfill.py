"""`marginlake backfill`: all jobs over a period in order: archive, stated costs, prices, links, values, totals."""

import sys
from contextlib import nullcontext
from dataclasses import replace

from marginlake.commands.interrupts import InterruptFlag
from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, DryRun, From, To, period_of
from marginlake.commands.progress import progress_bar
from marginlake.config import load
from marginlake.failures import CommandError
from marginlake.logs import configure_logs

STOPPED = 130


def backfill(
    *,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    from_: From = None,
    to: To = None,
    dry_run: DryRun = False,
) -> int:
    """Import the archive, count stated costs, reprice, relink, revalue, roll up. Interrupted, it goes on when run."""
    from lake.connect import Lake
    from marginlake.adoption import adopt, rules_in
    from marginlake.backfill import STEPS, State, alone
    from marginlake.backfill_steps import Work
    from marginlake.sources import ARCHIVE

    configure_logs()
    settings = load(config, data)
    period = period_of(from_, to)
    exists = (data / "catalog.sqlite").is_file()
    # a lake that is lost is made anew from its archive
    if not exists and (dry_run or not (data / ARCHIVE).is_dir()):
        raise CommandError(f"no lake at {data}: run `marginlake serve`, `demo` or `import` with --data first")
    told: list[str] = []
    with (
        nullcontext() if dry_run else alone(data),
        Lake.open(data, memory_limit=settings.lake.memory_limit, threads=settings.lake.threads) as lake,
        InterruptFlag() as interrupted,
    ):
        rules = rules_in(lake, settings, data)
        if not dry_run:
            adopt(lake, settings, rules)
        work = Work(data, data / ARCHIVE, settings, rules, period, dry_run, stop=interrupted.is_set, warn=told.append)
        state = State(lake, work)
        if not exists:
            state.clear()
        if not dry_run:
            state.began()
        for step in STEPS:
            if step.name in state.done and not dry_run:
                _say(f"{step.name}: done by the run before")
                continue
            if step.landed and not dry_run and state.all_ours():
                _say(f"{step.name}: done as it landed, there was nothing before")
                state.finished(step)
                continue
            with progress_bar(step.name, step.unit) as tell:
                result = step.run(lake, replace(work, tell=tell))
            _say(f"{step.name}: {result}")
            if interrupted.is_set():
                sys.stderr.write("marginlake: stopped; the same command goes on from there\n")
                return STOPPED
            if not dry_run:
                state.finished(step)
        if dry_run:
            _say("dry run: nothing was changed, and each step saw the lake as it is")
        else:
            state.clear()
    for line in told:
        sys.stderr.write(f"marginlake: {line}\n")
    if told:
        raise CommandError(f"{len(told)} segments of the archive could not be read")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
