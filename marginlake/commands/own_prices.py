"""`marginlake prices override`: the operator's own prices, and which of them a quoted line would have."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from cyclopts import App, Parameter

from marginlake.commands.lines import read_lines
from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir
from marginlake.config import load
from marginlake.output import write_result

app = App(name="override", help="Own prices from the settings: list them, check which one a call would have.")

_COLUMNS = ("kind", "name", "provider", "model", "customer", "service_tier", "batch", "region", "from", "to", "effect")


@app.command(name="list")
def list_(
    *,
    config: ConfigFile = None,
    format: Annotated[Literal["table", "csv", "json"], Parameter(name="--format")] = "table",  # noqa: A002
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Every override, the first to be asked first; then aliases and exchange rates. Empty: it holds for any."""
    from marginlake.rules import pricer_from

    own = pricer_from(load(config, data), data)
    rows: list[dict[str, Any]] = []
    for number in own.book.order:
        rule = own.book.rules[number]
        selectors = {name: getattr(rule, name) for name in _COLUMNS[2:8]}
        rows.append({"kind": "override", "name": rule.name, **selectors, **_time(rule.valid_from, rule.valid_to)})
        rows[-1]["effect"] = rule.effect
    for alias in own.book.aliases:
        time = _time(alias.valid_from, alias.valid_to)
        effect = f"priced as {alias.model}"
        rows.append({"kind": "alias", "name": alias.name, "provider": alias.provider, **time, "effect": effect})
    for rate in own.fx.rates:
        effect = f"1 {rate.currency} = {rate.usd:f} USD"
        rows.append({"kind": "fx", "name": rate.currency, **_time(rate.valid_from, None), "effect": effect})
    moment = pl.Datetime("us", "UTC")
    types: dict[str, pl.DataType] = {"batch": pl.Boolean(), "from": moment, "to": moment}
    write_result(pl.DataFrame(rows, schema={name: types.get(name, pl.String()) for name in _COLUMNS}), format, None)
    return 0


@app.command
def check(
    file: Annotated[
        str,
        Parameter(
            help="JSON lines {provider, model, customer, timestamp, usage, ...}; `-` is standard input.",
            allow_leading_hyphen=True,
        ),
    ],
    /,
    *,
    config: ConfigFile = None,
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Which own rule each line would have: one JSON line with price_rule, effect, model, match and cost."""
    from marginlake.rules import pricer_from
    from pricing_tables.quote import plain, quoted_rows

    own = pricer_from(load(config, data), data)
    for row in quoted_rows(read_lines(file), own.quote):
        answer = row
        if "error" not in row:
            rule = None if row["price_rule"] is None else own.book.rules[own.book.by_name[row["price_rule"]]]
            effect = {"effect": "list price" if rule is None else rule.effect}
            told = {name: row[name] for name in ("model", "match", "status", "rate_note")}
            answer = {"price_rule": row["price_rule"], **effect, **told, "cost_usd": plain(row["cost_usd"])}
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0


def quoted(lines: Iterable[str], config: Path | None, data: Path, catalog: str | None) -> Iterator[str]:
    """The answers of `prices quote` under the settings' own prices; `catalog` goes before the settings' choice."""
    from marginlake.rules import pricer_from
    from pricing_tables.quote import quote, quote_with_rules

    own = pricer_from(load(config, data), data, catalog)
    if own.book.empty:
        return quote(lines, own.current)
    return quote_with_rules(lines, own.quote)


def _time(start: datetime | None, end: datetime | None) -> dict[str, datetime | None]:
    return {"from": start, "to": end}
