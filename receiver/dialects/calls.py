"""Turn a spans frame into the calls frame: each span goes to the first dialect that recognises it."""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class CallsRead:
    """Calls (``CALL_SCHEMA``, in span order), and the spans that may be calls which were not, or not wholly, read.

    doubtful: ``_row`` (place in the spans frame), ``dialect`` (null: none recognised the span) and ``is_call`` (whether
    it makes a row of ``calls``, but one without usage). Aggregates and what a dialect knows to be no call are left out.
    """

    calls: pl.DataFrame
    doubtful: pl.DataFrame


def calls_of(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """One ``CALL_SCHEMA`` row per span that looks like a model call, in span order.

    A span that carries neither a model nor usage, and whose dialect does not call it a model call, makes no row. An
    aggregate without model and usage makes none either.
    """
    return read_calls(spans, dialects).calls


def read_calls(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> CallsRead:
    """``calls_of``, and which spans leave a doubt."""
    claimed = _claimed(spans, dialects)
    readings = _read_spans(claimed, dialects)
    told = readings.filter("_told")
    calls = _settled(told) if told.height else pl.DataFrame(schema=CALL_SCHEMA)
    silent = readings.filter(~pl.col("_told") & (pl.col("role") == "call"))
    uncounted = told.filter(calls["usage_source"] == "missing")
    unclaimed = claimed.filter(pl.col("_dialect").is_null())
    doubtful = [
        part.select("_row", dialect, pl.lit(is_call).alias("is_call"))
        for part, dialect, is_call in (
            (unclaimed, pl.lit(None, pl.String).alias("dialect"), False),
            (silent, pl.col("dialect"), False),
            (uncounted, pl.col("dialect"), True),
        )
    ]
    return CallsRead(calls, pl.concat(doubtful))


def _claimed(spans: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """Spans with counts as integers, their place (``_row``) and the number of the first dialect that knows them."""
    counts = frozenset[str]().union(*(dialect.counts for dialect in dialects))
    frame = with_counts(spans.rechunk(), counts)
    claim = pl.coalesce([pl.when(d.detect(frame)).then(pl.lit(i, dtype=pl.Int16)) for i, d in enumerate(dialects)])
    return frame.with_row_index("_row").with_columns(_dialect=claim)


def _read_spans(claimed: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """Spans with their dialect's reading beside them; spans of no dialect are left out. In span order."""
    seen = claimed["_dialect"].drop_nulls().unique().sort().to_list()
    parts = [_read(claimed, index, dialects[index]) for index in seen]
    if not parts:
        columns = {"_row": pl.UInt32(), "dialect": pl.String(), **READING_SCHEMA, "_told": pl.Boolean()}
        return pl.DataFrame(schema=columns)
    return pl.concat(parts, rechunk=True).sort("_row")


def _read(claimed: pl.DataFrame, index: int, dialect: Dialect) -> pl.DataFrame:
    """The reading of the spans that fell to one dialect; ``_told``: whether it makes a row."""
    wide = [name for name in claimed.columns if name in dialect.columns]
    mine = claimed.select("_row", "_dialect", "name", *_SPAN_COLUMNS, *wide).filter(pl.col("_dialect") == index)
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
    told = known | (pl.col("marker").fill_null(value=False) & (pl.col("role") == "call"))
    return rows.select("_row", *_SPAN_COLUMNS, pl.lit(dialect.name).alias("dialect"), *fields).with_columns(
        _told=told.fill_null(value=False)
    )


def _settled(readings: pl.DataFrame) -> pl.DataFrame:
    """Readings as calls, by the rules that all dialects share."""
    cleaned = readings.with_columns(
        [_cleaned(name) for name in ("request_model", "response_model", "response_id")]
        + [canonical_operation(pl.col("operation")).alias("operation"), _tier().alias("service_tier")]
    )
    return _as_calls(settle_usage(settle_provider(cleaned)))


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
