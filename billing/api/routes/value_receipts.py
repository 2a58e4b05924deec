"""`/value-receipts`: what was delivered to a customer in a period, as the customer is shown it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Query, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.api.paging import Paged
from billing.api.requests import Shared, router
from billing.api.schemas.value_receipts import (
    EmbedSecretRotate,
    EmbedSecretShown,
    EmbedToken,
    EmbedTokenRequest,
    ReceiptDetail,
    ReceiptList,
    ReceiptPublish,
    ReceiptRequest,
    ReceiptWritten,
    Revoked,
    SuccessResponse,
)
from billing.context import Billing
from billing.customers.find import customer_by_external_id, customer_by_id, customer_of_external
from billing.receipts import embed, store
from billing.receipts.show import Shown
from billing.tables.receipts import ValueReceipt

routes = router("value receipts")


@routes.get("/value-receipts", response_model_exclude_none=True)
def list_value_receipts(
    billing: Shared,
    part: Paged,
    customer_id: Annotated[str | None, Query(alias="customerId")] = None,
    external_customer_id: Annotated[str | None, Query(alias="externalCustomerId")] = None,
    order_id: Annotated[str | None, Query(alias="orderId")] = None,
    product_id: Annotated[str | None, Query(alias="productId")] = None,
    archived: Annotated[Literal["true", "false"], Query()] = "false",
) -> ReceiptList:
    """Receipts, the newest first; archived ones only when asked for."""
    put_away = ValueReceipt.archived_at.is_not(None)
    query = select(ValueReceipt).where(put_away if archived == "true" else ~put_away)
    for column, wanted in (
        (ValueReceipt.customer_id, customer_id),
        (ValueReceipt.order_id, order_id),
        (ValueReceipt.product_id, product_id),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    with billing.database.read() as session:
        if external_customer_id is not None:
            customer = customer_of_external(session, external_customer_id)
            query = query.where(ValueReceipt.customer_id == ("" if customer is None else customer.id))
        total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
        ordered = query.order_by(ValueReceipt.created_at.desc(), ValueReceipt.id.desc())
        rows = session.scalars(ordered.limit(part.limit).offset(part.offset)).all()
        shown = _shown(session, billing)
        return ReceiptList(data=[shown.summary(row) for row in rows], total=total)


@routes.post("/value-receipts", status_code=201, response_model_exclude_none=True)
def create_value_receipt(billing: Shared, body: ReceiptRequest) -> ReceiptWritten:
    """A new receipt, even where there is one of the same period."""
    now = billing.clock()
    with billing.database.read() as session:
        whose = store.of_request(session, body, now)
    content = store.measure(billing, whose)
    return billing.database.write(
        lambda session: _shown(session, billing).written(store.add(session, whose, content, now))
    )


@routes.post("/value-receipts/sync", response_model_exclude_none=True)
def sync_value_receipt(billing: Shared, response: Response, body: ReceiptRequest) -> ReceiptWritten:
    """The receipt of that period, filled anew (200), or a new one (201). A sealed one comes back as it is."""
    now = billing.clock()
    with billing.database.read() as session:
        whose = store.of_request(session, body, now)
    content = store.measure(billing, whose)

    def work(session: Session) -> tuple[ReceiptWritten, bool]:
        receipt = session.scalars(store.existing(whose)).first()
        made = receipt is None
        if receipt is None:
            receipt = store.add(session, whose, content, now)
        elif receipt.status == store.DRAFT:
            store.refill(receipt, content, now)
        return _shown(session, billing).written(receipt), made

    written, made = billing.database.write(work)
    response.status_code = 201 if made else 200
    return written


@routes.post("/value-receipts/embed-secret/rotate", response_model_exclude_none=True)
def rotate_embed_secret(billing: Shared, body: EmbedSecretRotate | None = None) -> EmbedSecretShown:
    """A new secret to sign embed tokens with, shown this once; all tokens signed before are void."""
    said = body or EmbedSecretRotate()
    now = billing.clock()
    row = billing.database.write(lambda session: embed.rotate_secret(session, said.issuer, said.audience, now))
    return EmbedSecretShown(secret=row.secret, issuer=row.issuer, audience=row.audience)


@routes.post("/value-receipts/embed-tokens", response_model_exclude_none=True)
def create_embed_token(billing: Shared, body: EmbedTokenRequest) -> EmbedToken:
    """A signed token for one receipt, or for all of a customer's."""
    with billing.database.read() as session:
        customer = None
        if body.customer_id is not None:
            customer = customer_by_id(session, body.customer_id)
        elif body.external_customer_id is not None:
            customer = customer_by_external_id(session, body.external_customer_id)
        token, ends = embed.mint(
            session,
            None if customer is None else customer.id,
            body.resource_id,
            timedelta(seconds=body.ttl_seconds),
            billing.clock(),
        )
    return EmbedToken(token=token, expires_at=ends)


