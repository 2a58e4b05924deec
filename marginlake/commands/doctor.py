"""`marginlake doctor`: is the install sound, is the lake true, is there room."""

import sys

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir


def doctor(*, data: DataDir = DEFAULT_DATA, config: ConfigFile = None) -> int:
    """Check the install, the lake's invariants, disk, clock and coverage; exits 1 when a check fails."""
    from marginlake.checks import run_checks

    failed = 0
    for check in run_checks(data, config):
        sys.stdout.write(f"{check.mark:<5} {check.name}: {check.message}\n")
        sys.stdout.flush()
        failed += check.failed
    sys.stdout.write("all well\n" if not failed else f"{failed} checks failed\n")
    return 1 if failed else 0
