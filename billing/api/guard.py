"""At the door of the API: who is asking, may they, and not too often. What they change is recorded as theirs."""

import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.api.error_answers import answer
from billing.api.errors import ErrorResponse
from billing.audit import acting_as
from billing.keys.gate import Gate
from billing.keys.rate import RateLimit, Turn
from billing.keys.store import Scope as KeyScope

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_INGEST: Final = ("/signals/bulk", "/costs/bulk")
_QUERIES: Final = ("/analytics/query",)
"""Sent by POST, and reading all the same."""
_ADMIN: Final = (
    "/keys",
    "/audit-log",
    "/value-receipts/embed-secret",
    "/value-receipts/embed-tokens",
    "/value-receipts/share-tokens",
)
_OPEN: Final = ("/openapi.json",)


class Guard:
    """ASGI middleware around the application below `prefix`. Without a gate everyone may do everything (tests)."""

    def __init__(self, app: ASGIApp, prefix: str, gate: Gate | None, limit: RateLimit | None) -> None:
        self._app = app
        self._prefix = prefix
        self._gate = gate
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, or answer it here."""
        if scope["type"] != "http" or self._gate is None:
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(self._prefix).rstrip("/")
        if path in _OPEN:
            await self._app(scope, receive, send)
            return
        peer = scope["client"][0] if scope.get("client") else None
        principal = self._gate.principal(Headers(scope=scope).get("authorization"), peer)
        if principal is None:
            await _forbidden("missing or unknown API key; send it as 'Authorization: Bearer KEY'")(scope, receive, send)
            return
        needed = needed_scope(scope["method"], path)
        if not principal.may(needed):
            await _forbidden(f"this API key lacks the scope {needed!r}")(scope, receive, send)
            return
        turn = self._limit.take(principal.actor) if self._limit is not None and needed != "ingest" else None
        if turn is not None and not turn.allowed:
            body = ErrorResponse(error="Too many requests", details=f"more than {turn.limit} requests a minute")
            await answer(429, body, {"retry-after": str(turn.retry_after), **_told(turn)})(scope, receive, send)
            return
        with acting_as(principal.actor):
            await self._app(scope, receive, send if turn is None else _with_headers(send, _told(turn)))


def needed_scope(method: str, path: str) -> KeyScope:
    """What a key must be good for to ask this (path below the prefix, no slash at its end)."""
    if any(path == place or path.startswith(place + "/") for place in _ADMIN):
        return "admin"
    if path.startswith("/checkouts/") and path.endswith("/confirm"):
        return "admin"
    if path in _INGEST or path.startswith("/usage/"):
        return "ingest"
    if method in _READS or path.removeprefix("/experimental") in _QUERIES:
        return "read"
    return "write"


def _forbidden(details: str) -> ASGIApp:
    return answer(403, ErrorResponse(error="Forbidden", details=details))


def _told(turn: Turn) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(turn.limit),
        "x-ratelimit-remaining": str(turn.remaining),
        "x-ratelimit-reset": str(int(time.time()) + turn.reset),
    }


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return sending
