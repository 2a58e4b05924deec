"""Who gets in, and when: bytes in memory and in the journal are bounded; past the bound senders must retry."""

import threading
from collections.abc import Callable

from receiver.errors import Overloaded
from receiver.limits import Limits

Authorize = Callable[[str | None, str | None], bool]
"""Whether the value of an Authorization header (None: there is none) opens the door to a caller at an address."""


class Admission:
    """Hands out room in memory, a `Room` per request, while both bounds hold.

    `backlog` tells how many journal bytes are not committed to the lake yet; it is called for each request, so it
    must be cheap and may be called from any thread.
    """

    def __init__(self, limits: Limits, backlog: Callable[[], int] = lambda: 0) -> None:
        self._limits = limits
        self._backlog = backlog
        self._lock = threading.Lock()
        self._in_flight = 0

    @property
    def in_flight_bytes(self) -> int:
        """Bytes of requests that have arrived and are not durable or refused yet."""
        return self._in_flight

    def open(self) -> "Room":
        """Room for one request, empty at first. Raises Overloaded when the journal's backlog is full."""
        waiting = self._backlog()
        if waiting >= self._limits.max_backlog_bytes:
            raise self._overloaded(f"{waiting} journal bytes wait for the lake")
        return Room(self)

    def _take(self, room: "Room", more: int) -> None:
        with self._lock:
            if room.released:
                raise self._overloaded("the request is over")
            others = self._in_flight - room.held
            if others > 0 and self._in_flight + more > self._limits.max_in_flight_bytes:
                raise self._overloaded(f"{self._in_flight} bytes are in flight")
            self._in_flight += more
            room.held += more

    def _give_back(self, room: "Room") -> None:
        with self._lock:
            self._in_flight -= room.held
            room.held = 0
            room.released = True

    def _overloaded(self, why: str) -> Overloaded:
        return Overloaded(f"the receiver is busy: {why}; send the same again later", self._limits.retry_after_seconds)


class Room:
    """The memory one request holds. It grows while the body arrives, and is given back once, however often asked.

    Once released it grows no more: a thread that still works on an abandoned request cannot leak what it takes.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held = 0
        self.released = False

    def grow(self, size: int) -> None:
        """Take `size` more bytes. Raises Overloaded (and keeps what is already held) when they do not fit."""
        self._admission._take(self, size)

    def release(self) -> None:
        """Give everything back."""
        self._admission._give_back(self)
