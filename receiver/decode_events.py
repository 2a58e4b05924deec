"""Rows of ``Decoded.events``: the span events whose name is wanted and those that are signals."""

from typing import Any, Final

import orjson
import polars as pl

from receiver.decode_values import json_object, text_value
from receiver.decode_view import SpanView
from receiver.frames import EVENT_SCHEMA, UTC_MICROS, Wanted
from receiver.redact import Disposition, disposition
from receiver.span_rules import EARLIEST_START_NS

SIGNAL_EVENT_KEY: Final = "marginlake.signal.event_name"
"""A span event that carries this attribute is a row whatever its name."""

_RAW: Final = {**EVENT_SCHEMA, "time": pl.Int64(), "attributes": pl.Binary()}
_EMPTY: Final = pl.DataFrame(schema=EVENT_SCHEMA)


class EventRows:
    """Growing rows of one batch, and their wide columns."""

    def __init__(self, wanted: Wanted, *, capture_content: bool) -> None:
        self._wanted = wanted
        self._capture_content = capture_content
        self._rows: list[tuple[object, ...]] = []
        self._wide: dict[str, list[str | None]] = {}
        self.payloads: list[int] = []
        """By row: the place of the payload among those given."""

    def add(self, spans: list[SpanView], hashes: list[int], payload: int) -> None:
        """Take the events of accepted spans of a payload, given with the content hash of each."""
        for span, content_hash in zip(spans, hashes, strict=True):
            if span.events:
                for position, event in enumerate(span.events):
                    if self._is_wanted(event):
                        self.add_event((span.trace_id, span.span_id), position, event, content_hash, payload)

    def _is_wanted(self, event: Any) -> bool:
        return event.name in self._wanted.event_names or any(pair.key == SIGNAL_EVENT_KEY for pair in event.attributes)

    def add_event(self, ids: tuple[bytes, bytes], position: int, event: Any, content_hash: int, payload: int) -> None:
        """Take an event that is wanted; ``position`` is its place among the events of its span."""
        trace_id, span_id = ids
        row = len(self._rows)
        self.payloads.append(payload)
        stored = json_object(event.attributes, capture_content=self._capture_content)
        time_ns = event.time_unix_nano
        self._rows.append(
            (
                trace_id.hex(),
                span_id.hex(),
                position,
                event.name,
                time_ns // 1000 if time_ns >= EARLIEST_START_NS else None,
                orjson.dumps(stored),
                content_hash,
            )
        )
        for pair in event.attributes:
            key = pair.key
            if key in self._wanted.span_keys and disposition(key) is not Disposition.SECRET:
                cells = self._wide.setdefault(key, [])
                cells.extend([None] * (row + 1 - len(cells)))
                cells[row] = text_value(pair.value)

    def frame(self) -> pl.DataFrame:
        """All rows; columns ``EVENT_SCHEMA`` and one ``@KEY`` for each wanted key that has a value."""
        if not self._rows:
            return _EMPTY.clone()
        frame = pl.DataFrame(self._rows, schema=_RAW, orient="row")
        return frame.with_columns(pl.col("time").cast(UTC_MICROS), pl.col("attributes").cast(pl.String)).with_columns(
            pl.Series(f"@{key}", cells + [None] * (frame.height - len(cells)), dtype=pl.String)
            for key, cells in sorted(self._wide.items())
            if any(cell is not None for cell in cells)
        )
