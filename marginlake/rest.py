"""The REST APIs of the service, made once it runs: loading them takes longer than all else that a start has to do.

They are made in a thread a while after the start, when the journal's backlog is on its way, or by the first request.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.api.places import PUBLIC, V1, V2
from billing.context import Billing
from billing.keys.gate import Gate
from marginlake.config import MIB, Config
from marginlake.metering import Metering
from marginlake.old_signals import accepting
from receiver.intake import Intake

log = structlog.get_logger()

_AFTER_SECONDS: Final = 10.0


class RestApis:
    """`start` and `stop` once each, around the time in which requests are served; requests need neither."""

    def __init__(self, billing: Billing, gate: Gate, config: Config, intake: Intake, metering: Metering) -> None:
        """Signals of the first API go in by the intake, and are debited like others."""
        self._billing = billing
        self._gate = gate
        self._per_minute = config.auth.requests_per_minute
        self._largest_body = config.receiver.max_request_mib * MIB
        self._accept = accepting(intake, metering.settle_now)
        self._apps = {V2: Later(self._second), V1: Later(self._first), PUBLIC: Later(self._public)}
        self._stopping = threading.Event()
        self._maker = threading.Thread(target=self._make, name="rest", daemon=True)

    @property
    def routes(self) -> list[BaseRoute]:
        """The APIs, each where it belongs."""
        return [Mount(place, app) for place, app in self._apps.items()]

    def start(self) -> None:
        """Make them before anyone asks."""
        self._maker.start()

    def stop(self) -> None:
        """Make none any more; one that is being made is not waited for."""
        self._stopping.set()

    def _make(self) -> None:
        if not self._stopping.wait(_AFTER_SECONDS):
            for app in self._apps.values():
                app.made()

    def _second(self) -> ASGIApp:
        from billing.api.app import create_api
        from billing.keys.rate import RateLimit

        limit = RateLimit(self._per_minute) if self._per_minute else None
        return create_api(self._billing, self._gate, limit)

    def _first(self) -> ASGIApp:
        from billing.api.v1 import create_v1
        from billing.keys.rate import RateLimit

        limit = RateLimit(self._per_minute) if self._per_minute else None
        return create_v1(self._billing, self._accept, self._gate, limit, largest_body=self._largest_body)

    def _public(self) -> ASGIApp:
        from billing.api.public import create_public

        return create_public(self._billing)


class Later:
    """An ASGI application that `make` makes when it is first needed, once. May be used from any thread."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._one_at_a_time = threading.Lock()
        self._app: ASGIApp | None = None

    def made(self) -> ASGIApp:
        """The application; raises what `make` raises, which the next call tries again."""
        with self._one_at_a_time:
            if self._app is None:
                self._app = self._make()
            return self._app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; it waits in a thread until there is somebody to take it."""
        app = self._app
        if app is None:
            app = await run_in_threadpool(self.made)
        await app(scope, receive, send)
