"""Delivery of one message to a webhook, signed as standardwebhooks.com says: who gets it can tell it is ours.

A receiver checks `webhook-signature` over id, time and body, and knows by `webhook-id` what it has had already.
"""

import base64
import binascii
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO, Final, Literal
from urllib.parse import urlsplit

from billing.webhooks.signing import standard_signature as signature
from marginlake import __version__

_PREFIX: Final = "whsec_"
_GONE: Final = 410
_MOST_TOLD: Final = 200


class WebhookError(ValueError):
    """An address or a secret that cannot be used; one line that says why and shows neither."""


@dataclass(frozen=True)
class Target:
    """Where messages go. `keys`: those to sign with; two while a secret is being replaced. Neither is ever shown."""

    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    timeout: float

    @property
    def host(self) -> str:
        """The host alone: paths and queries of webhooks are often secrets."""
        return urlsplit(self.url).hostname or ""

    @property
    def exposed(self) -> bool:
        """Whether what is sent can be read on its way: plain HTTP to another machine."""
        return urlsplit(self.url).scheme == "http" and not _is_loopback(self.host)


@dataclass(frozen=True)
class Answer:
    """`gone`: the receiver wants no more of it. `error`: why it was not delivered; empty when it was."""

    outcome: Literal["delivered", "gone", "failed"]
    error: str = ""


def target(url: str, secrets: Sequence[str], timeout: float) -> Target:
    """A target from its address and its `whsec_…` secrets. Raises WebhookError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WebhookError("not an address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise WebhookError("must be an http:// or https:// address with a host")
    if parts.username is not None or parts.password is not None:
        raise WebhookError("must not have a user or password in it; the signature says who sends")
    if any(not 32 < ord(sign) < 127 for sign in url):
        raise WebhookError("must be in ASCII without spaces; write other characters with %")
    return Target(url, tuple(map(_key, secrets)), timeout)


def _key(secret: str) -> bytes:
    """The bytes that a secret stands for."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise WebhookError(f"must be {_PREFIX} and the base64 of 24 to 64 random bytes")
    return key


def post(to: Target, message_id: str, timestamp: int, body: bytes) -> Answer:
    """Send one message. Only a 2xx is a delivery; redirects are not followed. Raises nothing."""
    request = urllib.request.Request(
        to.url,
        data=body,
        method="POST",
        headers={
            "content-type": "application/json",
            "user-agent": f"marginlake/{__version__}",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(to.keys, message_id, timestamp, body),
        },
    )
    # The environment's proxy is for other machines.
    proxy = urllib.request.ProxyHandler({} if _is_loopback(to.host) else None)
    opener = urllib.request.build_opener(proxy, _NoRedirects)
    try:
        with opener.open(request, timeout=to.timeout) as response:
            status = int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            status = error.code
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return Answer("failed", _told(reason))
    if 200 <= status < 300:
        return Answer("delivered")
    return Answer("gone" if status == _GONE else "failed", f"answered {status}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow none: the answer counts as the failure that it is."""
        del req, fp, code, msg, headers, newurl


def _told(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    text = str(reason) or type(reason).__name__
    return " ".join(text.split())[:_MOST_TOLD]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
