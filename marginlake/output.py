"""Printing an answer: a table for people, CSV, JSON and Parquet for programs. Decimals are never turned into floats."""

import io
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import orjson
import polars as pl
from rich.console import Console
from rich.table import Table

MAX_TABLE_ROWS = 1000


def write_result(frame: pl.DataFrame, format: Literal["table", "csv", "json", "parquet"], out: Path | None) -> None:  # noqa: A002
    """Write a frame in a format to a file, or to standard output. JSON is one array of objects, money as text."""
    if format == "table":
        _write(_as_table(frame).encode(), out)
    elif format == "csv":
        _write(_as_text(frame).write_csv().encode(), out)
    elif format == "json":
        _write(_as_json(frame), out)
    else:
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        _write(buffer.getvalue(), out)


def _write(content: bytes, out: Path | None) -> None:
    if out is not None:
        out.write_bytes(content)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Times as ISO 8601 with their zone, nested values as JSON, so that CSV can carry them."""
    columns: list[pl.Expr | pl.Series] = []
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.Datetime):
            columns.append(pl.col(name).dt.to_string("iso:strict"))
        elif dtype.is_nested():
            columns.append(pl.Series(name, map(_nested, frame[name].to_list()), dtype=pl.String))
        elif dtype == pl.Binary:
            columns.append(pl.col(name).bin.encode("hex"))
    return frame.with_columns(columns)


def _as_json(frame: pl.DataFrame) -> bytes:
    rows = [orjson.dumps(row, default=_plain) for row in frame.iter_rows(named=True)]
    return b"[" + b",\n".join(rows) + b"]\n"


def _nested(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        text = format(value, "f")
        # A decimal without places is a whole number, such as DuckDB's sum of counts: that is exact in JSON as it is.
        return text if "." in text else orjson.Fragment(text)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _as_table(frame: pl.DataFrame) -> str:
    table = Table(show_edge=False, pad_edge=False)
    for name, dtype in frame.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left", overflow="fold")
    for row in frame.head(MAX_TABLE_ROWS).iter_rows():
        table.add_row(*(_cell(value) for value in row))
    wide = not sys.stdout.isatty()
    console = Console(file=io.StringIO(), width=400 if wide else None, no_color=True, highlight=False, markup=False)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    more = frame.height - MAX_TABLE_ROWS
    note = (
        f"({frame.height} rows"
        + (f", the first {MAX_TABLE_ROWS} shown; --format csv has all" if more > 0 else "")
        + ")"
    )
    return "\n".join(line.rstrip() for line in text.splitlines()) + f"\n{note}\n"


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=_plain).decode()
    return str(value)
