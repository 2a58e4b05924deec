"""Export requests by the thousand at almost no cost: serialized once, then ids and times are patched in the bytes."""

import random
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.spans import RESPONSE_ID_LENGTH, SPANS_PER_TRACE, Sentinels, request

SPANS = 512
TRACES = SPANS // SPANS_PER_TRACE

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


class Template:
    """One serialized request with the places of its ids and times. Not for use by several threads at once."""

    def __init__(self, seed: int) -> None:
        sentinels = Sentinels(random.Random(seed))
        content = request(TRACES, random.Random(seed + 1_000_000), sentinels)
        self._bytes = np.frombuffer(content, dtype=np.uint8).copy()
        self._dice = np.random.default_rng()
        self._trace_at, self._trace_of = _places(content, sentinels.trace_ids)
        self._span_at, self._span_of = _places(content, sentinels.span_ids)
        self._response_at, self._response_of = _places(content, sentinels.response_ids)
        self._time_at, time_of = _places(content, [placeholder for placeholder, _ in sentinels.times])
        self._offsets = np.array([offset for _, offset in sentinels.times], dtype=np.int64)[time_of]
        self._counts = (len(sentinels.trace_ids), len(sentinels.span_ids), len(sentinels.response_ids))

    @property
    def size(self) -> int:
        """Bytes of the request."""
        return int(self._bytes.size)

    def fill(self, now_ns: int | None = None) -> bytes:
        """The request with new random ids, its traces ended at `now_ns` (default: this moment)."""
        traces, spans, responses = self._counts
        self._patch(self._trace_at, self._random(traces, 16), self._trace_of)
        self._patch(self._span_at, self._random(spans, 8), self._span_of)
        digits = _HEX[self._dice.integers(0, 16, (responses, RESPONSE_ID_LENGTH), dtype=np.uint8)]
        self._patch(self._response_at, digits, self._response_of)
        start = (time.time_ns() if now_ns is None else now_ns) - int(self._offsets.max())
        times = (self._offsets + start).astype("<u8").view(np.uint8).reshape(-1, 8)
        self._bytes[self._time_at] = times
        return self._bytes.tobytes()

    def _random(self, count: int, width: int) -> NDArray[np.uint8]:
        return np.frombuffer(self._dice.bytes(count * width), dtype=np.uint8).reshape(count, width)

    def _patch(self, at: NDArray[np.int64], values: NDArray[np.uint8], which: NDArray[np.int64]) -> None:
        self._bytes[at] = values[which]


def templates(count: int, seed: int) -> list[Template]:
    """`count` different templates: other customers, models and token counts in each."""
    return [Template(seed * 1_000 + number) for number in range(count)]


def _places(content: bytes, placeholders: list[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Byte positions (occurrence x width) of all placeholders, and which placeholder each occurrence is."""
    width = len(placeholders[0])
    starts, which = [], []
    for number, placeholder in enumerate(placeholders):
        at = content.find(placeholder)
        while at >= 0:
            starts.append(at)
            which.append(number)
            at = content.find(placeholder, at + width)
    return np.array(starts, dtype=np.int64)[:, None] + np.arange(width), np.array(which, dtype=np.int64)
