"""What the demo prints at its end: margins, costs, what is unknown, and the questions to ask next. All of it is SQL."""

import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any

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
SELECT customer_id, signals, revenue_usd, cost_usd, margin_usd, margin_pct, margin_known_usd,
       unpriced_calls, signals_without_revenue, untraced_signals
FROM margin_by_customer ORDER BY revenue_usd DESC NULLS LAST, customer_id
"""
_EVENTS = """
SELECT product_id, event_name, signals, revenue_usd, cost_usd, margin_usd, margin_pct,
       unpriced_calls, signals_without_revenue, model_calls
FROM margin_by_event ORDER BY revenue_usd DESC NULLS LAST, event_name
"""
_MODELS = """
SELECT provider, model, sum(calls)::BIGINT AS calls, sum(input_tokens)::BIGINT AS input,
       sum(cache_read_tokens)::BIGINT AS cached, sum(output_tokens)::BIGINT AS output,
       sum(reasoning_tokens)::BIGINT AS reasoning, sum(cost_usd) AS cost_usd
FROM cost_by_model_daily GROUP BY ALL ORDER BY cost_usd DESC NULLS LAST, provider, model
"""
_UNPRICED = "SELECT provider, model, rate_note, calls, input_tokens, output_tokens FROM unpriced_models"


def show(data_dir: Path, console: Console) -> None:
    """Print the tables of a lake: margin per customer and event, cost by model, what is unpriced, conservation."""
    console.print(_customers(data_dir))
    console.print(_events(data_dir))
    console.print(_models(data_dir))
    console.print(_unpriced(data_dir))
    money = conservation(data_dir)
    console.print(
        f"[bold]Every dollar once[/]: {money.linked:f} borne by events + {money.unclaimed:f} unclaimed = "
        f"{money.total:f} in all, {'exactly' if money.holds else '[red]which does not add up[/]'}."
    )


def show_questions(data_dir: Path, console: Console) -> None:
    """Print the SQL to ask next, ready to paste."""
    console.print(f"\n[bold]The lake stays in {data_dir}.[/] Ask it more:")
    for question, sql in QUESTIONS:
        command = f'marginlake sql "{sql}" --data {shlex.quote(str(data_dir))}'
        console.print(f"\n  [dim]# {question}[/]")
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False)


def _customers(data_dir: Path) -> Table:
    table = _table("Margin per customer", "Customer", "Events>", "Revenue>", "Cost>", "Margin>", "%>", "Not known")
    for row in _rows(data_dir, _CUSTOMERS):
        table.add_row(
            row["customer_id"] or "[dim](nobody)[/]",
            _count(row["signals"]),
            _money(row["revenue_usd"]),
            _money(row["cost_usd"]),
            _margin(row["margin_usd"]),
            _percent(row["margin_pct"]),
            _unknown(row),
        )
    return table


def _events(data_dir: Path) -> Table:
    title = "Margin per event"
    table = _table(
        title,
        "Product",
        "Event",
        "Events>",
        "Calls>",
        "Revenue>",
        "Cost>",
        "Margin>",
        "%>",
        "Margin each>",
        "Not known",
    )
    for row in _rows(data_dir, _EVENTS):
        margin: Decimal | None = row["margin_usd"]
        table.add_row(
            row["product_id"],
            row["event_name"],
            _count(row["signals"]),
            _count(row["model_calls"]),
            _money(row["revenue_usd"]),
            _money(row["cost_usd"]),
            _margin(margin),
            _percent(row["margin_pct"]),
            _margin(None if margin is None else margin / row["signals"]),
            _unknown(row),
        )
    return table


def _models(data_dir: Path) -> Table:
    table = _table(
        "Cost by model", "Provider", "Model", "Calls>", "Input>", "of it cached>", "Output>", "of it thought>", "Cost>"
    )
    for row in _rows(data_dir, _MODELS):
        counts = (_count(row[name]) for name in ("calls", "input", "cached", "output", "reasoning"))
        table.add_row(row["provider"], row["model"], *counts, _money(row["cost_usd"]))
    return table


def _unpriced(data_dir: Path) -> Table:
    table = _table("Unpriced: cost unknown, not zero", "Provider", "Model", "Why", "Calls>", "Input>", "Output>")
    for row in _rows(data_dir, _UNPRICED):
        counts = (_count(row[name]) for name in ("calls", "input_tokens", "output_tokens"))
        table.add_row(row["provider"], row["model"], row["rate_note"], *counts)
    return table


def _table(title: str, *columns: str) -> Table:
    """An empty table; a column whose name ends in `>` is set to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left")
    return table


def _rows(data_dir: Path, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = query(data_dir, sql).to_dicts()
    return rows


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _money(value: Decimal | None) -> str:
    return "[yellow]unknown[/]" if value is None else f"${value:,.4f}"


def _margin(value: Decimal | None) -> str:
    if value is None:
        return "[yellow]unknown[/]"
    return f"[red]-${-value:,.4f}[/]" if value < 0 else f"[green]${value:,.4f}[/]"


def _percent(value: Decimal | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _unknown(row: dict[str, Any]) -> str:
    """Why a margin is not known, in words."""
    reasons = (
        ("unpriced_calls", "unpriced calls"),
        ("signals_without_revenue", "events without a price"),
        ("untraced_signals", "events not cost traced"),
    )
    return ", ".join(f"{row[column]} {words}" for column, words in reasons if row.get(column))
