"""Addresses that servers listen on, and one clear line when that is not possible."""

import os
import socket

from receiver.errors import ListenError


def parse_address(address: str) -> tuple[str, int]:
    """`HOST:PORT` (an IPv6 host in brackets, an empty host for all interfaces) as host and port. Raises ListenError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ListenError(f"{address!r} is not an address; write HOST:PORT, like 127.0.0.1:4318")
    return host.removeprefix("[").removesuffix("]"), int(port)


def bind(address: str, purpose: str) -> socket.socket:
    """A TCP socket bound to `HOST:PORT`, not listening yet. Raises ListenError naming the `purpose` and the cause."""
    host, port = parse_address(address)
    listener = None
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
    except OSError as error:
        if listener is not None:
            listener.close()
        # The plain text of the error, without its number: it is read by people.
        why = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
        raise ListenError(f"cannot listen on {address} for {purpose}: {why}") from error
    return listener
