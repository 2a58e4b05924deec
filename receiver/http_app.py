"""The HTTP routes: OTLP (`/v1/...`), REST signals, health and metrics.

Every error on an OTLP path has a `google.rpc.Status` body in the request's own encoding (protobuf where that is
unknown); every error under `/api/` is `{"error": ..., "details": ...}`. Nothing is ever answered with a 500.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from receiver.admission import Authorize, Room
from receiver.answers import Encoding, traces_response
from receiver.errors import Malformed, Overloaded, Refusal, TooLarge, Unauthenticated, Unsupported, WrongMethod
from receiver.http_body import read_body
from receiver.intake import Intake, Outcome, SignalOutcome
from receiver.otlp_json import traces_to_protobuf
from receiver.payload_keys import payload_key
from receiver.signals.rest import NormalSignal

T = TypeVar("T")

SMALLEST_GZIPPED: Final = 1024
"""Answers below this are not worth compressing."""

_INLINE_PAYLOAD: Final = 16 * 1024
"""Protobuf payloads up to this are inspected on the event loop: that is quicker than handing them to a thread."""

_THREADS: Final = 4

_REST_ERRORS: Final[dict[type[Refusal], str]] = {
    Malformed: "Invalid input",
    TooLarge: "Request too large",
    Unsupported: "Unsupported media type",
    Overloaded: "Service unavailable",
    Unauthenticated: "Forbidden",
    WrongMethod: "Method not allowed",
}


def create_app(
    intake: Intake,
    *,
    authorize: Authorize | None = None,
    ready: Callable[[], bool] = lambda: True,
    metrics: Callable[[], tuple[bytes, str]] | None = None,
    routes: Sequence[BaseRoute] = (),
    settle: Callable[[Sequence[NormalSignal]], Awaitable[None]] | None = None,
) -> Starlette:
    """The ASGI application.

    `ready` answers /readyz; `metrics` gives body and content type of /metrics (404 without it) and may block;
    `routes` are further routes of the caller, tried after ours; `settle` gets new REST signals once they are
    durable, and the answer waits for it.
    """
    receiver = _Receiver(intake, authorize, settle)

    async def readyz(request: Request) -> Response:
        del request
        return PlainTextResponse("ready\n") if ready() else PlainTextResponse("not ready\n", status_code=503)

    ours = [
        *_posts("/v1/traces", receiver.traces),
        *_posts("/v1/metrics", receiver.nothing_rejected),
        *_posts("/v1/logs", receiver.nothing_rejected),
        *_posts("/api/v2/signals/bulk", receiver.signals),
        Route("/healthz", _healthz),
        Route("/readyz", readyz),
    ]
    if metrics is not None:
        ours.append(Route("/metrics", _metrics_endpoint(metrics)))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        try:
            yield
        finally:
            receiver.close()

    app = Starlette(
        routes=[*ours, *routes],
        middleware=[Middleware(GZipMiddleware, minimum_size=SMALLEST_GZIPPED)],
        exception_handlers={HTTPException: _http_error},
        lifespan=lifespan,
    )
    # Clients that post do not follow redirects: a path is served as it is written, or it is not there.
    app.router.redirect_slashes = False
    return app


def _posts(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> list[Route]:
    """The path with and without a slash at its end; clients differ."""
    return [Route(written, endpoint, methods=["POST"]) for written in (path, path + "/")]


class _Receiver:
    """The endpoints that take data in."""

    def __init__(
        self,
        intake: Intake,
        authorize: Authorize | None,
        settle: Callable[[Sequence[NormalSignal]], Awaitable[None]] | None,
    ) -> None:
        self._intake = intake
        self._settle = settle
        self._authorize = authorize
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="otlp-http")
        self._one_large = asyncio.Lock()

    def close(self) -> None:
        self._pool.shutdown(wait=False)

    async def traces(self, request: Request) -> Response:
        """POST /v1/traces."""
        encoding = Encoding.PROTOBUF
        try:
            encoding = _encoding(request)
            allow = self._by_header_or_payload(request)
            outcome = await self._taken(request, lambda body, room: self._submit_traces(body, room, encoding, allow))
        except ClientDisconnect:
            return _nobody_listens()
        except Exception as error:  # noqa: BLE001 - fault() logs it; a 500 would make the sender drop its data
            return _status_response(self._refusal(error), encoding)
        return _otlp_response(encoding.encode(traces_response(outcome)), encoding)

    async def nothing_rejected(self, request: Request) -> Response:
        """POST /v1/metrics and /v1/logs: a success without reading, so that shared exporter setups do not fail."""
        encoding = Encoding.PROTOBUF
        try:
            encoding = _encoding(request)
            self._check_key(request)
        except Refusal as refusal:
            return _status_response(self._refusal(refusal), encoding)
        return _otlp_response(b"{}" if encoding is Encoding.JSON else b"", encoding)

    async def signals(self, request: Request) -> Response:
        """POST /api/v2/signals/bulk."""
        try:
            self._check_key(request)
            outcome = await self._taken(request, self._submit_signals)
            if self._settle is not None and outcome.fresh:
                await self._settle(outcome.fresh)
        except ClientDisconnect:
            return _nobody_listens()
        except Exception as error:  # noqa: BLE001 - as above
            return _rest_error(self._refusal(error))
        counts = {"ingested": outcome.ingested, "duplicates": outcome.duplicates, "failed": 0}
        return Response(orjson.dumps(counts), media_type="application/json")

    async def _taken(self, request: Request, submit: Callable[[bytes, Room], Awaitable["Future[T]"]]) -> T:
        """Read the body, submit it, and wait for the disk without holding a thread."""
        room = self._intake.admission.open()
        try:
            body = await read_body(request, self._intake.limits, room, self._pool)
            durable = await submit(body, room)
        except BaseException:
            room.release()
            raise
        try:
            return await asyncio.wait_for(asyncio.wrap_future(durable), self._intake.limits.durability_seconds)
        except TimeoutError:
            raise self._intake.overloaded("the disk did not confirm in time; send the same again") from None

    async def _submit_traces(
        self, body: bytes, room: Room, encoding: Encoding, allow: Callable[[bytes], bool] | None
    ) -> "Future[Outcome]":
        if encoding is Encoding.JSON:
            if len(body) <= self._intake.limits.large_bytes:
                body = await self._in_thread(lambda: traces_to_protobuf(body))
            else:
                async with self._one_large:  # JSON takes many times its size while it is converted
                    body = await self._in_thread(lambda: traces_to_protobuf(body))
        elif len(body) <= _INLINE_PAYLOAD and allow is None:
            return self._intake.submit_traces(body, room)
        if allow is not None and not await self._in_thread(lambda: allow(body)):
            raise Unauthenticated
        return await self._in_thread(lambda: self._intake.submit_traces(body, room))

    async def _submit_signals(self, body: bytes, room: Room) -> "Future[SignalOutcome]":
        return await self._in_thread(lambda: self._intake.submit_signals(body, room))

    async def _in_thread(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, step)

    def _check_key(self, request: Request) -> None:
        if self._authorize is not None and not self._authorize(request.headers.get("authorization"), _peer(request)):
            raise Unauthenticated

    def _by_header_or_payload(self, request: Request) -> Callable[[bytes], bool] | None:
        """None when the caller may send traces, else what decides by the payload. Raises Unauthenticated.

        Old clients send no header, and their key within the payload.
        """
        authorize, peer = self._authorize, _peer(request)
        if authorize is None or authorize(header := request.headers.get("authorization"), peer):
            return None
        if header is not None:
            raise Unauthenticated
        return lambda payload: (key := payload_key(payload)) is not None and authorize(f"Bearer {key}", peer)

    def _refusal(self, error: Exception) -> Refusal:
        refusal = self._intake.fault(error)
        self._intake.metrics.request_refused(refusal.reason)
        return refusal


def _peer(request: Request) -> str | None:
    return request.client.host if request.client is not None else None


def _encoding(request: Request) -> Encoding:
    """The encoding named by the content type, whose parameters do not matter. Raises Unsupported for any other."""
    content_type = request.headers.get("content-type", "")
    name = content_type.partition(";")[0].strip().lower()
    try:
        return Encoding(name)
    except ValueError:
        accepted = " or ".join(encoding.value for encoding in Encoding)
        raise Unsupported(f"content type {content_type!r} is not supported; send {accepted}") from None


def _otlp_response(
    content: bytes, encoding: Encoding, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(content, status, headers, encoding.value)


def _status_response(refusal: Refusal, encoding: Encoding) -> Response:
    return _otlp_response(encoding.encode(refusal.status()), encoding, refusal.http_status, _advice(refusal))


def _rest_error(refusal: Refusal) -> Response:
    # The clients of this API know a bad key as 403.
    status = 403 if isinstance(refusal, Unauthenticated) else refusal.http_status
    content = {"error": _REST_ERRORS.get(type(refusal), "Error"), "details": refusal.message}
    return Response(orjson.dumps(content), status, _advice(refusal), "application/json")


def _advice(refusal: Refusal) -> dict[str, str]:
    if isinstance(refusal, Overloaded):
        return {"retry-after": str(refusal.retry_after_seconds)}
    if isinstance(refusal, Unauthenticated):
        return {"www-authenticate": "Bearer"}
    return {}


def _nobody_listens() -> Response:
    """The client went away before its body was complete; nothing is stored and no one reads this."""
    return Response(status_code=400)


async def _http_error(request: Request, error: Exception) -> Response:
    """What routing itself refuses: unknown paths and wrong methods."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    headers = dict(error.headers or {})
    if path.startswith("/v1/") and error.status_code == 405:
        try:
            encoding = _encoding(request)
        except Unsupported:
            encoding = Encoding.PROTOBUF
        status = WrongMethod(f"{request.method} is not answered here; use {headers.get('Allow', 'POST')}").status()
        return _otlp_response(encoding.encode(status), encoding, 405, headers)
    content = {"error": error.detail, "details": f"{request.method} {path}"}
    return Response(orjson.dumps(content), error.status_code, headers, "application/json")


async def _healthz(request: Request) -> Response:
    del request
    return PlainTextResponse("ok\n")


def _metrics_endpoint(metrics: Callable[[], tuple[bytes, str]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        del request
        content, content_type = await run_in_threadpool(metrics)
        return Response(content, headers={"content-type": content_type})

    return endpoint
