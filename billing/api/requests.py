"""How routes get at what they work with, and how bodies are read: numbers keep every digit."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute

from billing.context import Billing


class _ExactRequest(Request):
    """A request whose JSON has decimals, not floats."""

    async def json(self) -> Any:
        if not hasattr(self, "_exact"):
            self._exact = json.loads(await self.body(), parse_float=Decimal, parse_constant=_refuse)
        return self._exact


class _ExactRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Any]:
        handler = super().get_route_handler()

        async def exact(request: Request) -> Response:
            return await handler(_ExactRequest(request.scope, request.receive))

        return exact


def router(tag: str) -> APIRouter:
    """A router for one kind of resource. Paths are written without a slash at the end; both forms are served."""
    return APIRouter(tags=[tag], route_class=_ExactRoute, redirect_slashes=False)


def answer_by(app: FastAPI, *routers: APIRouter) -> None:
    """Let `app` answer by the routes of `routers` as they are: `include_router` makes each of them again, at the first
    request, which waits for it, and looks through them twice at every request.
    """
    for each in routers:
        app.router.routes.extend(each.routes)


async def _billing(request: Request) -> Billing:  # async: it is no work for a thread
    return cast(Billing, request.app.state.billing)


Shared = Annotated[Billing, Depends(_billing)]
"""The business that the application was made for."""


def _refuse(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is not a JSON number", name, 0)
