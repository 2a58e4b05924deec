"""Errors as the SDKs read them: `{"error": …, "code"?: …, "details"?: …}` with texts only."""

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from starlette.exceptions import HTTPException

from billing.database import BillingError, is_transient

INVALID: Final = "Invalid input"


class ErrorResponse(BaseModel):
    """The body of every answer that is not a success."""

    error: str
    code: str | None = None
    details: str | None = None


class ApiError(Exception):
    """Ends a request with a status and a body; nothing of its transaction is kept."""

    def __init__(self, status: int, error: str, details: str | None = None, code: str | None = None) -> None:
        super().__init__(details or error)
        self.status = status
        self.body = ErrorResponse(error=error, code=code, details=details)


def invalid(details: str) -> ApiError:
    """400: what was sent cannot be used; `details` names the field and what is wrong with it."""
    return ApiError(400, INVALID, details)


def not_found(kind: str, name: str) -> ApiError:
    """404: there is no such thing."""
    return ApiError(404, "Not found", f"no {kind} {name!r}")


def conflict(details: str, code: str | None = None) -> ApiError:
    """409: it is fine by itself, and cannot be done as things stand."""
    return ApiError(409, "Conflict", details, code)


def not_implemented(reason: str) -> ApiError:
    """501: this makes no sense here, and why."""
    return ApiError(501, "Not implemented", reason)


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


def path(location: tuple[int | str, ...]) -> str:
    """`("signals", 0, "customer")` as `signals[0].customer`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")
