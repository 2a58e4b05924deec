"""`marginlake dashboards`: writes the dashboards and what Grafana or Datadog need beside them."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from marginlake.commands.options import DEFAULT_DATA, DataDir
from marginlake.failures import CommandError

app = App(name="dashboards", help="Write dashboards for Grafana or Datadog.")

Out = Annotated[Path, Parameter(name="--out", help="Folder to write to; made when it is missing.")]
Force = Annotated[bool, Parameter(name="--force", negative="", help="Overwrite files that differ.")]


@app.command
def grafana(*, out: Out, data: DataDir = DEFAULT_DATA, force: Force = False) -> int:
    """Write the Grafana dashboards, and provisioning files for the lake (DuckDB plugin) and Prometheus."""
    from dashboards.written import grafana_files

    out = out.expanduser().absolute()
    return _write(out, grafana_files(out, data.expanduser().absolute()), force=force)


@app.command
def datadog(*, out: Out, force: Force = False) -> int:
    """Write the Datadog dashboard, and the check by which Datadog's agent reads /metrics."""
    from dashboards.written import datadog_files

    return _write(out.expanduser().absolute(), datadog_files(), force=force)


def _write(out: Path, files: dict[str, str], *, force: bool) -> int:
    from dashboards.written import ChangedFilesError, write

    try:
        written = write(out, files, force=force)
    except ChangedFilesError as error:
        raise CommandError(str(error)) from None
    for path in sorted(written):
        sys.stdout.write(f"{path.relative_to(out)}\n")
    if not written:
        sys.stdout.write("all of it is there already\n")
    return 0
