"""Receipts from draft to posted: made, refreshed while they are drafts, sealed, archived, published."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from billing.api.errors import conflict, invalid, not_found
from billing.api.schemas.value_receipts import ReceiptRequest
from billing.catalog.find import product_by_id
from billing.context import Billing
from billing.customers.find import customer_by_external_id, customer_by_id
from billing.ids import new_id
from billing.receipts import content as contents
from billing.receipts.content import CURRENCY, Asked, fingerprint
from billing.tables.catalog import Product
from billing.tables.customers import Customer
from billing.tables.orders import Order
from billing.tables.receipts import ValueReceipt
from billing.value.names import names_of_customer, names_of_product

DRAFT: Final = "draft"
POSTED: Final = "posted"


@dataclass(frozen=True)
class Whose:
    """What a receipt is about, and how the lake is asked for it."""

    customer_id: str
    product_id: str | None
    order_id: str | None
    starts: datetime
    ends: datetime
    asked: Asked


def of_request(session: Session, body: ReceiptRequest, now: datetime) -> Whose:
    """What a request is about. Raises the API's 400 and 404."""
    if body.start_date > body.end_date:
        raise invalid("endDate: must not be before startDate")
    if body.end_date > now:
        raise invalid("endDate: the period must have ended")
    if body.external_customer_id is not None:
        customer = customer_by_external_id(session, body.external_customer_id)
    else:
        customer = customer_by_id(session, body.customer_id or "")
    product = None if body.product is None else product_by_id(session, body.product.product_id)
    order = None if body.order_id is None else session.get(Order, body.order_id)
    if body.order_id is not None and (order is None or order.deleted_at is not None):
        raise not_found("order", body.order_id)
    if order is not None and order.customer_id != customer.id:
        raise invalid(f"orderId: {order.id!r} is an order of another customer")
    return _whose(session, customer, product, order, body.start_date, body.end_date)


def of_receipt(session: Session, receipt: ValueReceipt) -> Whose:
    """What a receipt is about, by the names that its customer has now."""
    customer = session.get(Customer, receipt.customer_id)
    assert customer is not None
    product = None if receipt.product_id is None else session.get(Product, receipt.product_id)
    order = None if receipt.order_id is None else session.get(Order, receipt.order_id)
    return _whose(session, customer, product, order, receipt.start_date, receipt.end_date)


def measure(billing: Billing, whose: Whose) -> dict[str, Any]:
    """The content for it as the lake is now."""
    return contents.content(contents.totals(billing.lake, whose.asked), contents.names(billing.lake))


def receipt_by_id(session: Session, receipt_id: str) -> ValueReceipt:
    """The receipt of an id. Raises the API's 404."""
    row = session.get(ValueReceipt, receipt_id)
    if row is None:
        raise not_found("value receipt", receipt_id)
    return row


def existing(whose: Whose) -> Select[ValueReceipt]:
    """The receipts that are about the same, the newest first."""
    return (
        select(ValueReceipt)
        .where(
            ValueReceipt.customer_id == whose.customer_id,
            ValueReceipt.start_date == whose.starts,
            ValueReceipt.end_date == whose.ends,
            ValueReceipt.product_id.is_not_distinct_from(whose.product_id),
            ValueReceipt.order_id.is_not_distinct_from(whose.order_id),
            ValueReceipt.archived_at.is_(None),
        )
        .order_by(ValueReceipt.created_at.desc(), ValueReceipt.id.desc())
    )


def add(session: Session, whose: Whose, content: dict[str, Any], now: datetime) -> ValueReceipt:
    """A new draft."""
    receipt = ValueReceipt(
        id=new_id("vr"), status=DRAFT, public_url_token=new_token(), customer_id=whose.customer_id,
        product_id=whose.product_id, order_id=whose.order_id, currency=CURRENCY, start_date=whose.starts,
        end_date=whose.ends, content=content, total=Decimal(content["total"]), content_hash="", generated_at=now,
        sealed_at=None, published_at=None, publish_expires_at=None, archived_at=None, allow_embed=True,
        created_at=now, updated_at=now,
    )  # fmt: skip
    receipt.content_hash = _hash(receipt)
    session.add(receipt)
    session.flush()
    return receipt


