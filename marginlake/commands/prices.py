"""`marginlake prices`: look into the price catalog, quote usage, import a newer catalog, compare two."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from cyclopts import App, Parameter

from marginlake.commands import own_prices
from marginlake.commands.lines import read_lines
from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, moment
from marginlake.commands.prices_check import check
from marginlake.failures import CommandError
from marginlake.output import write_result

app = App(name="prices", help="The price catalog: list, show, quote, check, diff, import; own prices: override.")
app.command(check)
app.command(own_prices.app)

CatalogId = Annotated[str | None, Parameter(name="--catalog", help="Beginning of a catalog's id; default: the newest.")]
At = Annotated[str | None, Parameter(name="--at", help="Prices in force at this time; default: the last known.")]
Format = Annotated[Literal["table", "csv", "json"], Parameter(name="--format")]


@app.command(name="list")
def list_(
    *,
    provider: Annotated[str | None, Parameter(help="Only this provider's models.")] = None,
    at: At = None,
    catalog: CatalogId = None,
    format: Format = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Every model with its base price, US dollars per million tokens."""
    from marginlake.catalogs import choose
    from pricing_tables.rates import list_models

    rows = list_models(choose(data, catalog), provider, moment(at))
    if not rows:
        raise CommandError(f"no model of provider {provider!r}; `marginlake prices list` shows all")
    write_result(pl.DataFrame(rows, infer_schema_length=None), format, None)
    return 0


@app.command
def show(
    model: Annotated[str, Parameter(help="provider/model, e.g. openai/gpt-5, or a name that a call would report.")],
    /,
    *,
    at: At = None,
    catalog: CatalogId = None,
    format: Format = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Every rate of one model: dates, tiers, service tiers, times of day."""
    from marginlake.catalogs import choose
    from pricing_tables.rates import show as show_rates

    chosen = choose(data, catalog)
    rows: list[dict[str, Any]] = show_rates(chosen, model, moment(at))
    if not rows:
        raise CommandError(f"the catalog {chosen.catalog_id[:12]} has no price for {model!r}")
    frame = pl.DataFrame(rows, infer_schema_length=None)
    empty = [name for name in frame.columns if frame[name].null_count() == frame.height]
    write_result(frame.drop(empty) if format == "table" else frame, format, None)
    return 0


@app.command
def quote(
    file: Annotated[
        str,
        Parameter(
            help="JSON lines {provider, model, timestamp, usage, ...}; `-` is standard input.",
            allow_leading_hyphen=True,
        ),
    ],
    /,
    *,
    catalog: CatalogId = None,
    config: ConfigFile = None,
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Price usage without storing anything: one JSON line of money for each line. Own prices of the settings hold."""
    for answer in own_prices.quoted(read_lines(file), config, data, catalog):
        sys.stdout.write(answer + "\n")
    return 0


@app.command(name="import")
def import_(
    *,
    source: Annotated[
        Literal["all", "genai-prices", "litellm"],
        Parameter(help="One source alone, or all laid into one as in the shipped catalog, whose history is kept."),
    ] = "all",
    file: Annotated[
        list[Path] | None,
        Parameter(name="--file", help="Wheel of a source, or LiteLLM's price JSON; default: the installed packages."),
    ] = None,
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Make a catalog from price data at hand and put it into the data directory; nothing is downloaded.

    A catalog never changes: other content is another catalog. The newest one prices what arrives from the next start
    on; what is priced already stays as it is.
    """
    from marginlake.catalogs import FOLDER, available
    from pricing_tables.catalog import write_catalog
    from pricing_tables.importers.fresh import fresh
    from pricing_tables.importers.releases import SourceError

    catalogs = available(data)
    try:
        content, remarks = fresh(source, file or [], catalogs[0].data if source == "all" else None)
    except SourceError as error:
        raise CommandError(str(error)) from None
    for remark in remarks:
        sys.stderr.write(f"{remark}\n")
    named = f"{content.source} {content.source_version}"
    known = next((catalog for catalog in catalogs if catalog.catalog_id == content.catalog_id), None)
    if known is not None:
        sys.stdout.write(f"catalog {known.catalog_id[:12]} ({named}) is there already\n")
        return 0
    catalog = write_catalog(content, data / FOLDER / content.catalog_id[:16])
    sys.stdout.write(f"catalog {catalog.catalog_id[:12]} ({named}, {content.licence}): {content.rates.height} rates\n")
    return 0


@app.command
def diff(
    before: Annotated[str, Parameter(help="Beginning of a catalog's id, or `shipped`.")],
    after: Annotated[str, Parameter(help="The same for the other catalog.")],
    /,
    *,
    provider: Annotated[str | None, Parameter(help="Only this provider's models.")] = None,
    format: Format = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Every price that two catalogs do not share: added, removed or changed, old and new."""
    from marginlake.catalogs import choose
    from pricing_tables.catalog import load_catalog
    from pricing_tables.diff import diff as compare

    old, new = (load_catalog() if name == "shipped" else choose(data, name) for name in (before, after))
    rows = compare(old, new)
    if provider is not None:
        rows = rows.filter(pl.col("provider") == provider)
    if format == "table":
        if rows.is_empty():
            sys.stdout.write("no price differs\n")
            return 0
        rows = rows.drop([name for name in rows.columns[1:] if rows[name].null_count() == rows.height])
    write_result(rows, format, None)
    return 0
