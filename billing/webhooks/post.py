"""One request to a receiver: to the address that was checked, no redirects, an end to everything in time."""

import http.client
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from billing.webhooks.addresses import AddressError, Place, WebhookSettings, place_of, resolve

KEPT_BYTES: Final = 1000
"""Bytes that are kept of an answer."""

_MOST_TOLD: Final = 200


@dataclass(frozen=True)
class Answer:
    """What came of it. status and body are None, and `error` says why, where there was no answer at all."""

    status: int | None
    body: str | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Only a 2xx is a delivery."""
        return self.status is not None and 200 <= self.status < 300


def post(url: str, headers: dict[str, str], body: bytes, settings: WebhookSettings) -> Answer:
    """Send a body. Raises nothing."""
    try:
        place = place_of(url, settings)
        connection = _connection(place, resolve(place, settings), settings.timeout)
    except AddressError as error:
        return Answer(None, error=f"url: {error}")
    overdue = threading.Event()

    def cut() -> None:
        # A receiver that answers a byte at a time never runs into the socket's own timeout.
        overdue.set()
        sock = connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(settings.timeout, cut)
    watch.daemon = True
    watch.start()
    try:
        answer = _exchange(connection, place, headers, body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        answer = Answer(None, error=_told(error))
    finally:
        watch.cancel()
        connection.close()
    return Answer(None, error="no answer in time") if overdue.is_set() else answer


def _exchange(connection: http.client.HTTPConnection, place: Place, headers: dict[str, str], body: bytes) -> Answer:
    connection.request("POST", place.target, body, {**headers, "host": place.authority, "connection": "close"})
    response = connection.getresponse()
    kept = response.read(KEPT_BYTES).decode("utf-8", "replace").replace("\x00", "")
    return Answer(response.status, kept, None if 200 <= response.status < 300 else f"answered {response.status}")


def _connection(place: Place, address: str, timeout: float) -> http.client.HTTPConnection:
    if place.secure:
        return _Pinned(place.host, place.port, address, timeout)
    return http.client.HTTPConnection(address, place.port, timeout=timeout)


class _Pinned(http.client.HTTPSConnection):
    """Connects to one address, and expects the certificate of the host that it is the address of."""

    def __init__(self, host: str, port: int, address: str, timeout: float) -> None:
        self._tls = ssl.create_default_context()
        self._address = address
        self._seconds = timeout
        super().__init__(host, port, timeout=timeout, context=self._tls)

    def connect(self) -> None:
        """Open the connection."""
        plain = socket.create_connection((self._address, self.port), self._seconds)
        self.sock = plain  # so that the handshake can be cut short too
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _told(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return " ".join((str(error) or type(error).__name__).split())[:_MOST_TOLD]
