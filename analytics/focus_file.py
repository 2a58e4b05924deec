"""A FOCUS dataset as one file, written piece by piece."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow.parquet as pq

from analytics.focus_columns import SCHEMA

FocusFormat = Literal["csv", "parquet"]


@dataclass(frozen=True)
class Written:
    """How many rows a file has, and the sum of their BilledCost."""

    rows: int
    billed: Decimal


def write_focus(pieces: Iterable[pl.DataFrame], file: Path, format: FocusFormat) -> Written:  # noqa: A002
    """Write the pieces (`SCHEMA`) into a new file. In CSV, NULL is an empty field and times end in Z."""
    return _csv(pieces, file) if format == "csv" else _parquet(pieces, file)


def _csv(pieces: Iterable[pl.DataFrame], file: Path) -> Written:
    rows, billed = 0, Decimal(0)
    times = [pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name, kind in SCHEMA.items() if kind == pl.Datetime]
    with file.open("wb") as stream:
        SCHEMA.to_frame().write_csv(stream)
        for piece in pieces:
            piece.with_columns(times).write_csv(stream, include_header=False)
            rows, billed = rows + piece.height, billed + _sum(piece)
    return Written(rows, billed)


def _parquet(pieces: Iterable[pl.DataFrame], file: Path) -> Written:
    rows, billed = 0, Decimal(0)
    schema = SCHEMA.to_frame().to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in pieces:
            writer.write_table(piece.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema))
            rows, billed = rows + piece.height, billed + _sum(piece)
    return Written(rows, billed)


def _sum(piece: pl.DataFrame) -> Decimal:
    return Decimal(piece["BilledCost"].sum() or 0)
