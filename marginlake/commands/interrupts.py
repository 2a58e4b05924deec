"""Ctrl-C for long work that can stop at a good moment: the first asks for it, the second does not wait."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class InterruptFlag:
    """Within the block SIGINT and SIGTERM set the flag; a second one raises KeyboardInterrupt. Main thread only."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._before: dict[int, Any] = {}

    def is_set(self) -> bool:
        """Whether the work should stop."""
        return self._asked.is_set()

    def __enter__(self) -> "InterruptFlag":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked.is_set():
            raise KeyboardInterrupt
        self._asked.set()