@routes.post("/value-receipts/share-tokens/revoke-all")
def revoke_all_share_tokens(billing: Shared) -> Revoked:
    """Every receipt gets another URL; those given out so far lead nowhere."""
    now = billing.clock()
    return Revoked(revoked=billing.database.write(lambda session: embed.revoke_all(session, now)))


@routes.get("/value-receipts/{receipt_id}", response_model_exclude_none=True)
def get_value_receipt(billing: Shared, receipt_id: str) -> ReceiptDetail:
    """A receipt."""
    with billing.database.read() as session:
        return _shown(session, billing).detail(store.receipt_by_id(session, receipt_id))


@routes.post("/value-receipts/{receipt_id}/refresh", response_model_exclude_none=True)
def refresh_value_receipt(billing: Shared, receipt_id: str) -> ReceiptWritten:
    """Fill a draft anew; 409 for a sealed one."""
    now = billing.clock()
    with billing.database.read() as session:
        whose = store.of_receipt(session, store.receipt_by_id(session, receipt_id))
    content = store.measure(billing, whose)

    def work(session: Session) -> ReceiptWritten:
        receipt = store.receipt_by_id(session, receipt_id)
        store.refill(receipt, content, now)
        return _shown(session, billing).written(receipt)

    return billing.database.write(work)


@routes.post("/value-receipts/{receipt_id}/seal")
def seal_value_receipt(billing: Shared, receipt_id: str) -> SuccessResponse:
    """Freeze a draft as it stands."""
    return _change(billing, receipt_id, lambda receipt: store.seal(receipt, billing.clock()))


@routes.post("/value-receipts/{receipt_id}/archive")
def archive_value_receipt(billing: Shared, receipt_id: str) -> SuccessResponse:
    """Put a receipt away."""
    return _change(billing, receipt_id, lambda receipt: store.archive(receipt, billing.clock()))


@routes.post("/value-receipts/{receipt_id}/unarchive")
def unarchive_value_receipt(billing: Shared, receipt_id: str) -> SuccessResponse:
    """Bring it back."""
    return _change(billing, receipt_id, lambda receipt: store.unarchive(receipt, billing.clock()))


@routes.post("/value-receipts/{receipt_id}/publish", response_model_exclude_none=True)
def publish_value_receipt(billing: Shared, receipt_id: str, body: ReceiptPublish | None = None) -> ReceiptDetail:
    """Show it to whoever has its URL."""
    until = None if body is None else body.publish_expires_at
    _change(billing, receipt_id, lambda receipt: store.publish(receipt, until, billing.clock()))
    return get_value_receipt(billing, receipt_id)


@routes.post("/value-receipts/{receipt_id}/unpublish", response_model_exclude_none=True)
def unpublish_value_receipt(billing: Shared, receipt_id: str) -> ReceiptDetail:
    """Show it to nobody without an embed token."""
    _change(billing, receipt_id, lambda receipt: store.unpublish(receipt, billing.clock()))
    return get_value_receipt(billing, receipt_id)


@routes.post("/value-receipts/{receipt_id}/rotate-share-token", response_model_exclude_none=True)
def rotate_share_token(billing: Shared, receipt_id: str) -> ReceiptDetail:
    """Give the receipt another URL."""
    _change(billing, receipt_id, lambda receipt: embed.rotate_share_token(receipt, billing.clock()))
    return get_value_receipt(billing, receipt_id)


def _change(billing: Billing, receipt_id: str, change: Callable[[ValueReceipt], None]) -> SuccessResponse:
    def work(session: Session) -> SuccessResponse:
        change(store.receipt_by_id(session, receipt_id))
        return SuccessResponse()

    return billing.database.write(work)


def _shown(session: Session, billing: Billing) -> Shown:
    return Shown(session, billing.public_url, billing.clock())
