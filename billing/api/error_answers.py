"""What a client is told when something raises: the one shape of errors, whatever it was."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from starlette.exceptions import HTTPException

from billing.api.errors import INVALID, ApiError, ErrorResponse, path
from billing.database import BillingError, is_transient


def handle_errors(app: FastAPI) -> None:
    """Give every error of the application the one shape."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(ResponseValidationError, _unexpected)
    app.add_exception_handler(IntegrityError, _integrity_error)
    app.add_exception_handler(DataError, _data_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(BillingError, _busy)


def answer(status: int, body: ErrorResponse, headers: dict[str, str] | None = None) -> JSONResponse:
    """The response for an error body."""
    return JSONResponse(body.model_dump(exclude_none=True), status, headers)


def _api_error(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, ApiError)
    return answer(error.status, error.body)


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    body = ErrorResponse(error=str(error.detail), details=f"{request.method} {request.url.path}")
    return answer(error.status_code, body, dict(error.headers or {}))


def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = error.errors()[0]
    place = path(first["loc"][1:])
    if first["loc"] == ("body",) and "json" not in request.headers.get("content-type", ""):
        return answer(400, ErrorResponse(error=INVALID, details="body: send it with content-type: application/json"))
    message = str(first["msg"]).removeprefix("Value error, ")
    return answer(400, ErrorResponse(error=INVALID, details=f"{place or 'body'}: {message}"))


def _integrity_error(request: Request, error: Exception) -> JSONResponse:
    # Two requests made the same thing at once; whoever looks first finds it already there.
    del request
    assert isinstance(error, IntegrityError)
    return answer(409, ErrorResponse(error="Conflict", details=str(error.orig).splitlines()[0]))


def _data_error(request: Request, error: Exception) -> JSONResponse:
    # A text in a path or a query that no row can have, like one with a NUL on Postgres.
    del request
    assert isinstance(error, DataError)
    return answer(400, ErrorResponse(error=INVALID, details=str(error.orig).splitlines()[0]))


def _database_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DBAPIError)
    return _busy(request, error) if is_transient(error) else _unexpected(request, error)


def _busy(request: Request, error: Exception) -> JSONResponse:
    del request, error
    body = ErrorResponse(error="Service unavailable", details="the business database is busy; send the same again")
    return answer(503, body, {"retry-after": "1"})


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    raise error
