"""Shapes shared by the stages: table schemas without bookkeeping, and money as whole picodollars."""

from decimal import Decimal

import polars as pl

from lake.schema import TABLES

MONEY = pl.Decimal(18, 12)
MONEY_SUM = pl.Decimal(38, 12)
MONEY_PARTS = (
    "input_cost_usd",
    "cache_read_cost_usd",
    "cache_write_cost_usd",
    "output_cost_usd",
    "other_cost_usd",
)
SPAN_KEY = ("trace_id", "span_id")
IDENTITY = ("customer_id", "product_id", "cost_scope")

_PICODOLLAR = Decimal("0.000000000001")


def schema_of(table: str) -> pl.Schema:
    """Columns of a table of the lake in table order, without those that only say when we did something."""
    definition = TABLES[table]
    return pl.Schema(
        {name: dtype for name, dtype in definition.polars_schema.items() if name not in definition.bookkeeping}
    )


COSTS = schema_of("costs")
COST_LINKS = schema_of("cost_links")
EVENT_MARGINS = schema_of("event_margins")


def to_pico(money: pl.Expr) -> pl.Expr:
    """US dollars (Decimal) as whole picodollars (Int128), exactly."""
    return money.cast(MONEY_SUM).to_physical()


def from_pico(picodollars: pl.Expr) -> pl.Expr:
    """Whole picodollars (any integer) as US dollars, Decimal(38, 12), exactly."""
    return (picodollars.cast(pl.Decimal(38, 0)) * pl.lit(_PICODOLLAR)).cast(MONEY_SUM)


def int128(value: int) -> pl.Expr:
    """A whole number as a 128-bit literal, so that arithmetic with it cannot overflow 64 bits."""
    return pl.lit(value, dtype=pl.Int128)


def divide_half_even(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Integer quotient rounded half to even; Int128 in, Int128 out; the denominator must be positive."""
    quotient = numerator // denominator
    twice = (numerator % denominator) * int128(2)
    odd = (quotient % int128(2)) == int128(1)
    up = (twice > denominator) | ((twice == denominator) & odd)
    return quotient + up.cast(pl.Int128)


def conform(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The columns of `schema`, in its order and types. Raises if one is missing or a value does not fit."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
