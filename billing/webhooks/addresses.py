"""Where messages may go: public HTTPS addresses, unless the operator allows more.

A name is resolved once, every address it has is checked, and the connection is made to the address that was checked:
a name that answers differently the next time gains nothing.
"""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_LONGEST: Final = 2048

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressError(ValueError):
    """An address that messages cannot go to; one line that says why."""


@dataclass(frozen=True)
class WebhookSettings:
    """allow_private: receivers on loopback, private and link-local addresses; allow_http: without TLS.

    timeout: seconds that one delivery may take in all.
    """

    allow_private: bool = False
    allow_http: bool = False
    timeout: float = 10.0


@dataclass(frozen=True)
class Place:
    """A checked URL, in parts. target: path and query; host: as the `Host` header and the certificate have it."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def place_of(url: str, settings: WebhookSettings) -> Place:
    """The parts of a URL. Raises AddressError for one that messages cannot go to, as far as its text tells."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressError("is not an address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or len(url) > _LONGEST:
        raise AddressError("must be an https:// address with a host")
    if any(not 32 < ord(sign) < 127 for sign in url):
        raise AddressError("must be in ASCII without spaces; write other characters with %")
    if parts.username is not None or parts.password is not None:
        raise AddressError("must not have a user or password in it; the signature says who sends")
    secure = parts.scheme == "https"
    if not secure and not settings.allow_http:
        raise AddressError("must be an https:// address")
    literal = _literal(parts.hostname)
    if literal is not None and not settings.allow_private and not is_public(literal):
        raise AddressError("is not a public address")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(secure, parts.hostname, port or (443 if secure else 80), target)


def resolve(place: Place, settings: WebhookSettings) -> str:
    """The IP address to connect to. Raises AddressError when there is none, or one of them is not public."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressError("the host is not known") from None
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if not addresses:
        raise AddressError("the host is not known")
    if not settings.allow_private and not all(map(is_public, addresses)):
        raise AddressError("the host is not on a public address")
    return str(addresses[0])


def is_public(address: Address) -> bool:
    """Whether an address is one of the public Internet, also when it wraps another one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
