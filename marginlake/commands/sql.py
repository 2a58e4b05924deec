"""`marginlake sql`: one query, read only, beside a running service."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from marginlake.commands.options import DEFAULT_DATA, STANDARD_INPUT, ConfigFile, DataDir, no_option
from marginlake.failures import UsageError
from marginlake.output import write_result

if TYPE_CHECKING:
    from lake.beside import Beside

BUSINESS: Final = "billing"
"""Under which name queries find the tables of the business database."""
_NAMED: Final = re.compile(rf"""\b{BUSINESS}"?\s*\.|'{BUSINESS}'""", re.IGNORECASE)
"""What a query has in it that may be about them; it is read before it is known to be a query."""

Format = Literal["table", "csv", "json", "parquet"]


def sql(
    query: Annotated[str, Parameter(help="The query; `-` reads it from standard input.", allow_leading_hyphen=True)],
    /,
    *,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    format: Annotated[Format, Parameter(help="How to print the answer; json and csv keep money exact.")] = "table",  # noqa: A002
    out: Annotated[Path | None, Parameter(help="Write to this file instead of standard output.")] = None,
) -> int:
    """Ask the lake a question in SQL, and the business database as `billing.TABLE`. Works while a service writes."""
    from lake.read import query as run_query  # DuckDB is loaded only when there is something to ask

    text = sys.stdin.read() if no_option(query) == STANDARD_INPUT else query
    if format == "parquet" and out is None and sys.stdout.isatty():
        raise UsageError("parquet is not for terminals: name a file with --out, or redirect standard output")
    beside = _business(data, config) if _NAMED.search(text) else None
    write_result(run_query(data, text, beside=beside), format, out)
    return 0


def _business(data_dir: Path, config: Path | None) -> "Beside":
    """What may be read of the business database; loaded only for queries that may be about it."""
    from billing.database import url_in
    from billing.sql_views import business_to_read
    from marginlake.config import load

    url = load(config, data_dir).billing.url
    return business_to_read(url.get_secret_value() if url else url_in(data_dir.expanduser().absolute()), BUSINESS)
