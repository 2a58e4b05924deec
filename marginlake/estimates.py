"""Token estimates where the text is: on the wire as spans come in, or in the lake when prompts are kept there."""

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from marginlake.catalogs import TrustReported
from pricing_tables.estimates import SILENT, estimate
from pricing_tables.tokens import Tokenizers
from receiver.content import with_content
from receiver.dialects.texts import read_texts

_KEY = ["trace_id", "span_id"]
_VERSION = [*_KEY, "content_hash"]
_NO_EVENTS = pl.DataFrame(
    schema={
        "trace_id": pl.String, "span_id": pl.String, "content_hash": pl.UInt64, "name": pl.String,
        "attributes": pl.String,
    }
)  # fmt: skip


class Spans(Protocol):
    """What reads stored spans by their keys, such as a `lake.commit.Transaction`."""

    def semi(self, table: str, columns: Sequence[str], keys: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
        """Rows of a table whose `on` columns equal a row of `keys`."""
        ...


def estimate_arriving(
    calls: pl.DataFrame,
    spans: pl.DataFrame,
    payloads: Sequence[tuple[bytes, int]],
    tokenizers: Tokenizers,
    trust_reported: TrustReported,
) -> pl.DataFrame:
    """Calls of decoded spans, those that report no usage estimated from the text in their payloads.

    calls: CALL_SCHEMA and content_hash. spans: what `decode_traces` made of `payloads`. Nothing of the text is kept. A
    sender's own cost is worth more than an estimate, unless it is never trusted.
    """
    silent = _silent(calls, trust_reported)
    if silent.is_empty():
        return calls
    places = spans.select(*_VERSION, "payload_index").join(silent, on=_VERSION, how="semi")
    decoded = with_content(payloads, places)
    texts = decoded.spans.select(*_VERSION, "attributes").unique(_VERSION, keep="first")
    rows = silent.join(texts, on=_VERSION, how="left", maintain_order="left")
    return estimate(calls, read_texts(rows, decoded.events), tokenizers)


def estimate_stored(
    lake: Spans, calls: pl.DataFrame, tokenizers: Tokenizers, trust_reported: TrustReported = "fallback"
) -> pl.DataFrame:
    """Calls read back from the lake, those that report no usage estimated from the text in `spans.attributes`.

    calls: CALL_SCHEMA, more columns are kept. Text is there when `capture_content` was on as the span came in; texts in
    span events never are. The same rows in the same order.
    """
    silent = _silent(calls, trust_reported)
    if silent.is_empty():
        return calls
    stored = lake.semi("spans", [*_VERSION, "attributes"], silent.select(_KEY).unique(), _KEY)
    rows = silent.select("row", *_KEY).join(stored, on=_KEY, how="left", maintain_order="left")
    return estimate(calls, read_texts(rows, _NO_EVENTS), tokenizers)


def _silent(calls: pl.DataFrame, trust_reported: TrustReported) -> pl.DataFrame:
    """row, and the span's key, of the calls to estimate."""
    unpaid = pl.lit(value=True) if trust_reported == "never" else pl.col("reported_cost_usd").is_null()
    key = [name for name in _VERSION if name in calls.columns]
    return calls.with_row_index("row").filter(SILENT & unpaid).select("row", *key)
