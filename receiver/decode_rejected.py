"""Rows of ``Decoded.rejected``: payloads and spans that are refused, and why."""

from collections.abc import Iterable
from typing import Final

import polars as pl
from xxhash import xxh3_64_intdigest

from receiver.decode_view import SpanView
from receiver.frames import REJECTED_SCHEMA, UTC_MICROS
from receiver.span_rules import REASONS, refusal

_RAW: Final = {**REJECTED_SCHEMA, "received_at": pl.Int64()}
_EMPTY: Final = pl.DataFrame(schema=REJECTED_SCHEMA)


class RejectedRows:
    """Growing rows of one batch."""

    def __init__(self) -> None:
        self._rows: list[tuple[object, ...]] = []

    def add_payload(self, detail: str, payload: bytes, received_ns: int, index: int) -> None:
        """Record a payload that is no OTLP request; ``index`` is its place among the payloads given."""
        fingerprint = xxh3_64_intdigest(payload)
        self._rows.append((None, None, "malformed_payload", detail, received_ns // 1000, fingerprint, index))

    def add_spans(self, spans: Iterable[tuple[SpanView, int]], received_ns: int, index: int) -> None:
        """Record spans, given with their content hash, whose ids are invalid."""
        for span, content_hash in spans:
            reason = refusal(span.trace_id, span.span_id, span.parent_span_id)
            assert reason is not None
            trace_id, span_id = span.trace_id.hex() or None, span.span_id.hex() or None
            detail = f"{REASONS[reason]} (span {span.name!r})"
            self._rows.append((trace_id, span_id, reason, detail, received_ns // 1000, content_hash, index))

    def frame(self) -> pl.DataFrame:
        """All rows; columns ``REJECTED_SCHEMA``."""
        if not self._rows:
            return _EMPTY.clone()
        frame = pl.DataFrame(self._rows, schema=_RAW, orient="row")
        return frame.with_columns(pl.col("received_at").cast(UTC_MICROS))
