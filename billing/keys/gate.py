"""Who may do what: by key, or by coming from this machine where the operator lets such callers in without one."""

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.clock import Clock, utc_now
from billing.database import Database
from billing.keys.store import SCOPES, Scope, digest_of, key_of

REMEMBERED_SECONDS: Final = 2.0
"""How long a key is believed before the database is asked again: a revoked one works that much longer at most."""

_REMEMBERED_KEYS: Final = 4096

_IMPLIED: Final[dict[str, tuple[Scope, ...]]] = {"admin": SCOPES, "write": ("write", "read")}


@dataclass(frozen=True)
class Principal:
    """Who is asking (the audit log's actor) and what they may do."""

    actor: str
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        """Whether they may do what needs this scope."""
        return scope in self.scopes


ANYONE_HERE: Final = Principal("anonymous", frozenset(SCOPES))
"""A caller without a key from this machine."""


@dataclass(frozen=True)
class _Known:
    principal: Principal | None
    expires_at: datetime | None
    until: float


class Gate:
    """Tells who a caller is. `anonymous`: callers from this machine need no key. May be used from any thread."""

    def __init__(
        self,
        database: Database,
        *,
        anonymous: bool = False,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._anonymous = anonymous
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def principal(self, authorization: str | None, peer: str | None) -> Principal | None:
        """Who sends this `Authorization` header (None: none) from this address; None for nobody we know.

        Where callers from this machine need no key, what they send as one does not matter: exporters and SDKs insist on
        sending something.
        """
        token = bearer(authorization)
        known = self._look_up(token) if token else None
        if known is not None:
            return known
        return ANYONE_HERE if self._anonymous and is_loopback(peer) else None

    def may_ingest(self, authorization: str | None, peer: str | None) -> bool:
        """Whether spans, signals and costs are taken from this caller."""
        found = self.principal(authorization, peer)
        return found is not None and found.may("ingest")

    def _look_up(self, token: str) -> Principal | None:
        digest = digest_of(token)
        now = self._monotonic()
        known = self._known.get(digest)
        if known is None or now >= known.until:
            known = self._read(token, now)
            with self._lock:
                if len(self._known) >= _REMEMBERED_KEYS:
                    self._known.clear()  # whoever guesses keys must not fill the memory
                self._known[digest] = known
        if known.expires_at is not None and self._clock() >= known.expires_at:
            return None
        return known.principal

    def _read(self, token: str, now: float) -> _Known:
        with self._database.read() as session:
            row = key_of(session, token)
            if row is None or row.revoked_at is not None:
                return _Known(None, None, now + REMEMBERED_SECONDS)
            scopes = {implied for scope in row.scopes for implied in _IMPLIED.get(scope, (scope,))}
            principal = Principal(f"{row.id} ({row.name})", frozenset(scopes))
            return _Known(principal, row.expires_at, now + REMEMBERED_SECONDS)


def bearer(authorization: str | None) -> str | None:
    """The key in an `Authorization` header; clients that send it bare are understood too."""
    if not authorization:
        return None
    kind, _, rest = authorization.strip().partition(" ")
    return (rest.strip() if kind.lower() == "bearer" else authorization.strip()) or None


def is_loopback(host: str | None) -> bool:
    """Whether an address is of this machine alone."""
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
