"""What all pages for browsers have in common: templates, forms, a guard against forged posts, strict headers."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import jinja2
import structlog
from markupsafe import Markup
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from billing.api.errors import ApiError
from billing.audit import acting_as
from billing.checkout.providers import ProviderError
from billing.database import BillingError

log = structlog.get_logger()

_LARGEST_FORM: Final = 64 * 1024
_COOKIE: Final = "marginlake_form"

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("billing.checkout"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STYLE: Final = _TEMPLATES.get_template("style.css").render()
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

Page = Callable[[Request, Mapping[str, str]], Response]
"""A page: request and form fields in, response out; runs in a thread."""


def page(template: str, status: int = 200, *, leads_to: Sequence[str] = (), **values: Any) -> HTMLResponse:
    """A page made of a template. leads_to: addresses elsewhere that its forms may redirect to in the end."""
    html = _TEMPLATES.get_template(template).render(style=Markup(_STYLE), **values)
    response = HTMLResponse(html, status)
    elsewhere = "".join(f" {_origin(each)}" for each in leads_to)
    response.headers["content-security-policy"] = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; form-action 'self'{elsewhere}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return response


def message(status: int, title: str, text: str, link: tuple[str, str] | None = None) -> HTMLResponse:
    """A page that only says something. link: text and address."""
    return page("message.html", status, title=title, text=text, link=link)


def go(url: str) -> RedirectResponse:
    """Send the browser on, after a form or from a page that is past."""
    return RedirectResponse(url, 303)


def handler(shown: Page) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a page: reads the form, refuses forged ones, runs the page in a thread, adds the headers."""

    async def endpoint(request: Request) -> Response:
        form: dict[str, str] = {}
        if request.method == "POST":
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LARGEST_FORM:
                    return _finished(message(413, "Too much", "That form is too large."))
            form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=200))
            if not _is_own(request, form):
                text = "This form is too old, or cookies are off. Go back and reload the page."
                return _finished(message(403, "Please try again", text))
        return _finished(await run_in_threadpool(_run, shown, request, form))

    return endpoint


def form_token(request: Request) -> str:
    """The secret that a form carries; the cookie that goes with it is set by `with_form`."""
    token = request.cookies.get(_COOKIE, "")
    known: str = getattr(request.state, "form_token", "")
    if not known:
        known = token if 20 <= len(token) <= 100 and token.isascii() else secrets.token_urlsafe(24)
        request.state.form_token = known
    return known


def with_form(request: Request, response: Response) -> Response:
    """The response of a page with a form, with the cookie that its token is compared with."""
    response.set_cookie(
        _COOKIE, form_token(request), httponly=True, samesite="lax", path="/", secure=request.url.scheme == "https"
    )
    return response


def _is_own(request: Request, form: Mapping[str, str]) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    cookie, sent = request.cookies.get(_COOKIE, ""), form.get("form_token", "")
    return len(cookie) >= 20 and hmac.compare_digest(cookie.encode(), sent.encode())


def _run(shown: Page, request: Request, form: Mapping[str, str]) -> Response:
    try:
        with acting_as("checkout"):
            return shown(request, form)
    except ProviderError as error:
        log.warning("payment provider failed", error=str(error))
        return message(502, "Payment is not available", "Please try again in a few minutes. You were not charged.")
    except ApiError as error:
        if error.status == 404:
            return message(404, "Not found", "There is nothing here. Is the address complete?")
        return message(error.status, "That did not work", error.body.details or error.body.error)
    except (BillingError, DBAPIError) as error:
        log.warning("a page failed", error=str(error).splitlines()[0])
        return message(503, "Please try again", "We are busy. Nothing was lost; please try again in a moment.")


def _finished(response: Response) -> Response:
    response.headers.setdefault("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers["cache-control"] = "no-store"
    response.headers["referrer-policy"] = "no-referrer"
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["x-frame-options"] = "DENY"
    return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
