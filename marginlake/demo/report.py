"""What the demo prints at its end: margins, costs, what is unknown, and the questions to ask next. All of it is SQL."""

import os
import shlex
import shutil
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from lake.read import query
from marginlake.demo.check import conservation

QUESTIONS = (
    ("Which events lose money?", "SELECT * FROM event_margins WHERE margin_usd < 0 ORDER BY margin_usd LIMIT 10"),
    ("What does an event cost on average?", "SELECT * FROM margin_by_event ORDER BY margin_usd DESC"),
    ("How does each day look?", "SELECT day, customer_id, event_name, margin_usd FROM margin_daily ORDER BY 1, 2, 3"),
    (
        "How much do prompt caches carry?",
        "SELECT provider, sum(cache_read_tokens) / sum(input_tokens) AS share FROM billable_costs GROUP BY provider",
    ),
    ("Which calls did nobody pay for?", "SELECT occurred_at, model, cost_usd FROM unclaimed_costs ORDER BY 1 LIMIT 10"),
)
"""Shown as ready `marginlake sql` commands; every one of them works on the demo's lake."""

_CUSTOMERS = """
SELECT customer_id AS name, signals, revenue_usd, cost_usd, margin_usd, margin_pct,
       unpriced_calls, signals_without_revenue, untraced_signals
FROM margin_by_customer ORDER BY revenue_usd DESC NULLS LAST, customer_id
"""
_EVENTS = """
SELECT product_id, event_name AS name, signals, revenue_usd, cost_usd, margin_usd, margin_pct,
       unpriced_calls, signals_without_revenue,
       (SELECT count(*) FROM event_margins AS m
        WHERE m.event_name = e.event_name AND m.product_id = e.product_id AND m.cost_status = 'untraced'
       ) AS untraced_signals
FROM margin_by_event AS e ORDER BY sum(revenue_usd) OVER (PARTITION BY product_id) DESC, revenue_usd DESC NULLS LAST
"""
_MODELS = """
SELECT provider, model, sum(calls)::BIGINT AS calls, sum(input_tokens)::BIGINT AS input,
       sum(cache_read_tokens)::BIGINT AS cached, sum(output_tokens)::BIGINT AS output,
       sum(reasoning_tokens)::BIGINT AS reasoning, sum(cost_usd) AS cost_usd
FROM cost_by_model_daily GROUP BY ALL ORDER BY cost_usd DESC NULLS LAST, provider, model
"""
_UNPRICED = "SELECT provider, model, rate_note, calls FROM unpriced_models"
_NOBODY = "(nobody)"


def show(data_dir: Path, console: Console) -> None:
    """Print the tables of a lake: margin per customer and event, cost by model, what is unpriced, conservation."""
    customers = _rows(data_dir, _CUSTOMERS)
    console.print(_customers(customers))
    _explain(customers, console)
    events = _rows(data_dir, _EVENTS)
    console.print(_events(events))
    _explain(events, console)
    console.print(_models(_rows(data_dir, _MODELS)))
    console.print(_unpriced(_rows(data_dir, _UNPRICED)))
    money = conservation(data_dir)
    console.print(
        f"[bold]Every dollar once[/]: ${money.linked:f} borne by events + ${money.unclaimed:f} unclaimed = "
        f"${money.total:f} in all, {'exactly' if money.holds else '[red]which does not add up[/]'}."
    )


def show_questions(data_dir: Path, console: Console) -> None:
    """Print the SQL to ask next, ready to paste."""
    console.print(f"\n[bold]The lake stays in {data_dir}.[/] Ask it more:")
    for question, sql in QUESTIONS:
        command = f'{command_name()} sql "{sql}" --data {shlex.quote(str(data_dir))}'
        console.print(f"\n  [dim]# {question}[/]")
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False)


def command_name() -> str:
    """How to call marginlake in this shell: by name where it is on the path, else by the path it was called with."""
    called = Path(sys.argv[0])
    if shutil.which("marginlake") or called.name != "marginlake":
        return "marginlake"
    return shlex.quote(os.path.relpath(called) if called.is_absolute() else str(called))


