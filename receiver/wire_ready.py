"""When the scanner is used: it must be compiled first, which takes seconds and must make nobody wait.

The first batch that is worth it starts the compilation (or the loading of what an earlier process compiled) in the
background; until that is done, and where it cannot be done, the decoder of messages answers.
"""

import os
import threading
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from receiver.frames import Decoded, Wanted

_WORTH_COMPILING: Final = 4 << 20  # bytes of a batch; small imports and quiet services never come near it
_WORTH_SCANNING: Final = 32 << 10  # below, both decoders spend their time on frames

log = structlog.get_logger("decode")


class Decode(Protocol):
    """A decoder of payloads."""

    def __call__(
        self, payloads: Sequence[tuple[bytes, int]], wanted: Wanted, *, capture_content: bool = False
    ) -> Decoded:
        """See ``decode_traces``."""
        ...


class _Readiness:
    """What is known of the scanner in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.scanner: Decode | None = None

    def start(self) -> threading.Thread:
        """Begin to get ready, once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._get_ready, name="compile-scanner", daemon=True)
                self._thread.start()
            return self._thread

    def _get_ready(self) -> None:
        try:
            from receiver.wire_decode import scan_payloads, warm_up

            warm_up()
        except Exception as error:  # noqa: BLE001 - without numba, or with one that fails, all goes on as before
            log.warning("spans are decoded without the compiled scanner", reason=f"{type(error).__name__}: {error}")
            return
        self.scanner = scan_payloads


_READINESS: Final = _Readiness()


def scanner_for(size: int) -> Decode | None:
    """The scanner, if it is ready and a batch of ``size`` bytes is worth it."""
    if size < _WORTH_SCANNING:
        return None
    if _READINESS.scanner is None and size >= _WORTH_COMPILING and os.environ.get("MARGINLAKE_SCANNER") != "off":
        _READINESS.start()
    return _READINESS.scanner


def wait_until_ready(timeout_s: float = 120) -> bool:
    """Get the scanner ready and wait for it; whether it is."""
    _READINESS.start().join(timeout_s)
    return _READINESS.scanner is not None