def refill(receipt: ValueReceipt, content: dict[str, Any], now: datetime) -> None:
    """Put new content into a draft. Raises the API's 409 for any other."""
    if receipt.status != DRAFT:
        raise conflict("the receipt is sealed; its content never changes")
    if receipt.archived_at is not None:
        raise conflict("the receipt is archived")
    receipt.content, receipt.total = content, Decimal(content["total"])
    receipt.content_hash = _hash(receipt)
    receipt.generated_at = receipt.updated_at = now


def seal(receipt: ValueReceipt, now: datetime) -> None:
    """Freeze a draft as it stands. Raises the API's 409."""
    if receipt.status != DRAFT:
        raise conflict("the receipt is sealed already")
    if receipt.archived_at is not None:
        raise conflict("the receipt is archived")
    receipt.status, receipt.sealed_at, receipt.updated_at = POSTED, now, now


def archive(receipt: ValueReceipt, now: datetime) -> None:
    """Put it away; nobody is shown it any more. An archived one stays as it is."""
    if receipt.archived_at is None:
        receipt.archived_at = receipt.updated_at = now


def unarchive(receipt: ValueReceipt, now: datetime) -> None:
    """Bring an archived one back. Raises the API's 409 for one that is not."""
    if receipt.archived_at is None:
        raise conflict("the receipt is not archived")
    receipt.archived_at, receipt.updated_at = None, now


def publish(receipt: ValueReceipt, expires_at: datetime | None, now: datetime) -> None:
    """Show it to whoever has its URL, until `expires_at`. Raises the API's 409 and 400."""
    if receipt.archived_at is not None:
        raise conflict("the receipt is archived")
    if expires_at is not None and expires_at <= now:
        raise invalid("publishExpiresAt: must be in the future")
    receipt.published_at, receipt.publish_expires_at, receipt.updated_at = now, expires_at, now


def unpublish(receipt: ValueReceipt, now: datetime) -> None:
    """Show it to nobody without an embed token any more."""
    if receipt.published_at is not None:
        receipt.published_at, receipt.publish_expires_at, receipt.updated_at = None, None, now


def is_published(receipt: ValueReceipt, now: datetime) -> bool:
    """Whether whoever has its URL may see it now."""
    within = receipt.publish_expires_at is None or now < receipt.publish_expires_at
    return receipt.published_at is not None and within and receipt.archived_at is None


def is_intact(receipt: ValueReceipt) -> bool:
    """Whether the content is what it was when it was written."""
    return receipt.content_hash == _hash(receipt)


def new_token() -> str:
    """A share token nobody guesses."""
    return secrets.token_urlsafe(24)


def _hash(receipt: ValueReceipt) -> str:
    whose = {
        "id": receipt.id, "customerId": receipt.customer_id, "productId": receipt.product_id,
        "orderId": receipt.order_id, "startDate": receipt.start_date.isoformat(),
        "endDate": receipt.end_date.isoformat(),
    }  # fmt: skip
    return fingerprint(receipt.content, whose)


def _whose(
    session: Session,
    customer: Customer,
    product: Product | None,
    order: Order | None,
    starts: datetime,
    ends: datetime,
) -> Whose:
    names: list[str] | None = None if product is None else names_of_product(product)
    first, last = starts, ends
    if order is not None:
        sold = (session.get(Product, line.product_id) for line in order.lines)
        names = sorted({name for each in sold if each is not None for name in names_of_product(each)})
        # an order delivers while it runs
        first = max(starts, order.start_date)
        last = ends if order.end_date is None else min(ends, order.end_date)
    return Whose(
        customer.id, None if product is None else product.id, None if order is None else order.id, starts, ends,
        Asked(names_of_customer(session, customer), names, first, last),
    )  # fmt: skip