def _customers(rows: list[dict[str, Any]]) -> Table:
    table = _table("Margin per customer", "Customer", "Events>", "Revenue>", "Cost>", "Margin>", "%>")
    for row in rows:
        table.add_row(row["name"] or f"[dim]{_NOBODY}[/]", _count(row["signals"]), *_earned(row))
    return table


def _events(rows: list[dict[str, Any]]) -> Table:
    table = _table("Margin per event", "Event", "Events>", "Revenue>", "Cost>", "Margin>", "%>", "Margin each>")
    product = None
    for row in rows:
        if row["product_id"] != product:
            product = row["product_id"]
            table.add_section()
            table.add_row(f"[bold]{product}[/]")
        margin: Decimal | None = row["margin_usd"]
        each = "" if margin is None else _margin(margin / row["signals"])
        table.add_row(f"  {row['name']}", _count(row["signals"]), *_earned(row), each)
    return table


def _models(rows: list[dict[str, Any]]) -> Table:
    table = _table("Cost by model", "Model", "Calls>", "Input>", "Cached>", "Output>", "Thought>", "Cost>")
    for row in rows:
        tokens = (_thousands(row[name]) for name in ("input", "cached", "output", "reasoning"))
        table.add_row(_model(row), _count(row["calls"]), *tokens, _money(row["cost_usd"]))
    return table


def _unpriced(rows: list[dict[str, Any]]) -> Table:
    table = _table("Unpriced: cost unknown, not zero", "Model", "Calls>", "Why")
    for row in rows:
        table.add_row(_model(row), _count(row["calls"]), row["rate_note"])
    return table


def _explain(rows: list[dict[str, Any]], console: Console) -> None:
    """Say below a table which margins are not known, and why."""
    reasons = (
        ("unpriced_calls", "calls without a known cost"),
        ("signals_without_revenue", "events without a price"),
        ("untraced_signals", "events whose cost is not traced"),
    )
    for row in rows:
        said = ", ".join(f"{_count(row[column])} {words}" for column, words in reasons if row[column])
        if said:
            console.print(f"  [yellow]unknown[/] for {row['name'] or _NOBODY}: {said}", highlight=False)
    console.print()


def _table(title: str, *columns: str) -> Table:
    """An empty table that fits 80 columns; a column whose name ends in `>` is set to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=box.SIMPLE_HEAD)
    table.pad_edge, table.padding = False, (0, 1, 0, 0)
    for column in columns:
        wraps = column == "Why"
        table.add_column(
            column.removesuffix(">"), justify="right" if column.endswith(">") else "left", no_wrap=not wraps
        )
    return table


def _rows(data_dir: Path, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = query(data_dir, sql).to_dicts()
    return rows


def _earned(row: dict[str, Any]) -> tuple[str, str, str, str]:
    """Revenue, cost, margin and margin percentage; no revenue where there was no event."""
    revenue = _money(row["revenue_usd"]) if row["signals"] else ""
    percent = "" if row["margin_pct"] is None else f"{row['margin_pct']:.1f}"
    return revenue, _money(row["cost_usd"]), _margin(row["margin_usd"]), percent


def _model(row: dict[str, Any]) -> str:
    """Provider and model; the price book's own names begin with their provider."""
    provider, model = row["provider"] or "?", row["model"] or "?"
    return model if model.startswith(f"{provider}/") else f"{provider}/{model}"


def _count(value: int) -> str:
    return f"{value:,}"


def _thousands(value: int | None) -> str:
    """Tokens in thousands; nothing for none."""
    return f"{value / 1000:,.0f}k" if value else ""


def _money(value: Decimal | None) -> str:
    return "[yellow]unknown[/]" if value is None else f"${value:,.4f}"


def _margin(value: Decimal | None) -> str:
    if value is None:
        return "[yellow]unknown[/]"
    return f"[red]-${-value:,.4f}[/]" if value < 0 else f"[green]${value:,.4f}[/]"
