"""`marginlake revenue`: what events earn, rule by rule; and whether the rules fit the events that came."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
from cyclopts import App, Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir
from marginlake.config import Config, ConfigError, load
from marginlake.failures import CommandError
from marginlake.output import write_result

if TYPE_CHECKING:
    from analytics.revenue_rules import RevenueRule

app = App(name="revenue", help="What events earn: list the rules, check them against the events that came.")

Format = Annotated[Literal["table", "csv", "json"], Parameter(name="--format")]
_MOMENT = pl.Datetime("us", "UTC")
_COLUMNS = {
    "rule": pl.String(), "customer": pl.String(), "product": pl.String(), "event": pl.String(), "from": _MOMENT,
    "to": _MOMENT, "earns": pl.String(), "kept": pl.String(),
}  # fmt: skip


@app.command(name="list")
def list_(*, config: ConfigFile = None, format: Format = "table", data: DataDir = DEFAULT_DATA) -> int:  # noqa: A002
    """Every rule, the most specific first. Empty: any customer, product or event; without a beginning or an end.

    `kept` says where it stands: in the `settings` and in the `lake`; in the settings only (the next start takes it up);
    or in the lake only (settings without revenue rules use these, others replace them at the next start).
    """
    from analytics.revenue_words import earns

    settings = load(config, data)
    given, stored = _parsed(settings), _stored(data)
    known = {rule.rule_id: rule for rule in stored} | {rule.rule_id: rule for rule in given}
    rows: list[dict[str, Any]] = []
    for rule in sorted(known.values(), key=_order):
        places = [name for name, rules in (("settings", given), ("lake", stored)) if rule in rules]
        row = {"rule": rule.rule_id, "customer": rule.customer_id, "product": rule.product_id}
        time: dict[str, datetime | None] = {"from": rule.valid_from, "to": rule.valid_to}
        rows.append(row | {"event": rule.event_name, **time, "earns": earns(rule), "kept": ", ".join(places)})
    write_result(pl.DataFrame(rows, schema=_COLUMNS), format, None)
    return 0


@app.command
def check(
    *,
    fail: Annotated[bool, Parameter(name="--fail", negative="", help="Exit with 1 when something is found.")] = False,
    config: ConfigFile = None,
    format: Format = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Read the rules (1 when one of them is wrong) and compare them with each other and with the lake's events.

    `shadowed`: another rule for the same always wins. `no_event`: nothing that came earns by it. `no_rule`: events that
    earn by none, so that their revenue is unknown. Changes nothing.
    """
    from analytics.revenue_check import SEEN, findings, seen_events
    from lake.connect import Lake

    settings = load(config, data)
    rules = _parsed(settings) or _stored(data)
    seen = SEEN.to_frame()
    if _has_lake(data):
        with Lake.open(data, read_only=True, memory_limit=settings.lake.memory_limit) as lake:
            seen = seen_events(lake, rules)
    found = findings(rules, seen)
    if format == "table":
        events = int(seen["events"].sum())
        verdict = f"{found.height} findings" if found.height else "all fit"
        sys.stdout.write(f"{len(rules)} rules, {events} events: {verdict}\n")
    if found.height or format != "table":
        write_result(found, format, None)
    return 1 if fail and found.height else 0


def _parsed(settings: Config) -> "tuple[RevenueRule, ...]":
    """The rules of the settings. Raises ConfigError naming entry and key."""
    from analytics.revenue_parse import parse_rules
    from analytics.revenue_rules import RevenueError

    try:
        return parse_rules(settings.revenue)
    except RevenueError as error:
        raise ConfigError(str(error)) from None


def _stored(data: Path) -> "tuple[RevenueRule, ...]":
    """The rules that the lake keeps; none where there is no lake."""
    from analytics.revenue_parse import parse_rules
    from analytics.revenue_rules import RevenueError
    from lake.connect import Lake
    from marginlake.revenue_store import stored_rules

    if not _has_lake(data):
        return ()
    with Lake.open(data, read_only=True) as lake:
        try:
            return parse_rules(stored_rules(lake))
        except RevenueError as error:
            raise CommandError(f"the lake at {data} holds a rule that this version cannot read: {error}") from None


def _has_lake(data: Path) -> bool:
    return (data / "catalog.sqlite").is_file()


def _order(rule: "RevenueRule") -> tuple[Any, ...]:
    """A customer before a product before an event, as they are asked."""
    selectors = (rule.customer_id, rule.product_id, rule.event_name)
    latest = -rule.valid_from.timestamp() if rule.valid_from is not None else float("inf")
    return (*(name is None for name in selectors), *(name or "" for name in selectors), latest, rule.rule_id)
