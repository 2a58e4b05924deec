"""The `marginlake` command: parses the command line, runs a command, turns every failure into one line.

Exit codes: 0 done, 1 failed with a one-line reason, 2 wrong usage, 130 interrupted. With `MARGINLAKE_DEBUG=1` the
traceback is shown as well.
"""

import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from marginlake import __version__
from marginlake.commands import (
    alerts,
    backfill,
    dashboards,
    demo,
    doctor,
    export,
    importing,
    maintain,
    prices,
    reconcile,
    relink,
    reprice,
    revalue,
    revenue,
    rollup,
    serve,
    sql,
    tokenizers,
    whatif,
)
from marginlake.failures import EXPECTED, UsageError, one_line, told

app = App(
    name="marginlake",
    version=__version__,
    help="Cost, revenue and margin per event of an AI product, from OpenTelemetry, in SQL.",
    # `run` says that it was interrupted, and with which exit code
    suppress_keyboard_interrupt=False,
)
app.command(serve.serve)
app.command(demo.demo)
app.command(sql.sql)
app.command(importing.import_, name="import")
app.command(backfill.backfill)
app.command(relink.relink)
app.command(reprice.reprice)
app.command(revalue.revalue)
app.command(rollup.rollup)
app.command(prices.app)
app.command(alerts.app)
app.command(revenue.app)
app.command(whatif.whatif)
app.command(export.app)
app.command(reconcile.reconcile)
app.command(tokenizers.app)
app.command(dashboards.app)
app.command(doctor.doctor)
app.command(maintain.maintain)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; prints to stdout and stderr, raises nothing."""
    try:
        result = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        _complain(f"{one_line(str(error))} (try: marginlake --help)")
        return 2
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing to tell anyone, and Python must not try again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UsageError as error:
        _complain(f"{told(error)} (try: marginlake --help)")
        return 2
    except EXPECTED as error:
        _complain(told(error))
        return 1
    except Exception as error:  # noqa: BLE001 (the last resort: a person gets a line, not a stack)
        _complain(f"unexpected {type(error).__name__}: {one_line(str(error))} (MARGINLAKE_DEBUG=1 shows where)")
        return 1
    return result if isinstance(result, int) else 0


def main() -> None:
    """Console entry point."""
    sys.exit(run(sys.argv[1:]))


def _complain(message: str) -> None:
    if os.environ.get("MARGINLAKE_DEBUG"):
        traceback.print_exc()
    sys.stderr.write(f"marginlake: {message}\n")
