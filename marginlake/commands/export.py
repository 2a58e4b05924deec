"""`marginlake export`: the lake for other tools, each export of one snapshot, beside a running service."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, From, To, moment
from marginlake.commands.progress import progress_bar
from marginlake.commands.reading import lake_to_read
from marginlake.config import load
from marginlake.failures import CommandError, UsageError

if TYPE_CHECKING:
    import duckdb

    from analytics.export_tables import FileFormat, Partition
    from analytics.period import Period

app = App(name="export", help="The lake for other tools: FOCUS, Parquet, CSV, or one DuckDB file.")

Force = Annotated[bool, Parameter(name="--force", negative="", help="Replace what is there already.")]
OutDir = Annotated[Path, Parameter(name="--out", help="Folder to make; it appears when all is written.")]
Tables = Annotated[str | None, Parameter(help="Comma separated names; default: all but bookkeeping.")]
Parts = Annotated[Literal["none", "day", "month"], Parameter(help="Folders by the UTC day or month of the rows.")]


@app.command
def focus(
    *,
    out: Annotated[Path, Parameter(name="--out", help="File to write: .csv or .parquet.")],
    grain: Annotated[Literal["call", "hour", "day"], Parameter(help="What a row adds up.")] = "day",
    from_: From = None,
    to: To = None,
    force: Force = False,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
) -> int:
    """Costs in the columns of FOCUS 1.2, for FinOps tools. Calls without a known price are counted, not guessed."""
    from analytics.export_files import appearing
    from analytics.focus import focus_rows, unpriced
    from analytics.focus_file import write_focus
    from lake.commit import Transaction

    if out.suffix not in (".csv", ".parquet"):
        raise UsageError(f"--out {out}: the name must end in .csv or .parquet")
    period = _period(from_, to)
    with _snapshot(data, config) as connection, progress_bar("focus", "calls") as tell:
        tx = Transaction(connection)
        with appearing(out, force=force) as file:
            pieces = focus_rows(tx, grain, period, progress=tell)
            done = write_focus(pieces, file, "csv" if out.suffix == ".csv" else "parquet")
        unknown = unpriced(tx, period)
    sys.stdout.write(f"{out}: {done.rows} rows, BilledCost {done.billed:f} USD\n")
    if unknown:
        sys.stdout.write(f"not in it: {unknown} calls without a known price (see the view unpriced_models)\n")
    return 0


@app.command
def parquet(
    *,
    out: OutDir,
    tables: Tables = None,
    partition: Parts = "none",
    from_: From = None,
    to: To = None,
    force: Force = False,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
) -> int:
    """Tables as Parquet files with a manifest.json: columns, rows, sums and hashes."""
    return _files("parquet", out, tables, partition, _period(from_, to), force, data, config)


@app.command
def csv(
    *,
    out: OutDir,
    tables: Tables = None,
    partition: Parts = "none",
    from_: From = None,
    to: To = None,
    force: Force = False,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
) -> int:
    """Tables as CSV files with a manifest.json. Money is written in full; NULL is empty, an empty text is ""."""
    return _files("csv", out, tables, partition, _period(from_, to), force, data, config)


@app.command(name="duckdb")
def duckdb_(
    file: Annotated[Path, Parameter(help="File to write.")],
    /,
    *,
    force: Force = False,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
) -> int:
    """One DuckDB file with all tables, views and comments, which opens without DuckLake."""
    from analytics.export_files import appearing
    from analytics.export_tables import export_duckdb

    with (
        _snapshot(data, config) as connection,
        progress_bar("export", "tables") as tell,
        appearing(file, force=force) as place,
    ):
        snapshot = export_duckdb(connection, place, progress=tell)
    sys.stdout.write(f"{file}: snapshot {snapshot}, {file.stat().st_size} bytes\n")
    return 0


def _files(
    format: "FileFormat",  # noqa: A002
    out: Path,
    tables: str | None,
    partition: "Partition",
    period: "Period",
    force: bool,
    data: Path,
    config: Path | None,
) -> int:
    from analytics.export_files import ExportError, appearing
    from analytics.export_tables import chosen, export_tables

    try:
        wanted = chosen([name.strip() for name in tables.split(",") if name.strip()] if tables else [])
    except ExportError as error:
        raise UsageError(f"--tables: {error}") from None
    with (
        _snapshot(data, config) as connection,
        progress_bar("export", "tables") as tell,
        appearing(out, force=force, folder=True) as place,
    ):
        manifest = export_tables(connection, place, wanted, format, partition, period, progress=tell)
    for name, said in manifest["tables"].items():
        sys.stdout.write(f"{name}: {said['rows']} rows in {len(said['files'])} files\n")
    sys.stdout.write(f"{out}: snapshot {manifest['snapshot_id']}\n")
    return 0


def _period(from_: str | None, to: str | None) -> "Period":
    from analytics.period import Period

    period = Period(moment(from_), moment(to))
    if period.start and period.end and period.start >= period.end:
        raise UsageError("--from must be before --to")
    return period


@contextmanager
def _snapshot(data: Path, config: Path | None) -> "Iterator[duckdb.DuckDBPyConnection]":
    """One transaction on the lake, opened for reading, for the whole export. Failures are one line."""
    from analytics.export_files import ExportError

    with lake_to_read(data, load(config, data)) as lake:
        connection = lake.cursor()
        try:
            connection.execute("BEGIN")
            yield connection
        except ExportError as error:
            raise CommandError(str(error)) from None
        except Exception as error:
            # what DuckDB makes of Ctrl-C within a statement
            if "interrupt" in str(error).lower():
                raise KeyboardInterrupt from None
            raise
        finally:
            connection.close()
