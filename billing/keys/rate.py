"""How often a caller may ask: a bucket of tokens each, filled at a steady rate."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MOST_CALLERS: Final = 10_000


@dataclass(frozen=True)
class Turn:
    """Whether a request may go on; `remaining` requests are left, and the bucket is full again in `reset` seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimit:
    """`per_minute` requests a caller on average, and as many at once. May be used from any thread."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._rate = per_minute / 60
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def take(self, caller: str) -> Turn:
        """One request of a caller."""
        now = self._monotonic()
        with self._lock:
            if caller not in self._buckets and len(self._buckets) >= _MOST_CALLERS:
                self._forget_full(now)
            bucket = self._buckets.setdefault(caller, _Bucket(self._limit, now))
            bucket.tokens = min(float(self._limit), bucket.tokens + (now - bucket.at) * self._rate)
            bucket.at = now
            allowed = bucket.tokens >= 1
            if allowed:
                bucket.tokens -= 1
            missing = 0.0 if allowed else (1 - bucket.tokens) / self._rate
            full = (self._limit - bucket.tokens) / self._rate
            return Turn(allowed, self._limit, int(bucket.tokens), math.ceil(full), math.ceil(missing))

    def _forget_full(self, now: float) -> None:
        full = [
            name
            for name, bucket in self._buckets.items()
            if bucket.tokens + (now - bucket.at) * self._rate >= self._limit
        ]
        for name in full or list(self._buckets):
            del self._buckets[name]
