"""Errors as the SDKs read them: `{"error": …, "code"?: …, "details"?: …}` with texts only."""

from typing import Final

from pydantic import BaseModel

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


def path(location: tuple[int | str, ...]) -> str:
    """`("signals", 0, "customer")` as `signals[0].customer`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")
