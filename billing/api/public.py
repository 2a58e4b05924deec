"""What is open to the world, to be mounted at `/public`: receipts, by share token."""

from typing import Annotated

from fastapi import FastAPI, Header, Query, Response

from billing.api.error_answers import handle_errors
from billing.api.requests import Shared, answer_by, router
from billing.api.schemas.value_receipts import PublicReceipt
from billing.context import Billing
from billing.receipts.embed import shown_to
from billing.receipts.show import Shown

routes = router("public")


def create_public(billing: Billing) -> FastAPI:
    """The application; it asks nobody for a key."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.billing = billing
    answer_by(app, routes)
    handle_errors(app)
    return app


@routes.get("/value-receipts/{share_token}", response_model_exclude_none=True)
def get_public_receipt(
    billing: Shared,
    response: Response,
    share_token: str,
    token: Annotated[str | None, Query()] = None,
    authorization: Annotated[str | None, Header()] = None,
) -> PublicReceipt:
    """A receipt that is published, or one that an embed token (`?token=`, or as a bearer) is for."""
    scheme, _, bearer = (authorization or "").partition(" ")
    embed_token = token or (bearer.strip() if scheme.lower() == "bearer" else None) or None
    now = billing.clock()
    response.headers["cache-control"] = "private, no-store"
    with billing.database.read() as session:
        receipt = shown_to(session, share_token, embed_token, now)
        return Shown(session, billing.public_url, now).public(receipt)
