"""The application: all routes, one error shape, both slash forms, the OpenAPI document at `/api/v2/openapi.json`."""

from functools import cache
from typing import Any, Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.api.error_answers import handle_errors
from billing.api.errors import ErrorResponse
from billing.api.guard import Guard
from billing.api.places import V2
from billing.api.requests import answer_by
from billing.api.routes import ROUTERS
from billing.context import Billing
from billing.keys.gate import Gate
from billing.keys.rate import RateLimit

TITLE: Final = "marginlake"

_ERRORS: Final = (400, 403, 404, 409, 500, 501)


def create_api(billing: Billing, gate: Gate | None = None, limit: RateLimit | None = None) -> FastAPI:
    """The ASGI application, to be mounted at V2. Without a gate everyone may do everything."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url="/openapi.json", redirect_slashes=False)
    app.state.billing = billing
    app.openapi = document  # type: ignore[method-assign]
    answer_by(app, *ROUTERS)
    handle_errors(app)
    app.add_middleware(OneSlashForm)
    app.add_middleware(Guard, prefix=V2, gate=gate, limit=limit)
    return app


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document: of all routes, each with the errors that any of them may answer."""
    described = FastAPI(
        title=TITLE, version="2", responses={status: {"model": ErrorResponse} for status in _ERRORS}
    )  # fmt: skip
    for each in ROUTERS:
        described.include_router(each)
    return described.openapi()


class OneSlashForm:
    """Serves a path with a slash at its end as the same path without it: clients differ, and none follows redirects."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)
