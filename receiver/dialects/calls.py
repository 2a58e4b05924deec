"""Turn a spans frame into the calls frame: each span goes to the first dialect that recognises it."""

from collections.abc import Sequence

import polars as pl

from receiver.dialects.counts import with_counts
from receiver.dialects.dialect import Dialect
from receiver.dialects.payload import unquoted
from receiver.dialects.providers import settle_provider
from receiver.dialects.roles import canonical_operation
from receiver.dialects.schema import CALL_SCHEMA, READING_SCHEMA
from receiver.dialects.usage import BY_AMOUNT, settle_usage

LONGEST_SECONDS = 86_400
"""No call takes longer than a day."""

_SPAN_COLUMNS = ("trace_id", "span_id", "parent_span_id", "start_time", "duration_ns", "scope_name", "status")


def calls_of(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """One ``CALL_SCHEMA`` row per span that looks like a model call, in span order.

    A span that carries neither a model nor usage, and whose dialect does not call it a model call, makes no row. An
    aggregate without model and usage makes none either.
    """
    readings = read_spans(spans, dialects)
    if readings.is_empty():
        return pl.DataFrame(schema=CALL_SCHEMA)
    cleaned = readings.with_columns(
        [_cleaned(name) for name in ("request_model", "response_model", "response_id")]
        + [canonical_operation(pl.col("operation")).alias("operation"), _tier().alias("service_tier")]
    )
    return _as_calls(settle_usage(settle_provider(cleaned)))


def read_spans(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """Spans with their dialect's reading beside them; spans of no dialect are left out. In span order."""
    counts = frozenset[str]().union(*(dialect.counts for dialect in dialects))
    frame = with_counts(spans.rechunk(), counts)
    claim = pl.coalesce([pl.when(d.detect(frame)).then(pl.lit(i, dtype=pl.Int16)) for i, d in enumerate(dialects)])
    numbered = frame.with_row_index("_row").with_columns(_dialect=claim)
    seen = numbered["_dialect"].drop_nulls().unique().sort().to_list()
    parts = [_read(numbered, index, dialects[index]) for index in seen]
    if not parts:
        return pl.DataFrame(schema={"dialect": pl.String(), **READING_SCHEMA})
    return pl.concat(parts, rechunk=True).sort("_row").drop("_row")


def _read(numbered: pl.DataFrame, index: int, dialect: Dialect) -> pl.DataFrame:
    """The reading of the spans that fell to one dialect."""
    wide = [name for name in numbered.columns if name in dialect.columns]
    mine = numbered.select("_row", "_dialect", "name", *_SPAN_COLUMNS, *wide).filter(pl.col("_dialect") == index)
    rows = dialect.prepare(mine)
    reading = dialect.read(rows)
    fields = [
        reading.get(name, pl.lit(None)).cast(dtype, strict=False).alias(name) for name, dtype in READING_SCHEMA.items()
    ]
    known = pl.any_horizontal(
        [
            pl.col(name).is_not_null()
            for name in ("request_model", "response_model", "input", "output", "requests", *BY_AMOUNT)
        ]
    )
    counted = known | (pl.col("marker").fill_null(value=False) & (pl.col("role") == "call"))
    return rows.select("_row", *_SPAN_COLUMNS, pl.lit(dialect.name).alias("dialect"), *fields).filter(counted)


def _as_calls(readings: pl.DataFrame) -> pl.DataFrame:
    failed = (pl.col("status") == "error") | (pl.col("error").is_not_null() & (pl.col("usage_source") == "missing"))
    cost = pl.col("reported_cost").cast(pl.Decimal(18, 12), strict=False)
    took = pl.col("took").fill_nan(None)
    took = pl.when(took.is_between(0, LONGEST_SECONDS)).then((took * 1e9).cast(pl.Int64))
    ready = readings.with_columns(
        occurred_at=pl.col("start_time") - pl.duration(nanoseconds=took.fill_null(0)),
        duration_ns=pl.coalesce(took, "duration_ns"),
        failed=failed.fill_null(value=False),
        reported_cost_usd=pl.when(cost > 0).then(cost),
        batch=pl.when(pl.col("batch").is_not_null())
        .then(pl.col("batch"))
        .when(pl.col("service_tier") == "batch")
        .then(pl.lit(value=True)),
    )
    return ready.select([pl.col(name).cast(dtype) for name, dtype in CALL_SCHEMA.items()])


def _cleaned(name: str) -> pl.Expr:
    text = unquoted(pl.col(name))
    return pl.when(text.str.len_bytes() > 0).then(text).alias(name)


def _tier() -> pl.Expr:
    tier = unquoted(pl.col("service_tier")).str.to_lowercase()
    return pl.when((tier.str.len_bytes() > 0) & ~tier.is_in(("auto", "none", "null", "not_available"))).then(tier)
