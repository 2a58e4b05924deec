"""`marginlake prices check`: do the prices in the lake still agree with the newest catalog, and with the senders?"""

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from cyclopts import Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir
from marginlake.commands.progress import progress_bar
from marginlake.config import load
from marginlake.failures import CommandError, UsageError
from marginlake.output import write_result

NEWEST, SHIPPED = "newest", "shipped"


def check(
    *,
    against: Annotated[
        str,
        Parameter(help="Catalog to compare with: the beginning of an id, `newest`, or `shipped` with this version."),
    ] = NEWEST,
    tolerance: Annotated[str, Parameter(help="Percent by which costs may differ.")] = "1",
    fail: Annotated[bool, Parameter(name="--fail", negative="", help="Exit with 1 when something drifts.")] = False,
    format: Annotated[Literal["table", "csv", "json"], Parameter(name="--format")] = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
) -> int:
    """Compare what calls cost in the lake with another catalog's prices and with what senders report; changes nothing.

    One row for each model that drifts. `catalog`: the other catalog prices the calls otherwise. `unpriced`: it knows a
    price where the lake has none. `reported`: on that day the senders reported another cost.
    """
    from analytics.price_drift import catalog_drift, reported_drift
    from analytics.reprice_difference import difference
    from lake.connect import Lake
    from marginlake.new_prices import new_prices, under
    from marginlake.rules import rules_from

    percent = _percent(tolerance)
    settings = load(config, data)
    if not (data / "catalog.sqlite").is_file():
        raise CommandError(f"no lake at {data}: run `marginlake serve`, `demo` or `import` with --data first")
    other = under(settings, _catalog_id(against, data))
    with Lake.open(data, memory_limit=settings.lake.memory_limit, threads=settings.lake.threads) as lake:
        rules = rules_from(other, data)
        with progress_bar("check", "calls") as tell:
            found = difference(lake, new_prices(other, rules), progress=tell)
        drift = pl.concat([catalog_drift(found, percent), reported_drift(lake, percent)])
    if format == "table":
        compared = f"{rules.catalog.catalog_id[:12]} ({rules.catalog.source} {rules.catalog.source_version})"
        verdict = f"{drift.height} beyond {percent:f} %" if drift.height else f"all within {percent:f} %"
        sys.stdout.write(f"{found.count('calls')} calls against catalog {compared} and the senders: {verdict}\n")
    if drift.height or format != "table":
        write_result(drift, format, None)
    return 1 if fail and drift.height else 0


def _catalog_id(against: str, data: Path) -> str:
    """The id that `--against` means."""
    from marginlake.catalogs import choose
    from pricing_tables.catalog import load_catalog

    if against == SHIPPED:
        return load_catalog().catalog_id
    return choose(data, None if against == NEWEST else against).catalog_id


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text)
    except InvalidOperation:
        percent = Decimal("NaN")
    if not percent.is_finite() or percent < 0:
        raise UsageError(f"--tolerance {text!r} is not a percentage; write 1 or 0.5")
    return percent
