"""Logs: one line per event on standard error, readable on a terminal, JSON elsewhere; floods are thinned."""

import logging
import sys
import threading
import time
from collections.abc import Callable

import structlog

FLOOD_LINES = 5
FLOOD_SECONDS = 10.0
_MOST_EVENTS = 1000


def configure_logs(level: int = logging.INFO) -> None:
    """Send structlog and the standard library's logging to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.typing.Processor]
    if sys.stderr.isatty():
        final = [structlog.dev.ConsoleRenderer()]
    else:
        final = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(FloodFilter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Uvicorn tells of every step of its start and stop, which we say ourselves.
    logging.getLogger("uvicorn").setLevel(max(level, logging.WARNING))


class FloodFilter(logging.Filter):
    """Lets `FLOOD_LINES` of one event through in `FLOOD_SECONDS`, then says how many were left out.

    A full disk refuses every request there is; saying so thousands of times a second would fill the next disk.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._periods: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record; the first one after a flood carries the count in its message."""
        text = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
        # Lines that differ in their arguments alone are one event: the text before formatting tells.
        event = (record.name, record.levelno, str(text))
        now = self._clock()
        with self._lock:
            began, count = self._periods.get(event, (now, 0))
            left_out = max(0, count - FLOOD_LINES)
            if now - began < FLOOD_SECONDS:
                self._periods[event] = (began, count + 1)
                return count < FLOOD_LINES
            if len(self._periods) > _MOST_EVENTS:
                self._periods.clear()
            self._periods[event] = (now, 1)
        if left_out:
            _append(record, f" ({left_out} more like this in the last {now - began:.0f} s)")
        return True


def _append(record: logging.LogRecord, note: str) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "event": f"{record.msg.get('event', '')}{note}"}
    else:
        record.msg = f"{record.getMessage()}{note}"
        record.args = ()
