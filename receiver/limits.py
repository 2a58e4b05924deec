"""How much one request, and all requests together, may take before senders are refused or told to retry."""

from dataclasses import dataclass
from typing import Final

KIB: Final = 1 << 10
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds.

    max_request_bytes: the largest request, counted after decompression (the OTLP specification recommends 64 MiB).
    max_in_flight_bytes: all requests together between arrival and durability; past it senders must retry. One request
        is always let in when nothing else is in flight, so that this can never lock out what max_request_bytes allows.
    max_backlog_bytes: journal bytes that the lake has not committed yet; past it senders must retry.
    retry_after_seconds: what a refused sender is told to wait.
    durability_seconds: how long an answer waits for the disk before it becomes "retry" (the data may still be stored).
    body_seconds: how long an HTTP client may take to send its body.
    large_bytes: payloads above this are parsed one at a time, because parsing multiplies their size in memory.
    """

    max_request_bytes: int = 64 * MIB
    max_in_flight_bytes: int = 256 * MIB
    max_backlog_bytes: int = 4096 * MIB
    retry_after_seconds: int = 2
    durability_seconds: float = 30.0
    body_seconds: float = 60.0
    large_bytes: int = 4 * MIB
