"""The first API, for clients of the 0.x SDKs: signals, whether usage is allowed, what was used, and the costs of calls.

Signals become bodies of the second API and go the way of those. Errors are objects here: `{"error": {"message", …}}`.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.api.app import OneSlashForm
from billing.api.dates import at_or_after, at_or_before
from billing.api.error_answers import handle_errors
from billing.api.errors import ApiError, invalid, path
from billing.api.guard import Guard
from billing.api.places import V1
from billing.api.requests import Shared, answer_by, router
from billing.api.schemas.v1 import CheckUsage, Name, OldSignals, OldSignalsV2
from billing.catalog.find import product_by_external_id
from billing.context import Billing
from billing.customers.find import customer_by_external_id
from billing.keys.gate import Gate
from billing.keys.rate import RateLimit
from billing.signals.allowance import allowance
from billing.signals.names import customers_of, products_of, texts_of_customer, texts_of_product
from billing.signals.traces import WantedTraces, list_traces, metadata_of, shown_trace
from billing.signals.usage import list_usage
from billing.units import json_number

Accept = Callable[[bytes], Mapping[str, int]]
"""Takes the body of `POST /api/v2/signals/bulk`; returns the counts once all is durable. Raises ApiError."""

Asked = Annotated[Name | None, Query()]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1)]

_LONG_INT_DIGITS: Final = 19
"""Integers of fewer characters fit in 64 bits, which is what the JSON writer takes as they are."""

routes = router("v1")


def create_v1(
    billing: Billing,
    accept: Accept,
    gate: Gate | None = None,
    limit: RateLimit | None = None,
    *,
    largest_body: int = 64 << 20,
) -> FastAPI:
    """The ASGI application, to be mounted at V1. `largest_body`: bytes of signals that one request may have."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.billing = billing
    app.state.accept = accept
    app.state.largest_body = largest_body
    answer_by(app, routes)
    handle_errors(app)
    app.add_middleware(OneSlashForm)
    app.add_middleware(Guard, prefix=V1, gate=gate, limit=limit)
    app.add_middleware(_ErrorObjects)
    return app


@routes.post("/usage/signals/bulk")
async def old_signals(request: Request) -> Response:
    """Signals of the oldest clients."""
    return await _taken(request, OldSignals)


@routes.post("/usage/v2/signals/bulk")
async def old_signals_v2(request: Request) -> Response:
    """Signals whose ids say whether they are external."""
    return await _taken(request, OldSignalsV2)


@routes.post("/usage/check-usage")
def check_usage(billing: Shared, body: CheckUsage) -> Response:
    """Whether the customer may use the product now, after all that was reported until now."""
    billing.settled()
    with billing.database.read() as session:
        customer = customer_by_external_id(session, body.external_customer_id)
        product = product_by_external_id(session, body.external_product_id)
        found = allowance(session, customer.id, product.id, billing.clock())
    shown = {"allowed": found.allowed, "message": found.message, "eventName": found.event_name}
    if found.available is not None:
        shown["available"] = json_number(found.available)
    return _json({key: value for key, value in shown.items() if value is not None})


@routes.get("/traces")
def get_traces(
    billing: Shared,
    limit: Limit = 100,
    offset: Offset = 0,
    start_time: Annotated[Asked, Query(alias="startTime")] = None,
    end_time: Annotated[Asked, Query(alias="endTime")] = None,
    external_customer_id: Annotated[Asked, Query(alias="externalCustomerId")] = None,
    external_product_id: Annotated[Asked, Query(alias="externalProductId")] = None,
    external_agent_id: Annotated[Asked, Query(alias="externalAgentId")] = None,
    metadata: Asked = None,
) -> Response:
    """Calls and what they cost, the newest first."""
    with billing.database.read() as session:
        customers = texts_of_customer(session, None, external_customer_id)
        products = texts_of_product(session, None, external_product_id)
        products += texts_of_product(session, None, external_agent_id)
    given = {
        "startTime": start_time,
        "endTime": end_time,
        "externalCustomerId": external_customer_id,
        "externalProductId": external_product_id,
        "externalAgentId": external_agent_id,
        "metadata": metadata,
    }
    wanted = WantedTraces(
        customers, products, at_or_after(start_time, "startTime"), at_or_before(end_time, "endTime"),
        metadata_of(metadata),
    )  # fmt: skip
    return _traces(billing, wanted, limit, offset, given)


