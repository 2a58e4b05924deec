"""What payment providers tell us: payments that came or will not, at `/webhooks/PROVIDER`. Told twice, done once."""

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from billing.api.errors import ApiError
from billing.checkout.methods import keep_method
from billing.checkout.providers import ForgedNoticeError, Notice, ProviderError, SendsNotices
from billing.checkout.purchase import give_up_payment, received
from billing.context import Billing
from billing.database import BillingError
from billing.tables.checkouts import Checkout, ProviderCustomer

log = structlog.get_logger()

_LARGEST: int = 1024 * 1024


def notice_routes(billing: Billing) -> list[BaseRoute]:
    """Where the provider calls; nothing where it never does."""
    provider = billing.payments
    if not isinstance(provider, SendsNotices):
        return []

    async def endpoint(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST:
                return JSONResponse({"error": "too large"}, 413)
        return await run_in_threadpool(_taken, billing, provider, body, dict(request.headers))

    return [Route(f"/webhooks/{provider.name}", endpoint, methods=["POST"])]


def _taken(billing: Billing, provider: SendsNotices, body: bytes, headers: dict[str, str]) -> Response:
    try:
        notice = provider.read_notice(body, headers)
        if notice is not None:
            act_on(billing, notice)
    except ForgedNoticeError:
        return JSONResponse({"error": "the signature does not fit"}, 400)
    except (ApiError, ProviderError, BillingError, DBAPIError) as error:
        # The provider sends it again; what was done is known by then and not done twice.
        log.warning("payment notice failed; it comes again", kind=type(error).__name__, reason=str(error)[:500])
        return JSONResponse({"error": "please send it again"}, 503 if isinstance(error, ProviderError) else 500)
    return JSONResponse({"received": True})


def act_on(billing: Billing, notice: Notice) -> None:
    """Do what a notice is about; nothing for payments that are not of our checkouts."""
    if notice.kind == "kept":
        _keep(billing, notice)
        return
    with billing.database.read() as session:
        row = session.scalar(select(Checkout).where(Checkout.provider_session_id == notice.session_id))
        if row is None and notice.checkout_id is not None:
            row = session.get(Checkout, notice.checkout_id)
    if row is None:
        return
    if notice.kind == "paid" and notice.paid is not None:
        received(billing, row.id, notice.paid)
    elif notice.kind == "lost" and notice.session_id is not None:
        give_up_payment(billing, notice.session_id)


def _keep(billing: Billing, notice: Notice) -> None:
    now, provider = billing.clock(), billing.payments.name

    def work(session: Session) -> None:
        known = session.scalar(
            select(ProviderCustomer).where(
                ProviderCustomer.provider == provider, ProviderCustomer.external_id == notice.customer
            )
        )
        if known is not None and notice.method is not None:
            keep_method(session, known.customer_id, provider, notice.method, now)

    billing.database.write(work)
