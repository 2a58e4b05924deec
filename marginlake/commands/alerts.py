"""`marginlake alerts`: look at the rules now, and list what was found."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, DryRun, moment
from marginlake.config import load
from marginlake.failures import UsageError
from marginlake.logs import configure_logs
from marginlake.output import write_result

if TYPE_CHECKING:
    import polars as pl

app = App(name="alerts", help="Budgets and alerts: look at the rules now, list what was found.")

Format = Annotated[Literal["table", "csv", "json"], Parameter(name="--format")]
_SCOPE = ("rule", "severity", "customer_id", "product_id", "event_name", "window_start")
_FIGURE = ("value", "threshold", "unit", "note")


@app.command
def check(
    *,
    config: ConfigFile = None,
    dry_run: DryRun = False,
    at: Annotated[
        str | None, Parameter(help="With --dry-run: as if it were this time, e.g. 2026-11-01T12:00Z.")
    ] = None,
    format: Format = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Evaluate every `[[alert]]` now, record what is new, and deliver it. The running service does so by itself."""
    from lake.connect import Lake, check_lake
    from marginlake.alert_delivery import deliver_due
    from marginlake.alert_settings import alert_settings
    from marginlake.alert_store import look, record

    configure_logs()
    now = moment(at) or datetime.now(UTC)
    if at is not None and not dry_run:
        raise UsageError("--at goes with --dry-run: what was at another time is not recorded")
    settings = load(config, data)
    alerts = alert_settings(settings)
    check_lake(data)
    with Lake.open(
        data, read_only=dry_run, memory_limit=settings.lake.memory_limit, threads=settings.lake.threads
    ) as lake:
        found = look(lake, alerts, now)
        _show(found.rows, ("status", *_SCOPE, *_FIGURE), format)
        if dry_run:
            return _told("dry run: nothing was recorded")
        changed = record(lake, alerts, found, now)
        states = changed["state"].to_list()
        said = f"recorded: {states.count('firing')} new, {states.count('resolved')} resolved"
        if alerts.target is None:
            return _told(f"{said}; no webhook is set")
        sent = deliver_due(lake, alerts.target)
    return _told(f"{said}; webhook: {sent.delivered} delivered, {sent.failed + sent.gone} not")


@app.command(name="list")
def list_(
    *,
    state: Annotated[Literal["firing", "resolved"] | None, Parameter(help="Only those in this state.")] = None,
    format: Format = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Every alert that was recorded, the newest first."""
    from lake.read import query

    where = "" if state is None else f"WHERE state = '{state}' "
    columns = ("state", *_SCOPE, *_FIGURE, "fired_at", "resolved_at", "delivered_at", "last_error")
    _show(query(data, f"SELECT * FROM alerts {where}ORDER BY fired_at DESC, rule, alert_id"), columns, format)
    return 0


def _show(rows: "pl.DataFrame", columns: tuple[str, ...], format: Literal["table", "csv", "json"]) -> None:  # noqa: A002
    """The columns of the rows; figures without the zeros behind their last digit, a table without empty columns."""
    import polars as pl

    if format == "table":
        optional = ("customer_id", "product_id", "event_name", "note", "resolved_at", "delivered_at", "last_error")
        columns = tuple(name for name in columns if name not in optional or rows[name].null_count() < rows.height)

    figures = [name for name in ("value", "threshold") if name in columns]
    shown = [pl.col(name).cast(pl.String).str.replace(r"\.?0+$", "") for name in figures]
    write_result(rows.select(columns).with_columns(shown), format, None)


def _told(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 0