@routes.get("/customers/external/{external_id:path}/costs")
def get_customer_costs(
    billing: Shared,
    external_id: str,
    limit: Limit = 100,
    offset: Offset = 0,
    start_time: Annotated[Asked, Query(alias="startTime")] = None,
    end_time: Annotated[Asked, Query(alias="endTime")] = None,
) -> Response:
    """Calls for one customer and what they cost, the newest first."""
    with billing.database.read() as session:
        customers = texts_of_customer(session, None, external_id)
    begun = at_or_after(start_time, "startTime"), at_or_before(end_time, "endTime")
    given = {"startTime": start_time, "endTime": end_time, "externalCustomerId": external_id}
    return _traces(billing, WantedTraces(customers, (), *begun), limit, offset, given)


@routes.get("/customers/external/{external_id:path}/usage")
def get_customer_usage(
    billing: Shared,
    external_id: str,
    limit: Limit = 100,
    offset: Offset = 0,
    start_time: Annotated[Asked, Query(alias="startTime")] = None,
    end_time: Annotated[Asked, Query(alias="endTime")] = None,
) -> Response:
    """What one customer used, by order line, price and billing period, and what it comes to, the newest first."""
    begun = at_or_after(start_time, "startTime"), at_or_before(end_time, "endTime")
    data, total = list_usage(billing, external_id, *begun, limit, offset)
    more = offset + len(data) < total
    return _json({"data": data, "pagination": {"limit": limit, "offset": offset, "total": total, "hasMore": more}})


def _traces(
    billing: Billing, wanted: WantedTraces, limit: int, offset: int, given: Mapping[str, str | None]
) -> Response:
    rows, more = list_traces(billing, wanted, limit, offset)
    with billing.database.read() as session:
        customers = customers_of(session, {row["customer_id"] for row in rows} - {None})
        products = products_of(session, {row["product_id"] for row in rows} - {None})
    traces = []
    for row in rows:
        customer, product = customers.get(row["customer_id"]), products.get(row["product_id"])
        ids = {
            "customerId": customer.id if customer else row["customer_id"],
            "productId": product.id if product else row["product_id"],
        }
        traces.append({**shown_trace(row), **{key: value for key, value in ids.items() if value is not None}})
    meta: dict[str, Any] = {"limit": limit, "offset": offset, "count": len(traces), "hasMore": more}
    return _json({"traces": traces, "meta": meta | {key: value for key, value in given.items() if value is not None}})


async def _taken(request: Request, kind: type[OldSignals] | type[OldSignalsV2]) -> Response:
    body = await _body(request, request.app.state.largest_body)
    accept: Accept = request.app.state.accept
    return _json(dict(await run_in_threadpool(lambda: accept(_translated(body, kind)))))


async def _body(request: Request, largest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > largest:
            raise ApiError(413, "Request too large", f"a body may have {largest} bytes")
    return b"".join(parts)


def _translated(body: bytes, kind: type[OldSignals] | type[OldSignalsV2]) -> bytes:
    """The same signals as a body of the second API; its numbers keep every digit. Raises the API's 400."""
    try:
        content = json.loads(body, parse_float=Decimal, parse_int=_exact_int, parse_constant=_refuse)
        sent = kind.model_validate(content)
        return orjson.dumps({"signals": [signal.now() for signal in sent.signals]}, default=_as_written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid(f"{path(first['loc']) or 'body'}: {first['msg']}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid(f"the body is not JSON: {error}") from None


def _exact_int(text: str) -> int | Decimal:
    return int(text) if len(text) < _LONG_INT_DIGITS else Decimal(text)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _as_written(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), media_type="application/json")


class _ErrorObjects:
    """Makes `{"error": TEXT, "details": …}` of every answer that is no success the object that old clients read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, errors in their own form."""
        start: Message | None = None
        parts: list[bytes] = []

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] >= 400:
                start = message
            elif start is None:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    body = _error_object(b"".join(parts), start["status"])
                    headers = MutableHeaders(raw=start["headers"])
                    headers["content-length"] = str(len(body))
                    headers["content-type"] = "application/json"
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, sending)


def _error_object(body: bytes, status: int) -> bytes:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = {}
    told = content if isinstance(content, dict) else {}
    message = told.get("details") or told.get("error") or "Error"
    return orjson.dumps({"error": {"message": message, "code": told.get("code") or str(status), **_details(told)}})


def _details(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"details": told["error"]} if told.get("details") and told.get("error") else {}
