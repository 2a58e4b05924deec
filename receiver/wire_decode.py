"""Batches of OTLP payloads into frames by way of the compiled scanner: what it reads, and what is left to messages."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from receiver.decode_columns import KINDS, STATUSES, times, words_of
from receiver.decode_events import EventRows
from receiver.decode_messages import decode_with_places
from receiver.decode_rejected import RejectedRows
from receiver.frames import EVENT_SCHEMA, SPAN_SCHEMA, UTC_MICROS, Decoded, Wanted
from receiver.wire_columns import Columns
from receiver.wire_emit import emit, measure, settle
from receiver.wire_keys import Keys
from receiver.wire_layout import (
    ATTRIBUTE_WORDS,
    ATTRIBUTES,
    CLOCKS,
    CONTENT_HASH,
    DOUBLE_WORDS,
    DOUBLES,
    END,
    EVENT_WORDS,
    EVENTS,
    FIRST_SPAN,
    FIRST_WIDE,
    FULL,
    ID_AT,
    ID_COLUMN,
    JSON_COLUMN,
    KIND,
    MESSAGE_COLUMN,
    NAME_COLUMN,
    NEXT_PAYLOAD,
    ODD_VALUES,
    ODD_WORDS,
    OF_PAYLOAD,
    OF_SCOPE,
    PARENT_COLUMN,
    PAYLOADS,
    RESOURCE_AT,
    RESOURCE_SIZE,
    SCOPE_AT,
    SCOPE_SIZE,
    SCOPE_WORDS,
    SCOPES,
    SCRATCH,
    SPAN_WORDS,
    SPANS,
    START,
    STATE,
    STATUS,
    TAIL_AT,
    TAIL_SIZE,
    TRACE_AT,
    TRACE_COLUMN,
    TRACE_STATE_COLUMN,
)
from receiver.wire_odd import Origin, read_odd_values, read_resource, read_scope, write_doubles
from receiver.wire_scan import scan
from receiver.wire_tables import Context, address_of

_Payloads = Sequence[tuple[bytes, int]]

_MOST_BYTES: Final = 256 << 20
"""Of the payloads of one scan; in JSON they may become six times as large, and columns have 31 bits for it."""

_KEPT_WORDS: Final = 8 << 20
"""Of a table, for the next batch."""

_GROWING: Final = (SCOPES, SPANS, ATTRIBUTES, DOUBLES, ODD_VALUES, EVENTS)

_IDLE: Final[dict[tuple[Wanted, bool], "Scanner"]] = {}
_MOST_IDLE: Final = 4


def scan_payloads(payloads: _Payloads, wanted: Wanted, *, capture_content: bool = False) -> Decoded:
    """What ``decode_traces`` says, with as little Python as can be."""
    with _scanner(wanted, capture_content=capture_content) as scanner:
        return scanner.decode(payloads)


def warm_up() -> None:
    """Compile everything, or load what was compiled before."""
    scan_payloads([], Wanted())


@contextmanager
def _scanner(wanted: Wanted, *, capture_content: bool) -> Iterator["Scanner"]:
    """A scanner for one call; two calls at a time have different ones."""
    scanner = _IDLE.pop((wanted, capture_content), None)
    if scanner is None:
        scanner = Scanner(wanted, capture_content=capture_content)
    yield scanner  # not put back after an error
    if len(_IDLE) >= _MOST_IDLE:
        _IDLE.clear()
    _IDLE[wanted, capture_content] = scanner


class _Part(NamedTuple):
    """What some payloads hold; by event the place of its payload among them."""

    decoded: Decoded
    event_places: list[int]


class Scanner:
    """Decodes batches, one at a time. ``left_to_messages``: how many payloads so far were nothing for it."""

    def __init__(self, wanted: Wanted, *, capture_content: bool) -> None:
        self._wanted = wanted
        self._columns = sorted(wanted.span_keys)
        self._capture_content = capture_content
        self._context = Context()
        self._keys = Keys(self._context, wanted, capture_content=capture_content)
        self.left_to_messages = 0

    def decode(self, payloads: _Payloads) -> Decoded:
        """Decode a batch."""
        part = self._decode(payloads)
        self._keys.forget_if_many()
        self._context.shrink(_GROWING, _KEPT_WORDS)
        return part.decoded

    def _decode(self, payloads: _Payloads) -> "_Part":
        """Decode a batch, in pieces when it is very large."""
        size = sum(len(payload) for payload, _ in payloads)
        scanned = self._scan(payloads, set()) if size <= _MOST_BYTES else None
        if scanned is None:
            return self._in_halves(payloads)
        part, left = scanned
        self.left_to_messages += len(left)
        if not left:
            return part
        others = self._by_message([payloads[place] for place in left])
        return others if len(left) == len(payloads) else _merged(part, _renumbered(others, left))

    def _in_halves(self, payloads: _Payloads) -> "_Part":
        if len(payloads) == 1:
            return self._by_message(payloads)
        middle = len(payloads) // 2
        first, second = self._decode(payloads[:middle]), self._decode(payloads[middle:])
        return _merged(first, _renumbered(second, range(middle, len(payloads))))

    def _by_message(self, payloads: _Payloads) -> "_Part":
        return _Part(*decode_with_places(payloads, self._wanted, capture_content=self._capture_content))

    def _scan(self, payloads: _Payloads, left: set[int]) -> tuple["_Part", list[int]] | None:
        """Frames of the payloads the scanner can read, and which others there are; None when they are too many.

        ``left``: payloads of which it is known that it cannot.
        """
        context = self._context
        self._find_spans(payloads, left)
        self._keys.learn()
        while settle(context.address) == FULL:
            context.grow()
        bad = read_odd_values(context, self._keys.rules, capture_content=self._capture_content)
        origins, scopes = self._origins(bad)
        if bad:  # what was read is taken back: a payload counts as a whole or not at all
            context.let_go()
            return self._scan(payloads, left | bad)
        write_doubles(context)
        left_out = np.flatnonzero(context.rows(PAYLOADS)[:, STATE]).tolist()
        spans = self._frame(payloads, origins, scopes)
        events = self._events()
        context.let_go()
        if spans is None:
            return None
        return _Part(Decoded(spans, events.frame(), RejectedRows().frame()), events.payloads), left_out

    def _find_spans(self, payloads: _Payloads, left: set[int]) -> None:
        """The first pass, with as much room as it takes."""
        context = self._context
        sizes = np.fromiter((len(payload) for payload, _ in payloads), np.int64, len(payloads))
        starts = np.fromiter((address_of(payload) for payload, _ in payloads), np.int64, len(payloads))
        known_bad = np.zeros(len(payloads), dtype=np.int64)
        known_bad[list(left)] = 1
        context.fill(PAYLOADS, np.stack((starts, sizes, known_bad), axis=1))
        total = int(sizes.sum())
        context.table(SCOPES, SCOPE_WORDS, 2 * len(payloads) + 16)
        context.table(SPANS, SPAN_WORDS, total // 500 + 64)
        context.table(ATTRIBUTES, ATTRIBUTE_WORDS, total // 50 + 256)
        context.table(DOUBLES, DOUBLE_WORDS, total // 1000 + 64)
        context.table(ODD_VALUES, ODD_WORDS, 256)
        context.table(EVENTS, EVENT_WORDS, 256)
        scratch = np.empty(6 * int(sizes.max(initial=0)) + 64, dtype=np.uint8)
        context.words[[NEXT_PAYLOAD, SCRATCH, CLOCKS]] = 0, context.hold(scratch), 0
        while scan(context.address) == FULL:
            context.grow()

    def _origins(self, bad: set[int]) -> tuple[list[Origin], list[tuple[str | None, str | None]]]:
        """What resources and scopes say, by row of ``SCOPES``; adds to ``bad`` the payloads of malformed ones."""
        rows = self._context.rows(SCOPES)
        resources: dict[bytes, Origin | None] = {}
        names: dict[bytes, tuple[str | None, str | None] | None] = {}
        origins: list[Origin] = []
        scopes: list[tuple[str | None, str | None]] = []
        for payload, resource_at, resource_size, scope_at, scope_size in rows[
            :, [OF_PAYLOAD, RESOURCE_AT, RESOURCE_SIZE, SCOPE_AT, SCOPE_SIZE]
        ].tolist():
            raw = ctypes.string_at(resource_at, resource_size) if resource_size else b""
            if raw not in resources:
                wanted = self._wanted.resource_keys
                resources[raw] = read_resource(raw, wanted, capture_content=self._capture_content)
            origin = resources[raw]
            raw = ctypes.string_at(scope_at, scope_size) if scope_size else b""
            if raw not in names:
                names[raw] = read_scope(raw)
            scope = names[raw]
            if origin is None or scope is None:
                bad.add(payload)
                continue
            origins.append(origin)
            scopes.append(scope)
        if not bad:
            tails = {origin.tail: 0 for origin in origins}
            places = self._context.texts(list(tails))
            numbers = {tail: number for number, tail in enumerate(tails)}
            of_scope = np.fromiter((numbers[origin.tail] for origin in origins), np.int64, len(origins))
            rows[:, [TAIL_AT, TAIL_SIZE]] = places[of_scope].reshape(-1, 2)
        return origins, scopes

    def _frame(
        self, payloads: _Payloads, origins: list[Origin], scopes: list[tuple[str | None, str | None]]
    ) -> pl.DataFrame | None:
        """The second pass; None when a column would be too large. What is kept is copied: tables are used again."""
        context = self._context
        rows = context.rows(SPANS)
        height = len(rows)
        per_scope = np.diff(context.rows(SCOPES)[:, FIRST_SPAN], append=height)
        places = context.rows(SCOPES)[:, OF_PAYLOAD]
        received = np.fromiter((at for _, at in payloads), np.int64, len(payloads))[places].repeat(per_scope)
        start_us, duration_ns, clocks = times(
            rows[:, START].copy().view(np.uint64),
            rows[:, END].copy().view(np.uint64),
            received,
        )
        if clocks:
            table = np.zeros((height, 2), dtype=np.int64)
            table[list(clocks)] = context.texts(list(clocks.values()))
            context.words[CLOCKS] = context.hold(table)
        columns = Columns(context, FIRST_WIDE + len(self._columns))
        measure(context.address)
        for number, size in ((TRACE_COLUMN, 32 * height), (ID_COLUMN, 16 * height), (PARENT_COLUMN, 16 * height)):
            columns.room_for(number, size)
        for number in (NAME_COLUMN, MESSAGE_COLUMN, TRACE_STATE_COLUMN, JSON_COLUMN):
            columns.always(number)
        if columns.too_large():
            return None
        used = columns.allocate(height)
        emit(context.address)
        of_scope = pl.Series(np.arange(len(origins), dtype=np.uint32).repeat(per_scope))

        def shared(name: str, values: list[str | None]) -> pl.Series:
            return pl.Series(name, values, dtype=pl.String)[of_scope]

        seen = [origin for origin, spans in zip(origins, per_scope.tolist(), strict=True) if spans]
        resource_keys = sorted({key for origin in seen for key in origin.text})
        return pl.DataFrame(
            [
                columns.series(TRACE_COLUMN, "trace_id", complete=True),
                columns.series(ID_COLUMN, "span_id", complete=True),
                columns.series(PARENT_COLUMN, "parent_span_id"),
                columns.series(NAME_COLUMN, "name", complete=True),
                words_of("kind", rows[:, KIND], KINDS),
                pl.Series("start_time", start_us).cast(UTC_MICROS),
                pl.Series("duration_ns", duration_ns),
                words_of("status", rows[:, STATUS], STATUSES),
                columns.series(MESSAGE_COLUMN, "status_message"),
                shared("service_name", [origin.service_name for origin in origins]),
                shared("scope_name", [name for name, _ in scopes]),
                shared("scope_version", [version for _, version in scopes]),
                columns.series(TRACE_STATE_COLUMN, "trace_state"),
                columns.series(JSON_COLUMN, "attributes", complete=True),
                pl.Series("content_hash", rows[:, CONTENT_HASH].copy().view(np.uint64)),
                pl.Series("received_at", received // 1000).cast(UTC_MICROS),
                pl.Series("payload_index", places.astype(np.uint32).repeat(per_scope)),
                *(shared(f"@r:{key}", [origin.text.get(key) for origin in origins]) for key in resource_keys),
                *self._wide(columns, [number for number in used if number >= FIRST_WIDE]),
            ]
        )

    def _wide(self, columns: Columns, used: list[int]) -> Iterator[pl.Series]:
        """The wide columns, without those whose only texts were overruled by a repeated key."""
        for number in used:
            series = columns.series(number, f"@{self._columns[number - FIRST_WIDE]}")
            if series.null_count() < len(series):
                yield series

    def _events(self) -> EventRows:
        """The events that are wanted."""
        spans, scopes = self._context.rows(SPANS), self._context.rows(SCOPES)
        events = EventRows(self._wanted, capture_content=self._capture_content)
        for span, position, at, size in self._context.rows(EVENTS).tolist():
            trace_at, id_at, digest, scope = spans[span, [TRACE_AT, ID_AT, CONTENT_HASH, OF_SCOPE]].tolist()
            events.add_event(
                (ctypes.string_at(trace_at, 16), ctypes.string_at(id_at, 8)),
                position,
                Span.Event.FromString(ctypes.string_at(at, size)),
                digest & 0xFFFFFFFFFFFFFFFF,
                int(scopes[scope, OF_PAYLOAD]),
            )
        return events


def _renumbered(part: _Part, places: Sequence[int]) -> _Part:
    """The same with other places of payloads."""
    numbers = pl.Series("payload_index", places, dtype=pl.UInt32)

    def renumber(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(numbers[frame["payload_index"]])

    decoded = Decoded(renumber(part.decoded.spans), part.decoded.events, renumber(part.decoded.rejected))
    return _Part(decoded, [places[place] for place in part.event_places])


def _merged(one: _Part, other: _Part) -> _Part:
    """One batch out of two, in the order of payloads."""
    first, second = one.decoded, other.decoded
    order = np.argsort(np.array(one.event_places + other.event_places, dtype=np.int64), kind="stable")
    events = _joined(first.events, second.events, EVENT_SCHEMA)[order]
    return _Part(
        Decoded(
            _joined(first.spans, second.spans, SPAN_SCHEMA).sort("payload_index", maintain_order=True),
            events,
            pl.concat([first.rejected, second.rejected]).sort("payload_index", maintain_order=True),
        ),
        [(one.event_places + other.event_places)[place] for place in order.tolist()],
    )


def _joined(first: pl.DataFrame, second: pl.DataFrame, fixed: pl.Schema) -> pl.DataFrame:
    """Rows of both, with the wide columns of either, sorted."""
    frame = pl.concat([first, second], how="diagonal", rechunk=True)
    wide = sorted(set(frame.columns).difference(fixed), key=lambda name: (not name.startswith("@r:"), name))
    return frame.select(*fixed, *wide)
