"""The fixed columns of ``Decoded.spans``, built for a whole batch at once from what the decoder read of each span."""

from binascii import hexlify
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from receiver.decode_arrow import hex_digits
from receiver.decode_attributes import AttributeColumns
from receiver.decode_codes import AttributeCodes
from receiver.frames import UTC_MICROS
from receiver.span_rules import EARLIEST_START_NS, LONGEST_NS, NO_SPAN, moment

KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES: Final = ("unset", "ok", "error")

_T = TypeVar("_T")


class Origin(NamedTuple):
    """What all spans of one instrumentation scope of one payload share."""

    service_name: str | None
    scope_name: str | None
    scope_version: str | None
    received_ns: int
    payload_index: int
    resource_text: dict[str, str]


class Block(NamedTuple):
    """Accepted spans of one origin: a list per field, ids as bytes, times as unsigned nanoseconds.

    ``attributes`` are the codes of all spans one after the other, ``attribute_counts`` of them for each span; ``tail``
    is the code of the resource's JSON.
    """

    trace_ids: list[bytes]
    span_ids: list[bytes]
    parent_ids: list[bytes]
    names: list[str]
    kinds: list[int]
    starts: list[int]
    ends: list[int]
    statuses: list[int]
    messages: list[str | None]
    trace_states: list[str | None]
    hashes: list[int]
    attribute_counts: NDArray[np.int64]
    attributes: NDArray[np.int64]
    origin: Origin
    tail: int


def spans_frame(blocks: Sequence[Block], codes: AttributeCodes) -> pl.DataFrame:
    """Columns ``SPAN_SCHEMA``, then ``@r:KEY`` and ``@KEY``, each sorted by key; the rows of the blocks in order."""
    sizes = np.fromiter((len(block.names) for block in blocks), np.int64, len(blocks))
    received_ns = np.fromiter((block.origin.received_ns for block in blocks), np.int64, len(blocks)).repeat(sizes)
    start_us, duration_ns, clocks = times(
        np.fromiter(_chained(block.starts for block in blocks), np.uint64),
        np.fromiter(_chained(block.ends for block in blocks), np.uint64),
        received_ns,
    )
    attributes = AttributeColumns(
        codes,
        np.concatenate([np.empty(0, np.int64), *(block.attributes for block in blocks)]),
        np.concatenate([np.empty(0, np.int64), *(block.attribute_counts for block in blocks)]),
        np.fromiter((block.tail for block in blocks), np.int64, len(blocks)).repeat(sizes),
        clocks,
    )
    of_block = pl.Series(np.arange(len(blocks), dtype=np.uint32).repeat(sizes))

    def text(name: str, values: Iterable[str | None]) -> pl.Series:
        return pl.Series(name, list(values), dtype=pl.String)

    def shared(name: str, values: Iterable[str | None]) -> pl.Series:
        return text(name, values)[of_block]

    origins = [block.origin for block in blocks]
    resource_keys = sorted({key for origin in origins for key in origin.resource_text})
    columns = [
        _hex("trace_id", _chained(block.trace_ids for block in blocks), 16),
        _hex("span_id", _chained(block.span_ids for block in blocks), 8),
        _hex("parent_span_id", (parent or NO_SPAN for block in blocks for parent in block.parent_ids), 8),
        text("name", _chained(block.names for block in blocks)),
        words_of("kind", _chained(block.kinds for block in blocks), KINDS),
        pl.Series("start_time", start_us).cast(UTC_MICROS),
        pl.Series("duration_ns", duration_ns),
        words_of("status", _chained(block.statuses for block in blocks), STATUSES),
        text("status_message", _chained(block.messages for block in blocks)),
        shared("service_name", (origin.service_name for origin in origins)),
        shared("scope_name", (origin.scope_name for origin in origins)),
        shared("scope_version", (origin.scope_version for origin in origins)),
        text("trace_state", _chained(block.trace_states for block in blocks)),
        attributes.json(),
        pl.Series("content_hash", np.fromiter(_chained(block.hashes for block in blocks), np.uint64)),
        pl.Series("received_at", received_ns // 1000).cast(UTC_MICROS),
        pl.Series("payload_index", np.array([o.payload_index for o in origins], dtype=np.uint32).repeat(sizes)),
    ]
    by_key = [shared(f"@r:{key}", (origin.resource_text.get(key) for origin in origins)) for key in resource_keys]
    return pl.DataFrame(columns + by_key + attributes.wide())


def _chained(parts: Iterable[Sequence[_T]]) -> "chain[_T]":
    return chain.from_iterable(parts)


def times(
    starts: NDArray[np.uint64], ends: NDArray[np.uint64], received_ns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[int, bytes]]:
    """Start in microseconds, duration in nanoseconds, and by row what is said of a start that is not the sender's."""
    start_us = (starts // np.uint64(1000)).astype(np.int64)
    spent = ends - starts  # wraps around where the end is earlier
    odd = (starts < EARLIEST_START_NS) | (ends < starts) | (spent > LONGEST_NS)
    duration_ns = spent.astype(np.int64)
    clocks: dict[int, bytes] = {}
    for row in np.flatnonzero(odd).tolist():
        sent_ns = int(starts[row])
        start_ns, duration_ns[row], stand_in = moment(sent_ns, int(ends[row]), int(received_ns[row]))
        start_us[row] = start_ns // 1000
        if stand_in is not None:
            clocks[row] = orjson.dumps({"start_time_unix_nano": sent_ns, "start_time_from": stand_in})
    return start_us, duration_ns, clocks


def _hex(name: str, ids: Iterable[bytes], width: int) -> pl.Series:
    """Ids of ``width`` bytes as lower-case hex digits, those of zeros (no parent) as null."""
    joined = b"".join(ids)
    given: NDArray[np.bool_] = np.any(np.frombuffer(joined, dtype=np.uint8).reshape(-1, width), axis=1)
    return hex_digits(hexlify(joined), 2 * width, given, name)


def words_of(name: str, numbers: Iterable[int], words: Sequence[str]) -> pl.Series:
    """Enumeration numbers as words; the first word for those of a later version."""
    indexes: NDArray[Any] = numbers if isinstance(numbers, np.ndarray) else np.fromiter(numbers, np.int64)
    known = (indexes >= 0) & (indexes < len(words))
    return pl.Series(name, words, dtype=pl.String)[pl.Series(np.where(known, indexes, 0).astype(np.uint32))]
