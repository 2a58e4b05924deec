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
from marginlake.failures import UsageError, expected, one_line, told

app = App(
    name="marginlake",
    version=__version__,
    help="Cost, revenue and margin per event of an AI product, from OpenTelemetry, in SQL.",
    # `run` says that it was interrupted, and with which exit code
    suppress_keyboard_interrupt=False,
)
# By name: a command is imported when it is asked for, and brings what it needs with it.
app.command("marginlake.commands.serve:serve")
app.command("marginlake.commands.demo:demo")
app.command("marginlake.commands.sql:sql")
app.command("marginlake.commands.importing:import_", name="import")
app.command("marginlake.commands.backfill:backfill")
app.command("marginlake.commands.relink:relink")
app.command("marginlake.commands.reprice:reprice")
app.command("marginlake.commands.revalue:revalue")
app.command("marginlake.commands.rollup:rollup")
app.command("marginlake.commands.prices:app", name="prices")
app.command("marginlake.commands.keys:app", name="keys")
app.command("marginlake.commands.xero:xero")
app.command("marginlake.commands.alerts:app", name="alerts")
app.command("marginlake.commands.revenue:app", name="revenue")
app.command("marginlake.commands.whatif:whatif")
app.command("marginlake.commands.export:app", name="export")
app.command("marginlake.commands.reconcile:reconcile")
app.command("marginlake.commands.tokenizers:app", name="tokenizers")
app.command("marginlake.commands.dashboards:app", name="dashboards")
app.command("marginlake.commands.doctor:doctor")
app.command("marginlake.commands.maintain:maintain")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; prints to stdout and stderr, raises nothing."""
    if not arguments or arguments[0] in app.help_flags:
        _load_all()
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
    except Exception as error:  # noqa: BLE001 (the last resort: a person gets a line, not a stack)
        if isinstance(error, expected()):
            _complain(told(error))
        else:
            _complain(f"unexpected {type(error).__name__}: {one_line(str(error))} (MARGINLAKE_DEBUG=1 shows where)")
        return 1
    return result if isinstance(result, int) else 0


def main() -> None:
    """Console entry point."""
    sys.exit(run(sys.argv[1:]))


def _load_all() -> None:
    """Import every command: the list of all shows what each says of itself."""
    for name in app:
        app[name]


def _complain(message: str) -> None:
    if os.environ.get("MARGINLAKE_DEBUG"):
        traceback.print_exc()
    sys.stderr.write(f"marginlake: {message}\n")
