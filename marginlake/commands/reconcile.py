"""`marginlake reconcile`: does the lake agree with the provider's own usage and cost export?"""

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir
from marginlake.commands.reading import lake_to_read
from marginlake.config import load
from marginlake.failures import CommandError, UsageError
from marginlake.output import write_result

if TYPE_CHECKING:
    import polars as pl


def reconcile(
    file: Annotated[Path, Parameter(help="Usage or cost export of OpenAI or Anthropic (JSON, CSV), or any CSV.")],
    /,
    *,
    format: Annotated[  # noqa: A002
        Literal["auto", "openai", "anthropic", "csv"], Parameter(name="--format", help="What the file is.")
    ] = "auto",
    map_: Annotated[
        list[str] | None,
        Parameter(
            name="--map", help="MEANING=COLUMN of a CSV file, e.g. day=Date, model=Model, cost=Amount; repeatable."
        ),
    ] = None,
    tolerance: Annotated[
        str | None, Parameter(help="Percent, e.g. 1%: the exit code is 1 when a day and model is further apart.")
    ] = None,
    output: Annotated[Literal["table", "csv", "json"], Parameter(name="--output", help="How to print.")] = "table",
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
) -> int:
    """Compare by UTC day and model what the provider says with what the lake says; changes nothing."""
    from analytics.reconcile import reconcile as compare
    from analytics.reconcile_files import ReconcileError, read_theirs
    from marginlake.catalogs import choose

    percent = _percent(tolerance)
    settings = load(config, data)
    try:
        theirs = read_theirs(file, format, dict(_pair(text) for text in map_ or ()))
    except ReconcileError as error:
        raise CommandError(str(error)) from None
    resolver = choose(data, settings.pricing.catalog).resolver
    with lake_to_read(data, settings) as lake, lake.reading() as tx:
        rows = compare(tx, theirs, lambda *names: resolver.resolve(*names).model, percent or Decimal(0))
    if output == "table":
        write_result(_short(rows), "table", None)
        sys.stdout.write(_summary(rows, percent))
    else:
        write_result(rows, output, None)
    beyond = rows.filter(rows["verdict"] != "ok").height
    return 1 if percent is not None and beyond else 0


def _short(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Without the columns of what the file does not tell."""
    silent = {name.removeprefix("theirs_") for name in rows.columns if name.startswith("theirs_")}
    silent = {name for name in silent if rows[f"theirs_{name}"].null_count() == rows.height}
    gone = {f"{side}_{name}" for side in ("ours", "theirs") for name in silent}
    gone |= {"drift_usd", "drift_pct", "ours_unpriced"} if "usd" in silent else set()
    gone |= {"missing_requests", "extra_requests"} if "requests" in silent else set()
    return rows.select(name for name in rows.columns if name not in gone)


def _summary(rows: "pl.DataFrame", percent: Decimal | None) -> str:
    counts = dict(rows["verdict"].value_counts().iter_rows())
    said = ", ".join(f"{counts[name]} {name}" for name in sorted(counts)) or "nothing to compare"
    allowed = "" if percent is None else f" (tolerance {percent:f} %)"
    ours, theirs = (Decimal(rows[name].sum() or 0) for name in ("ours_usd", "theirs_usd"))
    money = f"; ours {ours:.12f}, theirs {theirs:.12f}, drift {ours - theirs:+.12f} USD"
    return f"{said}{allowed}{money if rows['theirs_usd'].count() else ''}\n"


def _pair(text: str) -> tuple[str, str]:
    meaning, equals, column = text.partition("=")
    if not equals or not meaning.strip() or not column:
        raise UsageError(f"--map {text}: write MEANING=COLUMN, e.g. day=Date")
    return meaning.strip(), column


def _percent(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        percent = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal("NaN")
    if not percent.is_finite() or percent < 0:
        raise UsageError(f"--tolerance {text!r} is not a percentage; write 1% or 0.5%")
    return percent
