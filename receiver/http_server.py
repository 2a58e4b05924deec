"""The HTTP server: the application of `http_app` on uvicorn, with an event loop in a thread of its own."""

import logging
import socket
import threading
from typing import Final

import uvicorn
from starlette.applications import Starlette

from receiver.errors import ListenError
from receiver.http_app import create_app
from receiver.listening import bind

__all__ = ["HttpServer", "create_app"]

log = logging.getLogger(__name__)

PURPOSE: Final = "OTLP/HTTP"

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 3.0

_KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the pauses of exporters between batches, so that their connections are not closed under them."""


class HttpServer:
    """Serves an application from `create_app`. Nothing listens before `start`; a server is started once."""

    def __init__(self, app: Starlette, address: str, *, grace: float = 5.0) -> None:
        """`address` is HOST:PORT; port 0 takes a free one. `grace`: seconds that running requests get at `stop`."""
        self._address = address
        self._grace = grace
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(grace)),
        )
        self._server = _AnnouncingServer(config)
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Listen and return the port. Raises ListenError (one line) when the address is not available."""
        listener = bind(self._address, PURPOSE)
        port: int = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(listener,), name="otlp-http-server", daemon=True)
        self._thread.start()
        self._server.settled.wait(_START_SECONDS)
        if not self._server.started:
            raise ListenError(f"cannot listen on {self._address} for {PURPOSE}: the server did not start")
        return port

    def stop(self) -> None:
        """Stop listening, let running requests finish for the grace, and wait for the thread to end."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(self._grace + _STOP_SECONDS)

    def _run(self, listener: socket.socket) -> None:
        try:
            self._server.run(sockets=[listener])
        except (Exception, SystemExit) as error:
            # Uvicorn ends a failed start with SystemExit, which a thread would swallow without a word.
            log.exception("the HTTP server ended: %s", error)
        finally:
            listener.close()
            self._server.settled.set()


class _AnnouncingServer(uvicorn.Server):
    """Tells when it has started, or will not."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()
