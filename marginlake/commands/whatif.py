"""`marginlake whatif`: what other models, tokens, caches, prices or plans would have left over; changes nothing."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, From, To, moment
from marginlake.commands.progress import progress_bar
from marginlake.commands.reading import lake_to_read
from marginlake.config import load
from marginlake.failures import UsageError
from marginlake.output import write_result

if TYPE_CHECKING:
    import polars as pl

_BY = {"customer": "customer_id", "product": "product_id", "event": "event", "model": "model", "day": "day"}
_FORMATS: dict[str, Literal["parquet", "csv", "json"]] = {".parquet": "parquet", ".csv": "csv", ".json": "json"}


def whatif(
    *,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    model: Annotated[
        list[str] | None,
        Parameter(help="FROM=TO: calls of FROM under the model TO; FROM may hold * and ?; repeatable."),
    ] = None,
    tokens: Annotated[
        list[str] | None, Parameter(help="FROM=1.2: calls of FROM with so many times the tokens; repeatable.")
    ] = None,
    cache_hit: Annotated[
        list[str] | None,
        Parameter(name="--cache-hit", help="0.6 or FROM=0.6: share of the input tokens read from the cache."),
    ] = None,
    catalog: Annotated[
        str | None, Parameter(name="--catalog", help="Beginning of a catalog's id: all calls at its prices.")
    ] = None,
    revenue: Annotated[
        Path | None, Parameter(name="--revenue", help="TOML file whose [[revenue]] tables say what events would earn.")
    ] = None,
    from_: From = None,
    to: To = None,
    customer: Annotated[list[str] | None, Parameter(help="Only this customer; repeatable.")] = None,
    product: Annotated[list[str] | None, Parameter(help="Only this product; repeatable.")] = None,
    by: Annotated[str, Parameter(help="Comma separated: customer, product, event, model, day.")] = "customer,product",
    format: Annotated[Literal["table", "csv", "json"], Parameter(name="--format")] = "table",  # noqa: A002
    out: Annotated[Path | None, Parameter(help="Also write the rows to this file: .parquet, .csv or .json.")] = None,
) -> int:
    """Cost, revenue and margin of the period beside what they would have been. Reads only, beside a running service."""
    from analytics.period import Period
    from analytics.whatif import what_if
    from marginlake.assumptions import assumed, scenario_of

    keys = _keys(by)
    scenario = scenario_of(model or (), tokens or (), cache_hit or ())
    period = Period(moment(from_), moment(to))
    if period.start and period.end and period.start >= period.end:
        raise UsageError("--from must be before --to")
    if out is not None and out.suffix not in _FORMATS:
        raise UsageError(f"--out {out}: the name must end in {', '.join(_FORMATS)}")
    settings = load(config, data)
    with lake_to_read(data, settings) as lake:
        told = assumed(lake, data, settings, scenario, catalog, revenue)
        with lake.reading() as tx, progress_bar("what if", "events and costs") as tell:
            found = what_if(tx, told, keys, period, customers=customer or (), products=product or (), progress=tell)
    for pattern in scenario.unmatched(found.names):
        sys.stderr.write(f"marginlake: no call of the period is of the model {pattern}\n")
    if out is not None:
        write_result(found.rows, _FORMATS[out.suffix], out)
    if format == "table":
        if found.rows.height:
            write_result(_short(found.rows, keys), "table", None)
        sys.stdout.write(_total(found.total))
    else:
        write_result(found.rows, format, None)
    return 0


def _keys(by: str) -> list[str]:
    names = [name.strip() for name in by.split(",") if name.strip()]
    wrong = next((name for name in names if name not in _BY), None)
    if wrong is not None or not names:
        raise UsageError(f"--by {by}: choose among {', '.join(_BY)}")
    return list(dict.fromkeys(_BY[name] for name in names))


def _short(rows: "pl.DataFrame", keys: list[str]) -> "pl.DataFrame":
    """What a person looks at; programs get all columns."""
    if "model" in keys:
        return rows
    return rows.select(
        *keys, "events", "calls", "revenue_usd", "cost_usd", "margin_usd", "whatif_revenue_usd", "whatif_cost_usd",
        "whatif_margin_usd", "difference_usd", "unpriced_calls", "whatif_unpriced_calls",
    )  # fmt: skip


def _total(total: "pl.DataFrame") -> str:
    row = total.row(0, named=True)

    def line(name: str, prefix: str) -> str:
        margin, known = row[f"{prefix}margin_usd"], row[f"{prefix}margin_known_usd"]
        said = f"{margin:f}" if margin is not None else f"unknown (known part {known:f})"
        unpriced = row[f"{prefix}unpriced_calls"]
        note = f"; {unpriced} of {row['calls']} calls without a price" if unpriced else ""
        revenue, cost = row[f"{prefix}revenue_usd"], row[f"{prefix}cost_usd"]
        return f"{name}: revenue {revenue:f}, cost {cost:f}, margin {said} USD{note}\n"

    difference = row["difference_usd"]
    known = f"difference: unknown ({row['difference_known_usd']:+f} USD in what is known of both)\n"
    last = f"difference: {difference:+f} USD\n" if difference is not None else known
    return line("actual", "") + line("what if", "whatif_") + last
