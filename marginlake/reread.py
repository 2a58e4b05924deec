"""Spans that the lake holds but that the present rules read otherwise: what an import of the archive may put right.

Only what nobody had understood, and what the operator's own dialects decide, is read again. What a built-in dialect
read stays as it is, so that an import never rewrites history on its own account.
"""

import polars as pl

from analytics.frames import SPAN_KEY
from lake.commit import Transaction
from lake.schema import TABLES
from marginlake.pipeline import Prepared
from receiver.dialects import CALL_SCHEMA, DIALECTS

_VERSION = [*SPAN_KEY, "content_hash"]
_READ = [name for name in CALL_SCHEMA if name in TABLES["costs"].column_names and name not in SPAN_KEY]
_BUILT_IN = [dialect.name for dialect in DIALECTS]


def read_otherwise(tx: Transaction, prepared: Prepared) -> pl.DataFrame:
    """SPAN_KEY of stored spans that the batch holds in the same version, and reads otherwise than the lake has them.

    Looked at are spans without a dialect that has become a call, spans in `unmapped_calls`, and spans that a dialect of
    the operator's own read then or reads now.
    """
    keys = prepared.spans.select(SPAN_KEY).unique()
    stored = tx.semi("spans", [*_VERSION, "dialect"], keys, SPAN_KEY)
    if stored.is_empty():
        return stored.select(SPAN_KEY)
    calls = prepared.calls.unique(_VERSION, keep="first", maintain_order=True)
    now = calls.select(*_VERSION, now=pl.col("dialect"))
    doubted = tx.semi("unmapped_calls", SPAN_KEY, keys, SPAN_KEY).unique().with_columns(doubted=pl.lit(value=True))
    same = (
        stored.join(prepared.spans.select(_VERSION).unique(), on=_VERSION, how="semi")
        .join(now, on=_VERSION, how="left")
        .join(doubted, on=SPAN_KEY, how="left")
    )
    own = pl.any_horizontal([(~pl.col(name).is_in(_BUILT_IN)).fill_null(value=False) for name in ("dialect", "now")])
    understood = pl.col("dialect").is_null() & pl.col("now").is_not_null()
    open_to_change = same.filter(understood | own | pl.col("doubted").fill_null(value=False)).select(_VERSION)
    before = tx.semi("costs", [*SPAN_KEY, *_READ], open_to_change.select(SPAN_KEY), SPAN_KEY)
    after = calls.join(open_to_change, on=_VERSION, how="semi").select(before.columns)
    changed = [one.join(other, on=one.columns, how="anti", nulls_equal=True) for one, other in _both(before, after)]
    questions = _questions(tx, prepared, open_to_change)
    return pl.concat([rows.select(SPAN_KEY) for rows in (*changed, *questions)]).unique()


def _questions(tx: Transaction, prepared: Prepared, versions: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows of `unmapped_calls` that come or go."""
    columns = TABLES["unmapped_calls"].column_names
    before = tx.semi("unmapped_calls", columns, versions.select(SPAN_KEY), SPAN_KEY)
    after = prepared.unmapped.join(versions, on=_VERSION, how="semi").unique(_VERSION).select(columns)
    return [one.join(other, on=columns, how="anti", nulls_equal=True) for one, other in _both(before, after)]


def _both(before: pl.DataFrame, after: pl.DataFrame) -> tuple[tuple[pl.DataFrame, pl.DataFrame], ...]:
    return (before, after), (after, before)
