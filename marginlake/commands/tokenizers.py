"""`marginlake tokenizers`: the files that token estimates need, listed and fetched ahead of time."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from cyclopts import App, Parameter

from marginlake.commands.options import DEFAULT_DATA, DataDir
from marginlake.failures import CommandError
from marginlake.output import write_result

app = App(name="tokenizers", help="Rank files for token estimates: list, fetch.")


@app.command(name="list")
def list_(
    *,
    format: Annotated[Literal["table", "csv", "json"], Parameter(name="--format")] = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Every encoding, whether texts can be counted in it, and the file that is used."""
    from marginlake.tokenizers import states, tokenizers_of

    rows = [(state.encoding, state.installed, state.file) for state in states(tokenizers_of(data))]
    write_result(pl.DataFrame(rows, schema=["encoding", "installed", "file"], orient="row"), format, None)
    return 0


@app.command
def fetch(
    *names: Annotated[str, Parameter(help="Encodings, e.g. o200k_base; default: those of today's models.")],
    from_: Annotated[
        Path | None, Parameter(name="--from", help="A rank file, or a folder of them, instead of the network.")
    ] = None,
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Download rank files into the data directory, or take them from a file or folder. A running service sees them."""
    from marginlake.tokenizers import TokenizerError, install

    try:
        installed = install(names, data, from_)
    except TokenizerError as error:
        raise CommandError(str(error)) from None
    for name, path in installed.items():
        sys.stdout.write(f"{name}: {path}\n")
    return 0
